"""Split 80/20 and scale: raw.npz -> train.npz, test.npz."""

from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.resplit import resplit
from nm_vqtsg.steps.context import StepContext


def run(ctx: StepContext) -> None:
    """Re-split one data set, or pass a given split through, and scale it by TRAIN."""
    data = ctx.params.data
    raw = RawData.load(ctx.paths.raw)
    train, test = resplit(
        raw, test_size=data.test_size, seed=data.split_seed, min_length=data.min_length, name=ctx.dataset
    )
    train.save(ctx.paths.train)
    test.save(ctx.paths.test)
    ctx.log.info(
        "%s: %d TRAIN and %d TEST series, %s",
        ctx.dataset,
        len(train.X),
        len(test.X),
        "split as given" if raw.already_split else f"split by seed {data.split_seed}",
    )
