"""A finished run whose prior and mapper learnt next to nothing, with all that scripts read of one."""

from pathlib import Path

import torch
from finished_run import finished_run

from nm_vqtsg.datasets.series import Series
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.nn.quantizer import codes_digest
from nm_vqtsg.params import Params, Stage2, Stage3, Svq, as_yaml
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.tokenizer import registry

SMALL = {"width": 8, "depth": 1, "heads": 1}


def trained_run(study: Path, evaluate_on: str = "test") -> StepContext:
    """Seed 0 of the labelled data set Toy; of each part 40 series, the same ones."""
    ctx = finished_run(study, channels=1, labelled=True)
    params = {
        "datasets": ["Toy"],
        "own_data": {"Toy": {"path": "toy.csv"}},
        "data": {"evaluate_on": evaluate_on},
        "sample": {"n_samples": 30},
    }
    (study / "params.yaml").write_text(as_yaml(Params.model_validate(params, strict=False)))
    train = Series.load(ctx.paths.train)
    X, y = torch.from_numpy(train.X), torch.from_numpy(train.y)
    tokenizer = registry.load("timevqvae", ctx.model(1))
    config = Stage2.model_validate({"steps": 2, "batch_size": 8, "lf": SMALL, "hf": SMALL}, strict=False)
    prior = Prior(config, tokenizer.grids, tokenizer.codebooks, train.n_classes)
    prior.fit(tokenizer.tokens(X), y)
    prior.save(ctx.paths.weights(2))
    codes = codes_digest(tokenizer.codebooks)
    mapper = Mapper(Stage3(steps=2, batch_size=8, width=8), Svq(), 1.0, 1, train.X.shape[2], codes)
    mapper.fit(StochasticVariants(tokenizer, X))
    mapper.save(ctx.paths.weights(3))
    return ctx
