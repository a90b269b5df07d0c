"""Networks with their first weights, where a test needs no training."""

from nm_vqtsg.judge.model import Judge
from nm_vqtsg.judge.network import FCN
from nm_vqtsg.params import Fcn
from nm_vqtsg.training.seeds import seeded


def untrained_judge(in_channels: int, n_classes: int, seed: int = 0) -> Judge:
    config = Fcn()
    network = seeded(seed, lambda: FCN(in_channels, n_classes, config.dropout))
    return Judge(config, in_channels, n_classes, network.eval())
