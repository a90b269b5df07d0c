"""Split 80/20 and scale: raw.npz -> train.npz, test.npz.

With ``data.evaluate_on: validation`` TRAIN alone is split again, train.npz holds FIT and test.npz VAL. TEST is in
neither, so no later step can look at it.
"""

from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.resplit import Fold, resplit
from nm_vqtsg.datasets.series import split_names
from nm_vqtsg.steps.context import StepContext


def run(ctx: StepContext) -> None:
    """Re-split one data set, or pass a given split through, and scale it by TRAIN."""
    data = ctx.params.data
    raw = RawData.load(ctx.paths.raw)
    chosen = data.evaluate_on == "validation"
    train, test = resplit(
        raw,
        test_size=data.test_size,
        seed=data.split_seed,
        min_length=data.min_length,
        validation=Fold(data.validation_folds, data.validation_fold) if chosen else None,
        name=ctx.dataset,
    )
    train.save(ctx.paths.train)
    test.save(ctx.paths.test)
    ctx.log.info(
        "%s: %d %s and %d %s series, %s%s",
        ctx.dataset,
        len(train.X),
        split_names(train.facts())[0],
        len(test.X),
        split_names(test.facts())[1],
        "split as given" if raw.already_split else f"split by seed {data.split_seed}",
        f", fold {data.validation_fold} of {data.validation_folds}; TEST is set aside" if chosen else "",
    )
