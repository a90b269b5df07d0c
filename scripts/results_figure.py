"""The figure of docs/results.md: FID of each set before and after the mapper, beside real series and the paper."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator
from results_claims import headline

from nm_vqtsg.figures import style
from nm_vqtsg.tables.aggregate import DatasetSummary, Statistic
from nm_vqtsg.tables.paper import load_paper

BAND = "#D0D0D0"
GREY = "#6E6E6E"


@dataclass(frozen=True)
class Kind:
    """How the two FIDs of one origin are drawn: hollow before the mapper, filled after it."""

    label: str
    colour: str
    marker: str
    offset: float


OURS = Kind("ours", "black", "o", 0.0)
PAPER = Kind("the paper", GREY, "s", 0.3)
BEST = Kind("our other recipe", style.REAL, "D", -0.3)


@style.styled
def fid_figure(summaries: Mapping[str, DatasetSummary], best: Mapping[str, DatasetSummary]) -> Figure:
    """A row for each set of which any FID is known, on a logarithmic axis; an arrow leads from before to after."""
    paper = load_paper().tables["fid"].rows
    names = list(dict.fromkeys([*paper, *summaries, *best]))
    figure = style.new_figure(0.9 + 0.34 * len(names))
    axes = figure.subplots()
    kinds = dict.fromkeys([OURS])
    for row, name in enumerate(names):
        for kind, own in ((OURS, summaries.get(name)), (BEST, best.get(name))):
            pair = headline(own, "fid") if own is not None else None
            if pair is not None:
                kinds[kind] = None
                _arrow(axes, row, kind, pair.baseline, pair.mapped)
                if pair.reference is not None and (kind is OURS or name not in summaries):
                    _floor(axes, row, pair.reference)
        if name in paper:
            kinds[PAPER] = None
            before, after = (Statistic(paper[name][side], float("nan"), 1) for side in ("baseline", "mapped"))
            _arrow(axes, row, PAPER, before, after)
        if row:
            axes.axhline(row - 0.5, color=BAND, linewidth=0.5, zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_yticks(range(len(names)), names)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("FID, lower is better (logarithmic)")
    figure.legend(*_legend(list(kinds)), loc="outside lower center", ncols=len(kinds) + 1)
    return figure


def _arrow(axes: Axes, row: int, kind: Kind, before: Statistic, after: Statistic) -> None:
    place = row + kind.offset
    for value, fill in ((before, "white"), (after, kind.colour)):
        spread = value.sd if np.isfinite(value.sd) else 0.0
        ends = [[min(spread, 0.9 * value.mean)], [spread]]  # a logarithmic axis has no room below zero
        axes.errorbar(
            [value.mean],
            [place],
            xerr=ends if spread else None,
            color=kind.colour,
            marker=kind.marker,
            markerfacecolor=fill,
            markersize=4.5,
            elinewidth=0.6,
            capsize=2,
            zorder=3,
        )
    axes.annotate(
        "",
        (after.mean, place),
        (before.mean, place),
        arrowprops={"arrowstyle": "->", "color": kind.colour, "linewidth": 0.9, "shrinkA": 3, "shrinkB": 3},
    )


def _floor(axes: Axes, row: int, real: Statistic) -> None:
    """What real series score, and two sd on either side, behind our marks alone: the paper has another judge."""
    above, below = row - 0.47, row + 0.14
    spread = 2 * real.sd if np.isfinite(real.sd) else 0.0
    low = max(real.mean - spread, 0.1 * real.mean)
    axes.fill_betweenx([above, below], low, real.mean + spread, color=BAND, linewidth=0, zorder=0)
    axes.plot([real.mean] * 2, [above, below], color="black", linewidth=1.4, linestyle=":")


def _legend(kinds: list[Kind]) -> tuple[list[Line2D | Patch], list[str]]:
    handles: list[Line2D | Patch] = []
    words = []
    for kind in kinds:
        for when, fill in (("before", "white"), ("after", kind.colour)):
            handles.append(
                Line2D([], [], color=kind.colour, marker=kind.marker, markerfacecolor=fill, linestyle="none")
            )
            words.append(f"{kind.label}: {when}")
    handles.append(Line2D([], [], color="black", linestyle=":"))
    handles.append(Patch(facecolor=BAND))
    return handles, [*words, "real series", "± two sd of real series"]
