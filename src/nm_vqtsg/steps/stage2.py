"""Step ``stage2``: train the prior on the tokens of TRAIN.

With ``stage2.svq_tau`` they are drawn anew at every step, by stochastic vector quantisation.

Reads ``train.npz``, ``test.npz`` and ``stage1.safetensors``; writes ``stage2.safetensors``, ``stage2.json`` and
``stage2_curve.tsv``.
"""

from dataclasses import asdict
from typing import Any

import torch

from nm_vqtsg.artifacts import save_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.prior import advice
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.prior.quality import BandScore
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.svq.variants import token_draws
from nm_vqtsg.tokenizer import registry
from nm_vqtsg.training.curve import save_curve


def run(ctx: StepContext) -> None:
    """Train, score on masks that training never drew, and save."""
    config, device = ctx.params.stage2, ctx.session.device
    splits = {"train": Series.load(ctx.paths.train), "test": Series.load(ctx.paths.test)}
    tokenizer = registry.load(ctx.params.generator, ctx.model(1), device)
    x = {name: torch.from_numpy(split.X).to(device) for name, split in splits.items()}
    tokens = {name: tokenizer.tokens(series) for name, series in x.items()}
    classes = {name: None if split.y is None else torch.from_numpy(split.y) for name, split in splits.items()}
    n_classes = splits["train"].n_classes
    prior = Prior(config, tokenizer.grids, tokenizer.codebooks, n_classes)
    draw = token_draws(tokenizer, x["train"], config.svq_tau)
    curve = prior.fit(tokens["train"], classes["train"], ctx.seed, ctx.session, draw)

    names = [plan.name for plan in tokenizer.plans]
    masked: dict[str, dict[str, dict[str, BandScore]]] = {}
    for split in splits:
        given = {"unconditional": None} | ({"of_class": classes[split]} if n_classes else {})
        masked[split] = {
            what: dict(zip(names, prior.score(tokens[split], y, ctx.seed), strict=True))
            for what, y in given.items()
        }
    prior.save(ctx.paths.weights(2), ctx.provenance())
    save_curve(ctx.paths.curve(2), curve)
    report = {
        "bands": names,
        "parameters": sum(parameter.numel() for parameter in prior.network.parameters()),
        "steps": int(curve[-1]["step"]),
        "loss": curve[-1]["loss"],
        "masked": {
            split: {what: {name: asdict(one) for name, one in bands.items()} for what, bands in scores.items()}
            for split, scores in masked.items()
        },
        **_held_out(prior, names),
        **splits["test"].facts(),
        "provenance": ctx.provenance(),
    }
    save_json(ctx.paths.report(2), report)
    for warning in advice.warnings(report):
        ctx.log.warning("stage2: %s", warning)


def _held_out(prior: Prior, names: list[str]) -> dict[str, Any]:
    """What the report says of the series that were held out, if there were any."""
    if prior.held_out is None:
        return {}
    bands = {
        name: {**asdict(score), "frequencies": frequencies}
        for name, score, frequencies in zip(names, prior.held_out.bands, prior.held_out.frequencies, strict=True)
    }
    return {"held_out": {"n": prior.held_out.n, "best_step": prior.held_out.best_step, "bands": bands}}
