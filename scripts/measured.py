"""What a script measured of the runs of a study: ``results/NAME/DATASET/seedK.json``, and the page made of it."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.artifacts import atomic_path, load_json, save_text
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import UserError
from nm_vqtsg.figures import style
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tables import Table, to_markdown


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """Of studies, and of a run of theirs that is measured, or ``--results``, the page of all."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+")
    parser.add_argument("--dataset")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", action="store_true", help="write table and figure to docs")
    return parser


def series_of(ctx: StepContext, choosing: bool = True) -> tuple[Series, Series]:
    """TRAIN of a run, and what it is scored on: VAL, where settings are chosen by the scores.

    Raises
    ------
    UserError
        If the study is scored on TEST though settings are chosen, there are no classes, or a file is missing or
        damaged.
    """
    if choosing and ctx.params.data.evaluate_on != "validation":
        raise UserError(f"{ctx.paths.study}: is scored on TEST, which no recipe may be chosen by; use VAL")
    train, real = Series.load(ctx.paths.train), Series.load(ctx.paths.test)
    if train.y is None or real.y is None:
        raise UserError(
            f"{ctx.paths.study}: {ctx.dataset} has no classes, so there is no judge; choose another set"
        )
    return train, real


def mean_and_sd(values: Sequence[float]) -> str:
    """Over draws, as a cell shows it."""
    return f"{np.mean(values):.3g}" + (f" ± {np.std(values, ddof=1):.1g}" if len(values) > 1 else "")


def record_file(paths: Paths, name: str) -> Path:
    """Where the numbers of a run go."""
    return paths.study / "results" / name / paths.dataset / f"seed{paths.seed}.json"


def records_of(studies: Sequence[Path], name: str) -> list[dict[str, Any]]:
    """All that was measured of the studies, by data set and seed; each record bears the name of its study.

    Raises
    ------
    UserError
        If nothing was of one of them.
    """
    records = []
    for study in studies:
        files = sorted((study / "results" / name).glob("*/seed*.json"))
        if not files:
            raise UserError(f"{study}: nothing has been measured yet; run this for a data set first")
        records += [load_json(file) | {"study": study.resolve().name} for file in files]
    return sorted(records, key=lambda record: (record["dataset"], record["seed"]))


def of_each_set(records: Sequence[dict[str, Any]], words: str) -> str:
    """`words` with the sizes of each data set, such as ``{val} series of VAL``, and how good its judge is."""
    each = {record["dataset"]: record for record in records}
    return "; ".join(
        f"{name}: {words.format(**record['n'])}, judge {record['fcn_accuracy']:.3f}"
        for name, record in each.items()
    )


def write_page(out: Path, table: Table, figure: Figure) -> None:
    """To ``OUT.md`` and ``OUT.png``."""
    save_text(Path(f"{out}.md"), to_markdown(table))
    with atomic_path(Path(f"{out}.png")) as temporary:
        temporary.write_bytes(style.png_bytes(figure))
