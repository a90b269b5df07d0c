"""How a trained mapper does on fresh variants of TRAIN."""

from dataclasses import dataclass

from torch.nn.functional import l1_loss

from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.metrics.counts import ENOUGH
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training.seeds import new_rng


@dataclass(frozen=True)
class MapperReport:
    """How the trained mapper does on fresh variants of (a part of) TRAIN, in eval mode.

    Attributes
    ----------
    l1 : float
        Mean of |x − f_φ(x̃')|.
    l1_input : float
        Mean of |x − x̃'|, what no mapping at all would give.
    spread : float
        Mean over channels and times of the mapped series' standard deviation, over the same of the real ones.
    n : int
        Series looked at.
    """

    l1: float
    l1_input: float
    spread: float
    n: int


def measure(mapper: Mapper, variants: StochasticVariants, seed: int = 0) -> MapperReport:
    """Look at a mapper, which has a temperature, on fresh variants of the first series."""
    assert mapper.tau is not None
    n = min(ENOUGH, len(variants))
    variant = variants.draw(slice(0, n), mapper.tau, new_rng(seed, "mapper check"))
    mapped, x = mapper.map(variant), variants.x[:n]
    spread = mapped.std(0, correction=0).mean() / x.std(0, correction=0).mean().clamp(min=1e-12)
    return MapperReport(float(l1_loss(mapped, x)), float(l1_loss(variant, x)), float(spread), n)
