"""Generators side by side: one panel for each of a few scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.evaluation.comparison import MAPPED
from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.evaluation.legend import LEGEND, SPREADS
from nm_vqtsg.evaluation.table import better, versions_of
from nm_vqtsg.figures import style

PANELS = 6
FIRST = ("fid", "rocket_fid", "auc", "recall", "cfid", "cas", "discriminative", "context_fid", "precision", "kid")
"""Scores in the order in which they get a panel."""


@style.styled
def comparison(result: Mapping[str, Any], *, scores: Sequence[str] = ()) -> Figure:
    """Scores of several generators, before (triangle upwards) and after (downwards) their mappers.

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
    figure = style.new_figure(0.5 + rows * (0.75 + 0.22 * len(versions)))
    axes = np.atleast_1d(figure.subplots(rows, columns, sharey=True)).ravel()
    reference = result.get("reference") or {}
    floor = flat_scores(reference)
    for axis, score in zip(axes, shown, strict=False):
        if score in floor:
            sd = reference.get("sd", {}).get(score, floor.get(SPREADS.get(score, ""), 0.0))
            axis.axvspan(floor[score] - sd, floor[score] + sd, color=style.REAL, alpha=0.2, linewidth=0)
            axis.axvline(floor[score], color=style.REAL, label="real series")
        for place, name in enumerate(versions):
            if score not in values[name]:
                axis.text(
                    0.5,
                    place,
                    "not measured",
                    transform=axis.get_yaxis_transform(),
                    fontsize=6.5,
                    color=style.NEUTRAL,
                    ha="center",
                    va="center",
                )
                continue
            look = style.look("mapped" if name.endswith(MAPPED) else "baseline")
            value, interval = values[name][score], result["intervals"].get(name, {}).get(score)
            sd = values[name].get(SPREADS.get(score, ""))
            ends = (
                interval
                if interval is not None and None not in interval
                else (value - (sd or 0), value + (sd or 0))
            )
            axis.plot(ends, (place, place), color=look.colour, linewidth=1.4)
            axis.plot(value, place, look.marker, color=look.colour, markersize=4.5)
        axis.set_title(f"{LEGEND[score].name} ({better(score)})", loc="left")
        axis.margins(x=0.08)
        axis.grid(axis="x", color="#E5E5E5", linewidth=0.5)
    axes[0].set_yticks(range(len(versions)), [style.plain(name) for name in versions])
    axes[0].set_ylim(len(versions) - 0.4, -0.6)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    return figure
