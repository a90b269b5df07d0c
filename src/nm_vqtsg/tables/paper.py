"""The paper's Tables 1-3 and the arithmetic under them.

The figures are typed in from the paper into ``paper.json``, with the places where its text disagrees with its
tables. "Change" is what the paper prints under each table: for a distance (lower is better)
``baseline / mapped * 100 - 100``, for a score (higher is better) ``mapped / baseline * 100 - 100``; positive
is an improvement in both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from nm_vqtsg.metrics.directions import change_percent

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class PaperTable:
    """One table as printed: ``rows[dataset][column]``, each column rounded to ``decimals[column]`` places."""

    number: int
    name: str
    better: Better
    decimals: Mapping[str, int]
    rows: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Disagreement:
    """A statement of the paper's text and what its table says instead."""

    where: str
    says: str
    table: str


@dataclass(frozen=True)
class Paper:
    """The paper's results: ``tables`` has the keys ``fid`` (Table 1), ``is`` (Table 2) and ``cfid`` (3)."""

    source: str
    protocol: Mapping[str, object]
    steps: tuple[int, int, int]
    notes: tuple[Disagreement, ...]
    tables: Mapping[str, PaperTable]


@cache
def load_paper() -> Paper:
    """Read the figures that ship with the package."""
    raw = json.loads(files(__package__).joinpath("paper.json").read_text(encoding="utf-8"))
    first, second, third = raw["protocol"]["steps"]
    tables = {
        key: PaperTable(table["number"], table["name"], table["better"], table["decimals"], table["rows"])
        for key, table in raw["tables"].items()
    }
    notes = tuple(Disagreement(**note) for note in raw["notes"])
    return Paper(raw["source"], raw["protocol"], (first, second, third), notes, tables)


def change_bounds(
    baseline: float, mapped: float, better: Better, *, decimals: int = 2, change_decimals: int = 1
) -> tuple[float, float]:
    """Smallest and largest change that could be printed beside two rounded entries.

    The paper computed its changes before it rounded (three runs, two decimals), so 0.31 beside 0.30 may stand
    next to anything from 0.0 to 6.8. Both ends are widened by the rounding of the change itself.
    """
    half = 0.5 * 10.0**-decimals
    corners = [change_percent(baseline + i * half, mapped + j * half, better) for i in (-1, 1) for j in (-1, 1)]
    slack = 0.5 * 10.0**-change_decimals
    return min(corners) - slack, max(corners) + slack
