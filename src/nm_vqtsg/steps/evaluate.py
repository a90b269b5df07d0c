"""Step ``evaluate``: map the samples and measure them before and after.

Reads ``train.npz``, ``test.npz``, ``fcn.safetensors`` (absent without labels), ``samples.npz``,
``tau_curve.json``, ``stage3.safetensors`` and the warnings in the reports of the steps before; writes
``mapped.npz`` (`X`, and `X_class`, `y_class` with labels, as in ``samples.npz``) and ``metrics.json``.
"""

from typing import Any

import numpy as np
import torch

from nm_vqtsg.artifacts import canonical_json, load_json, load_npz, save_json, save_npz
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.evaluation.evaluation import Generated, Protocol, Real, evaluate
from nm_vqtsg.evaluation.judge import Judge
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.steps.context import StageContext


def run(ctx: StageContext) -> None:
    """Map, measure and save."""
    train, test = Series.load(ctx.paths.train), Series.load(ctx.paths.test)
    classes = ("X_class", "y_class") if test.n_classes else ()
    samples = load_npz(ctx.paths.samples, required=("X", *classes))
    mapper = Mapper.load(ctx.model(3), ctx.session.device)
    mapped = {
        name: mapper.map(torch.from_numpy(samples[name])).numpy() for name in samples if name in ("X", "X_class")
    }
    mapped |= {name: samples[name] for name in classes if name == "y_class"}
    search = load_json(ctx.paths.tau_curve)  # early: a file that is missing should cost no time
    warnings = _warnings(ctx)

    judge = Judge.load(ctx.paths.fcn) if test.n_classes else None
    if judge is not None:
        judge.model.to(ctx.session.device)
    params = ctx.params
    result = evaluate(
        Real(test.X, test.y),
        {"baseline": _generated(samples), "mapped": _generated(mapped)},
        train=Real(train.X, train.y),
        judge=judge,
        rocket=RocketFeatures(test.X.shape[1], test.X.shape[2], params.rocket.n_kernels, params.rocket.seed),
        labels=() if test.labels is None else tuple(str(label) for label in test.labels),
        protocol=Protocol(**params.evaluate.model_dump()),
        session=ctx.session,
    )
    facts: dict[str, Any] = {
        "warnings": warnings,
        "dataset": ctx.dataset,
        "seed": ctx.seed,
        "tau": search["tau"],
        "tau_search": {name: search[name] for name in ("grid", "fid", "at_edge", "n_generated", "n_train")},
        "steps": {name: getattr(params, name).steps for name in ("stage1", "stage2", "stage3")},
    }
    save_npz(ctx.paths.mapped, **mapped, provenance=np.array(canonical_json(ctx.provenance())))
    save_json(ctx.paths.metrics, facts | result | {"provenance": ctx.provenance()})
    for name in ("fid", "is", "cfid", "rocket_fid"):
        if name in result["baseline"]:
            ctx.log.info(
                "%s: %.4g -> %.4g, real series %.4g%s",
                name,
                result["baseline"][name],
                result["mapped"][name],
                result["reference"].get(name, float("nan")),
                " (unresolved)" if result["unresolved"].get(name) else "",
            )
    for name, reason in result["missing"].items():
        ctx.log.warning("%s left out: %s", name, reason)


def _warnings(ctx: StageContext) -> dict[str, list[str]]:
    """What earlier steps warned of, with their numbers, by step; steps that had no reason to are absent."""
    reports = {"fcn": ctx.paths.fcn_report, "tau_search": ctx.paths.tau_curve}
    reports |= {f"stage{stage}": ctx.paths.report(stage) for stage in (1, 2, 3)}
    found = {step: load_json(path).get("warnings", []) for step, path in sorted(reports.items())}
    return {step: warnings for step, warnings in found.items() if warnings}


def _generated(arrays: dict[str, np.ndarray]) -> Generated:
    return Generated(arrays["X"], arrays.get("X_class"), arrays.get("y_class"))
