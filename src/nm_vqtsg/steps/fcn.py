"""Step ``fcn``: train or fetch the judge that every seed and generator of a data set is measured by.

Reads ``train.npz`` (training and early stopping) and ``test.npz`` (the reported accuracy, nothing else); writes
``fcn.safetensors``, ``fcn.json`` and ``fcn_curve.tsv``.
"""

import os
from pathlib import Path
from typing import Any

from nm_vqtsg.artifacts import save_json, save_model, save_text
from nm_vqtsg.datasets.fetch import CACHE_VARIABLE
from nm_vqtsg.datasets.series import Series, split_names
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.judge import advice
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.judge.published import PUBLISHED, load_published
from nm_vqtsg.metrics.accuracy import accuracy, balanced_accuracy
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.training.curve import Row, save_curve

NO_CURVE = "step\tloss\n"


def run(ctx: StepContext) -> None:
    """Train the judge, or fetch the published one, and report its accuracy.

    Data without labels have no judge, and `evaluate` uses ROCKET features alone; the files are written all the
    same, without weights, since the engines wait for them.
    """
    train, test = Series.load(ctx.paths.train), Series.load(ctx.paths.test)
    if train.y is None or test.y is None:
        ctx.log.warning("FCN: %s has no labels, so there is no judge, and neither FID, IS nor cFID", ctx.dataset)
        save_model(ctx.paths.fcn, {}, {"judge": None})
        save_text(ctx.paths.fcn_curve, NO_CURVE)
        save_json(
            ctx.paths.fcn_report,
            {"dataset": ctx.dataset, "accuracy": None, "provenance": ctx.provenance()},
        )
        return
    curve: list[Row] = []
    if ctx.params.fcn.source == "own":
        judge = Judge(ctx.params.fcn, train.X.shape[1], train.n_classes)
        curve = judge.fit(train.X, train.y, ctx.session)
    else:
        judge = _published(ctx, train)
    probabilities = judge.features_and_probabilities(test.X)[1]
    right, balanced = accuracy(probabilities, test.y), balanced_accuracy(probabilities, test.y)
    report = {
        "dataset": ctx.dataset,
        "source": judge.source,
        "accuracy": right,
        "balanced_accuracy": balanced,
        "train_accuracy": judge.accuracy(train.X, train.y),
        "n": {"train": len(train.X), "test": len(test.X)},
        "classes": train.n_classes,
        **_training(curve),
        **test.facts(),
        "provenance": ctx.provenance(),
    }
    ctx.log.info(
        "FCN (%s): accuracy %.4f on %s%s%s",
        judge.source,
        right,
        split_names(test.facts())[1],
        "" if balanced is None else f", {balanced:.4f} as the mean of its unequal classes",
        f", best epoch {report['best_epoch']} of {len(curve)}" if curve else "",
    )
    judge.save(ctx.paths.fcn, ctx.provenance())
    if curve:
        save_curve(ctx.paths.fcn_curve, curve)
    else:
        save_text(ctx.paths.fcn_curve, NO_CURVE)
    save_json(ctx.paths.fcn_report, report)
    for warning in advice.warnings(report):
        ctx.log.warning("FCN: %s", warning)


def _published(ctx: StepContext, train: Series) -> Judge:
    """The published judge, which must be one of such series.

    Raises
    ------
    ArtifactError
        If it is of other series.
    """
    config = ctx.params.fcn
    if config.source != PUBLISHED:  # a folder, meant relative to the study's params.yaml
        config = config.model_copy(update={"source": str(ctx.study / config.source)})
    cache = Path(os.environ.get(CACHE_VARIABLE) or ctx.paths.downloads)
    judge = load_published(ctx.dataset, config, ctx.session, cache)
    has, needs = (judge.in_channels, judge.n_classes), (train.X.shape[1], train.n_classes)
    if has != needs:
        raise ArtifactError(
            f"fcn.source: the published judge of {ctx.dataset} is for {has[0]} channel(s) and {has[1]} classes, "
            f"and the data have {needs[0]} and {needs[1]}; set it to own"
        )
    return judge


def _training(curve: list[Row]) -> dict[str, Any]:
    """What the curve of a judge that was trained here says."""
    if not curve:
        return {}
    best = min(range(len(curve)), key=lambda epoch: curve[epoch]["validation_loss"])
    return {
        "epochs": len(curve),
        "best_epoch": best + 1,
        "steps": int(curve[-1]["step"]),
        "validation_loss": curve[best]["validation_loss"],
        "validation_accuracy": curve[best]["validation_accuracy"],
    }
