"""Step ``stage1``: train the tokeniser.

Reads ``train.npz`` and ``test.npz`` (the latter for the report alone); writes ``stage1.safetensors``,
``stage1.json`` and ``stage1_curve.tsv``.
"""

import torch

from nm_vqtsg.artifacts import save_json
from nm_vqtsg.datasets.series import Series, split_names
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.tokenizer import advice, registry
from nm_vqtsg.tokenizer.quality import code_usage, reconstruction_errors
from nm_vqtsg.training.curve import save_curve


def run(ctx: StepContext) -> None:
    """Train, measure the reconstruction and the use of the codes, and save."""
    config, device = ctx.params.stage1, ctx.session.device
    splits = {"train": Series.load(ctx.paths.train), "test": Series.load(ctx.paths.test)}
    x = {name: torch.from_numpy(split.X).to(device) for name, split in splits.items()}
    tokenizer = registry.build(ctx.params.generator, config, *x["train"].shape[1:])
    curve = tokenizer.fit(x["train"], ctx.seed, ctx.session)

    errors = {name: reconstruction_errors(tokenizer, series) for name, series in x.items()}
    usage = {name: code_usage(tokenizer, series) for name, series in x.items()}
    learnt_from, held_out = split_names(splits["test"].facts())
    ctx.log.info(
        "stage1: reconstruction L1 %.4f on %s (%.4f on %s); live codes %s",
        errors["test"]["total"]["l1"],
        held_out,
        errors["train"]["total"]["l1"],
        learnt_from,
        ", ".join(f"{usage['train'][plan.name]['live']} {plan.label}" for plan in tokenizer.plans),
    )
    tokenizer.save(ctx.paths.weights(1), ctx.provenance())
    save_curve(ctx.paths.curve(1), curve)
    report = {
        "generator": ctx.params.generator,
        "parameters": sum(parameter.numel() for parameter in tokenizer.parameters()),
        "steps": int(curve[-1]["step"]),
        "loss": curve[-1]["loss"],
        "grids": tokenizer.grids,
        "reconstruction": errors,
        "codebook_size": config.codebook_size,
        "usage": usage["train"],
        "usage_test": usage["test"],
        **splits["test"].facts(),
        "provenance": ctx.provenance(),
    }
    save_json(ctx.paths.report(1), report)
    for warning in advice.warnings(report):
        ctx.log.warning("stage1: %s", warning)
