"""Generators side by side: one panel for each of a few scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from nm_vqtsg.evaluation.comparison import MAPPED
from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.evaluation.legend import LEGEND, SPREADS
from nm_vqtsg.evaluation.table import better, versions_of
from nm_vqtsg.figures import style

PANELS = 6
FIRST = ("fid", "rocket_fid", "auc", "recall", "cfid", "cas", "discriminative", "context_fid", "precision", "kid")
"""Scores in the order in which they get a panel."""
SHORT = {"auc": "AUC"}
MANY_TIMES = 30.0
"""Between the largest value and the smallest; from here on an axis is logarithmic."""


@style.styled
def comparison(result: Mapping[str, Any], *, scores: Sequence[str] = ()) -> Figure:
    """Scores of several generators, before and after their mappers.

    Bars are 95 % intervals where they are known, else a score's own spread. The line is what real series score,
    and the band its sd over draws of them.

    Parameters
    ----------
    result
        As of `nm_vqtsg.evaluation.comparison.merged`.
    scores
        Keys of the scores to show; by default the first six of `FIRST` that were measured.
    """
    versions = versions_of(result)
    values = {name: flat_scores(result[name]) for name in versions}
    shown = scores or [score for score in FIRST if any(score in own for own in values.values())][:PANELS]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = style.new_figure(0.8 + rows * (0.75 + 0.22 * len(versions)))
    axes = np.atleast_1d(figure.subplots(rows, columns, sharey=True)).ravel()
    for axis, score in zip(axes, shown, strict=False):
        marked = [*_real_series(axis, result.get("reference") or {}, score)]
        for place, name in enumerate(versions):
            if score not in values[name]:
                at = {"transform": axis.get_yaxis_transform(), "ha": "center", "va": "center"}
                axis.text(0.5, place, "not measured", fontsize=6.5, color=style.NEUTRAL, **at)
                continue
            look = style.look("mapped" if name.endswith(MAPPED) else "baseline")
            value, interval = values[name][score], result["intervals"].get(name, {}).get(score)
            sd = values[name].get(SPREADS.get(score, ""), 0.0)
            known = interval is not None and None not in interval
            axis.plot(interval if known else (value - sd, value + sd), (place, place), color=look.colour)
            axis.plot(value, place, look.marker, color=look.colour, markersize=4.5, label=look.label)
            marked.append(value)
        _scale(axis, marked, score)
        axis.set_title(f"{SHORT.get(score, LEGEND[score].name)} ({better(score).partition(',')[0]})", loc="left")
    axes[0].set_yticks(range(len(versions)), [style.plain(name) for name in versions])
    axes[0].set_ylim(len(versions) - 0.4, -0.6)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    handles = {
        label: handle
        for axis in axes[: len(shown)]
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4)
    return figure


def _real_series(axis: Axes, reference: Mapping[str, Any], score: str) -> list[float]:
    """Draw what real series score, where that is known."""
    floor = flat_scores(dict(reference))
    if score not in floor:
        return []
    value = floor[score]
    sd = (reference.get("sd") or {}).get(score, floor.get(SPREADS.get(score, ""), 0.0))
    axis.axvspan(value - sd, value + sd, color=style.REAL, alpha=0.2, linewidth=0, label="real series, ± sd")
    axis.axvline(value, color=style.REAL, label="real series")
    return [value]


def _scale(axis: Axes, marked: Sequence[float], score: str) -> None:
    """A logarithmic axis where distances differ by orders of magnitude."""
    if better(score) == "lower" and min(marked) > 0 and max(marked) > MANY_TIMES * min(marked):
        axis.set_xscale("log")
        axis.set_xlim(min(marked) / 2, max(marked) * 2)
        axis.xaxis.set_major_locator(LogLocator(numticks=5))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.xaxis.set_minor_locator(NullLocator())
    else:
        axis.margins(x=0.08)
        axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.grid(axis="x", color="#E5E5E5", linewidth=0.5)
