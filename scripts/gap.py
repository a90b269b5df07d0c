"""Which part of the model keeps samples from real series? Real tokens in the place of drawn ones, band by band.

    python scripts/gap.py STUDY [STUDY ...] --dataset FaceAll   # of runs that are here with all their files
    python scripts/gap.py STUDY [STUDY ...] --results           # docs/gap.md and docs/gap.png

Of a run are decoded: tokens of the series that the study is scored on, and of TRAIN; tokens of which the first
bands are TRAIN's and the prior draws the others, given the class of the series; and tokens that the prior draws
alone, for classes as frequent as in TRAIN and for none. From one line to the next another part of the model has
its say, so the difference of two lines is what that part loses. Each is scored before and after the mapper, by FID
to the series that the study is scored on, with `DRAWS` choices of the series of TRAIN and draws of the tokens.
Nothing is trained. The numbers go to ``results/gap/DATASET/seedK.json`` of the study, which git holds.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from measured import mean_and_sd, of_each_set, parser_of, record_file, records_of, series_of, write_page

from nm_vqtsg import __version__
from nm_vqtsg.artifacts import save_json
from nm_vqtsg.datasets.series import split_names
from nm_vqtsg.errors import UserError
from nm_vqtsg.figures import style
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.metrics.counts import sample_count
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.steps.context import StepContext, open_context
from nm_vqtsg.tables import Table
from nm_vqtsg.tokenizer import registry
from nm_vqtsg.training.seeds import new_rng

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "gap"
FOLDER = "gap"
DRAWS = 5


def of_run(ctx: StepContext) -> dict[str, Any]:
    """The numbers of one run.

    Raises
    ------
    UserError
        If a file of the run is missing or damaged, or the data have no classes.
    """
    train, real = series_of(ctx, choosing=False)
    params = ctx.params
    tokenizer = registry.load(params.generator, ctx.model(1))
    prior, mapper, judge = Prior.load(ctx.model(2)), Mapper.load(ctx.model(3)), Judge.load(ctx.paths.fcn)
    n, features = sample_count(params.sample.n_samples, len(real.X)), judge.features(real.X)
    names = [plan.name for plan in tokenizer.plans]
    found: dict[str, list[list[float]]] = {}

    def score(name: str, X: torch.Tensor) -> None:
        versions = X, mapper.map(X)
        of_draw = [fid(features, judge.features(version.numpy())) for version in versions]
        found.setdefault(name, []).append(of_draw)

    score(f"all tokens {split_names(real.facts())[1]}'s", tokenizer.reconstruct(torch.from_numpy(real.X)))
    for draw in range(DRAWS):
        rng = new_rng(ctx.seed, FOLDER, draw)
        rows = torch.randperm(len(train.X), generator=rng)[:n]
        X, y = torch.from_numpy(train.X)[rows], torch.from_numpy(train.y)[rows]
        tokens = tokenizer.tokens(X)
        score("TRAIN", X)
        score("all tokens TRAIN's", tokenizer.decode(tokens))
        for known in range(len(names) - 1, -1, -1):
            drawn = prior.sample(len(y), y, rng=rng, config=params.sample, given=tokens[:known])
            kept = f"{' and '.join(names[:known])} of TRAIN, {' and '.join(names[known:])} drawn"
            score(kept if known else "all drawn", tokenizer.decode(drawn))
        drawn = prior.sample(n, rng=rng, config=params.sample)
        score("all drawn, without a class", tokenizer.decode(drawn))
    return {
        "dataset": ctx.dataset,
        "seed": ctx.seed,
        "n": {"train": len(train.X), "real": len(real.X), "drawn": n},
        "draws": DRAWS,
        "fcn_accuracy": judge.accuracy(real.X, real.y),
        "fid": {
            name: {"unmapped": [pair[0] for pair in pairs], "mapped": [pair[1] for pair in pairs]}
            for name, pairs in found.items()
        },
        **real.facts(),
        "version": __version__,
    }


def results(studies: Sequence[Path], out: Path = OUT) -> None:
    """Table and figure of what has been measured, to ``OUT.md`` and ``OUT.png``."""
    records = records_of(studies, FOLDER)
    write_page(out, _table(records), _figure(records))


def _table(records: Sequence[dict[str, Any]]) -> Table:
    header = ["Data set", "Study", "Seed", "Tokens", "FID", "FID mapped"]
    cells = [
        [
            record["dataset"],
            record["study"],
            str(record["seed"]),
            name,
            *(mean_and_sd(scores[key]) for key in ("unmapped", "mapped")),
        ]
        for record in records
        for name, scores in record["fid"].items()
    ]
    sizes = of_each_set(records, "{drawn} series against {real}")
    note = (
        f"{sizes}. Mean ± sd over {records[0]['draws']} draws. TRAIN: the series themselves; all others are "
        "decoded tokens, drawn given the class that the series of TRAIN has, but in the last line. Tokeniser and "
        "mapper have learnt on TRAIN; of the series that all are compared with they have seen none, but their own "
        "tokens are not independent of them."
    )
    numeric = [title.startswith(("FID", "Seed")) for title in header]
    return Table("Where the distance to real series comes from", header, numeric, cells, notes=[note])


@style.styled
def _figure(records: Sequence[dict[str, Any]]) -> Figure:
    figure = style.new_figure(1.9 * len(records) + 0.7)
    rows = figure.subplots(len(records), 1, squeeze=False)[:, 0]
    kinds = (("unmapped", style.GENERATED, "before the mapper"), ("mapped", style.MAPPED, "after it"))
    for record, axes in zip(records, rows, strict=True):
        names = list(record["fid"])
        for place, (kind, colour, label) in enumerate(kinds):
            values = [record["fid"][name][kind] for name in names]
            at = np.arange(len(names)) + (place - 0.5) * 0.38
            sd = [np.std(each, ddof=min(1, len(each) - 1)) for each in values]
            axes.barh(at, [np.mean(each) for each in values], 0.36, xerr=sd, color=colour, label=label)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set(title=f"{record['dataset']}, seed {record['seed']}, {record['study']}", xlabel="FID")
    figure.legend(*rows[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure a run, or write the page."""
    parser = parser_of(__doc__)
    options = parser.parse_args(arguments)
    if options.results:
        results(options.studies)
    elif options.dataset is None:
        parser.error("--dataset is needed, or --results")
    else:
        for study in options.studies:
            ctx = open_context(study, "evaluate", options.dataset, options.seed)
            save_json(record_file(ctx.paths, FOLDER), of_run(ctx))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
