"""Get the series: `data.source` or `own_data` -> raw.npz."""

import os
from pathlib import Path

from nm_vqtsg.datasets.fetch import BUNDLED, CACHE_VARIABLE, SITES, fetch
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.steps.context import StepContext


def run(ctx: StepContext) -> None:
    """Fetch or read one data set, check it and store it in original units."""
    own = ctx.params.own_data.get(ctx.dataset)
    if own is not None:
        raw = read_own(ctx.study / own.path, name=ctx.dataset, **own.how())
        for note in raw.notes:
            ctx.log.warning("%s: %s", ctx.dataset, note)
        origin = own.path
    else:
        origin = ctx.params.data.source
        # a folder is meant relative to the study's params.yaml
        source = origin if origin in (*SITES, BUNDLED) else str(ctx.study / origin)
        cache = Path(os.environ.get(CACHE_VARIABLE) or ctx.paths.downloads)
        # by a function, since the session loads torch, which only a real download needs
        raw = fetch(ctx.dataset, source, cache=cache, track=lambda *task: ctx.session.track(*task))
    raw.save(ctx.paths.raw)
    n, channels, length = raw.X.shape
    classes = "no labels" if raw.labels is None else f"{len(set(raw.labels.tolist()))} classes"
    ctx.log.info("%s: %d series x %d channel(s) x %d, %s (%s)", ctx.dataset, n, channels, length, classes, origin)
