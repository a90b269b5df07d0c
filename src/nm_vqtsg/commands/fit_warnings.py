"""What looks wrong with the generator of a fit, by the series that it learnt from and those held out."""

from dataclasses import asdict

import numpy as np
import torch

from nm_vqtsg.datasets.arrays import class_ids
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.estimators.generator import TwoStageEstimator
from nm_vqtsg.prior import advice as prior_advice
from nm_vqtsg.prior.quality import cross_entropy_of_frequencies
from nm_vqtsg.tokenizer import advice as tokenizer_advice
from nm_vqtsg.tokenizer.quality import code_usage, reconstruction_errors

Labelled = tuple[np.ndarray, np.ndarray | None]
"""Series (n, C, L) in their own units, and their labels (n,), if there are any."""

MASKS = 0  # seed of the masks on which the prior is scored


def warnings(model: TwoStageEstimator, learnt_from: Labelled, held_out: Labelled) -> dict[str, list[str]]:
    """Sentences about tokeniser and prior, under their names; nothing of one with which all is well."""
    tokenizer, prior = model.tokenizer_, model.prior_
    scaling, names = Scaling(model.mean_, model.std_), [plan.name for plan in tokenizer.plans]
    parts = {"train": learnt_from, "test": held_out}
    x = {name: torch.from_numpy(scaling.apply(X)).to(prior.device) for name, (X, _) in parts.items()}
    tokens = {name: tokenizer.tokens(series) for name, series in x.items()}
    classes = None if held_out[1] is None else torch.from_numpy(class_ids(held_out[1], model.classes_))
    ids = {name: prior.vocabulary.ids(of_part) for name, of_part in tokens.items()}
    frequencies = [
        cross_entropy_of_frequencies(own, other, size)
        for own, other, size in zip(ids["train"], ids["test"], prior.vocabulary.sizes, strict=True)
    ]
    bands = zip(prior.score(tokens["test"], classes, MASKS), frequencies, strict=True)
    learnt = prior.score(tokens["train"], None, MASKS)
    sentences = {
        "tokeniser": tokenizer_advice.warnings(
            {
                "codebook_size": tokenizer.config.codebook_size,
                "usage": code_usage(tokenizer, x["train"]),
                "reconstruction": {name: reconstruction_errors(tokenizer, series) for name, series in x.items()},
            }
        ),
        "prior": prior_advice.warnings(
            {
                "bands": names,
                "masked": {"train": {"unconditional": dict(zip(names, map(asdict, learnt), strict=True))}},
                "held_out": {
                    "bands": {
                        name: asdict(score) | {"frequencies": least}
                        for name, (score, least) in zip(names, bands, strict=True)
                    }
                },
            }
        ),
    }
    return {name: said for name, said in sentences.items() if said}
