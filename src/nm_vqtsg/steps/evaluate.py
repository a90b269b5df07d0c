"""Step ``evaluate``: map the samples and measure them before and after.

Reads ``train.npz``, ``test.npz``, ``fcn.safetensors`` (absent without labels), ``samples.npz``,
``tau_curve.json``, ``stage1.safetensors``, ``stage3.safetensors`` and the reports of the steps before, whose
numbers are worth a warning; writes ``mapped.npz`` (`X`, and `y`, `X_class`, `y_class`, as in ``samples.npz``) and
``metrics.json``.
"""

from typing import Any

import numpy as np
import torch

from nm_vqtsg.artifacts import canonical_json, load_json, load_npz, save_json, save_npz
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.evaluation.controls import CONTROL_STREAM, control_samples
from nm_vqtsg.evaluation.evaluate import evaluate_samples
from nm_vqtsg.evaluation.legend import LEGEND
from nm_vqtsg.evaluation.scores import Samples
from nm_vqtsg.evaluation.table import gain_text
from nm_vqtsg.judge import advice as of_judge
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.mapper import advice as of_mapper
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.prior import advice as of_prior
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.svq import advice as of_tau
from nm_vqtsg.tokenizer import advice as of_tokenizer
from nm_vqtsg.tokenizer import registry


def run(ctx: StepContext) -> None:
    """Map, measure and save."""
    train, test = Series.load(ctx.paths.train), Series.load(ctx.paths.test)
    classes = ("X_class", "y_class") if test.n_classes else ()
    arrays = load_npz(ctx.paths.samples, required=("X", *classes))
    mapper = Mapper.load(ctx.model(3), ctx.session.device)
    mapped = {
        name: mapper.map(torch.from_numpy(arrays[name])).cpu().numpy()
        for name in arrays
        if name in ("X", "X_class")
    }
    mapped |= {name: arrays[name] for name in ("y", "y_class") if name in arrays}
    search = load_json(ctx.paths.tau_curve)  # early: a file that is missing should cost no time
    warnings = _warnings(ctx)

    judge = Judge.load(ctx.paths.fcn, ctx.session.device) if test.n_classes else None
    params = ctx.params
    tokenizer = registry.load(params.generator, ctx.model(1), ctx.session.device)

    def reconstruct(X: np.ndarray) -> np.ndarray:
        return tokenizer.reconstruct(torch.from_numpy(X).to(ctx.session.device)).cpu().numpy()

    versions = {"baseline": _samples(arrays), "mapped": _samples(mapped)}
    rng = np.random.default_rng([params.evaluate.seed, CONTROL_STREAM])
    result = evaluate_samples(
        test,
        versions,
        train=train,
        controls=control_samples(versions["baseline"], versions["mapped"], train.X, rng, reconstruct),
        judge=judge,
        rocket=params.rocket,
        config=params.evaluate,
        session=ctx.session,
    )
    searched = ("grid", "fid", "at_edge", "n_generated", "n_train", *(["outcome"] if "outcome" in search else []))
    facts: dict[str, Any] = {
        "warnings": warnings,
        "dataset": ctx.dataset,
        "seed": ctx.seed,
        "tau": search["tau"],
        "tau_search": {name: search[name] for name in searched},
        "steps": {name: getattr(params, name).steps for name in ("stage1", "stage2", "stage3")},
    }
    save_npz(ctx.paths.mapped, **mapped, provenance=np.array(canonical_json(ctx.provenance())))
    save_json(ctx.paths.metrics, facts | result | {"provenance": ctx.provenance()})
    for name in ("fid", "is", "cfid", "rocket_fid"):
        if name in result["baseline"]:
            ctx.log.info(
                "%s: %.4g -> %.4g, gain %s; real series %.4g",
                LEGEND[name].name,
                result["baseline"][name],
                result["mapped"][name],
                gain_text(result, name),
                result["reference"].get(name, float("nan")),
            )
    for name, reason in result["missing"].items():
        ctx.log.warning("%s left out: %s", name, reason)


def _warnings(ctx: StepContext) -> dict[str, list[str]]:
    """What the numbers in the reports of the steps before warn of, by step; steps that are well are absent.

    Raises
    ------
    ArtifactError
        If a report is missing or damaged.
    """
    advisers = {
        "fcn": (of_judge, ctx.paths.fcn_report),
        "stage1": (of_tokenizer, ctx.paths.report(1)),
        "stage2": (of_prior, ctx.paths.report(2)),
        "stage3": (of_mapper, ctx.paths.report(3)),
        "tau_search": (of_tau, ctx.paths.tau_curve),
    }
    by_step = {}
    for step, (advice, path) in advisers.items():
        try:
            by_step[step] = advice.warnings(load_json(path))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(f"{path}: lacks numbers of {step}; run {step} again") from error
    return {step: warnings for step, warnings in by_step.items() if warnings}


def _samples(arrays: dict[str, np.ndarray]) -> Samples:
    return Samples(arrays["X"], arrays.get("X_class"), arrays.get("y_class"))
