"""Step ``fcn``: train the judge that every seed and generator of a data set is measured by.

Reads ``train.npz`` (training and early stopping) and ``test.npz`` (the reported accuracy, nothing else); writes
``fcn.safetensors``, ``fcn.json`` and ``fcn_curve.tsv``.
"""

from nm_vqtsg.artifacts import save_json, save_model, save_text
from nm_vqtsg.datasets.series import Series, split_names
from nm_vqtsg.judge import advice
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.training.curve import save_curve


def run(ctx: StepContext) -> None:
    """Train the judge and report its accuracy.

    Data without labels have no judge, and `evaluate` uses ROCKET features alone; the files are written all the
    same, without weights, since the engines wait for them.
    """
    train, test = Series.load(ctx.paths.train), Series.load(ctx.paths.test)
    if train.y is None or test.y is None:
        ctx.log.warning("FCN: %s has no labels, so there is no judge, and neither FID, IS nor cFID", ctx.dataset)
        save_model(ctx.paths.fcn, {}, {"judge": None})
        save_text(ctx.paths.fcn_curve, "step\tloss\n")
        save_json(
            ctx.paths.fcn_report,
            {"dataset": ctx.dataset, "accuracy": None, "provenance": ctx.provenance()},
        )
        return
    judge = Judge(ctx.params.fcn, train.X.shape[1], train.n_classes)
    curve = judge.fit(train.X, train.y, ctx.session)
    accuracy = judge.accuracy(test.X, test.y)
    best = min(range(len(curve)), key=lambda epoch: curve[epoch]["validation_loss"])
    held_out = split_names(test.facts())[1]
    ctx.log.info("FCN: accuracy %.4f on %s, best epoch %d of %d", accuracy, held_out, best + 1, len(curve))
    judge.save(ctx.paths.fcn, ctx.provenance())
    save_curve(ctx.paths.fcn_curve, curve)
    report = {
        "dataset": ctx.dataset,
        "accuracy": accuracy,
        "train_accuracy": judge.accuracy(train.X, train.y),
        "n": {"train": len(train.X), "test": len(test.X)},
        "classes": train.n_classes,
        "epochs": len(curve),
        "best_epoch": best + 1,
        "steps": int(curve[-1]["step"]),
        "validation_loss": curve[best]["validation_loss"],
        "validation_accuracy": curve[best]["validation_accuracy"],
        **test.facts(),
        "provenance": ctx.provenance(),
    }
    save_json(ctx.paths.fcn_report, report)
    for warning in advice.warnings(report):
        ctx.log.warning("FCN: %s", warning)
