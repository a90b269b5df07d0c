"""Loss curves of all trained stages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.figures import style

_PARTS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("-", "--", "-.", ":")

Curve = Mapping[str, np.ndarray]


def smooth(values: np.ndarray, share: float = 0.04) -> np.ndarray:
    """Running mean over `share` of the rows, shorter at both ends, same length; gaps (NaN) are passed over."""
    half = int(share * len(values)) // 2
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    n_finite = counts[high] - counts[low]
    return np.divide(sums[high] - sums[low], n_finite, out=np.full(len(values), np.nan), where=n_finite > 0)


@style.styled
def loss_curves(curves: Mapping[str, Curve]) -> Figure:
    """One panel per trained stage: the loss (black) and its parts, as running means, and the learning rate.

    Parameters
    ----------
    curves
        Title of a stage to its columns: ``step``, ``loss``, any parts, and ``lr``, each (rows,). Columns named
        ``…accuracy`` are no losses and are left out.
    """
    n = max(len(curves), 1)
    columns = min(n, 2)
    rows = -(-n // columns)
    figure = style.new_figure(0.2 + 2.4 * rows, width=style.WIDTH if columns == 2 else 4.2)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(curves) :]:
        axis.set_axis_off()
    for axis, (title, curve) in zip(axes, curves.items(), strict=False):
        parts = [name for name in curve if name not in ("step", "loss", "lr") and not name.endswith("accuracy")]
        marker = "." if len(curve["step"]) < 20 else ""
        for index, name in enumerate([*parts, "loss"]):
            look = {"color": _PARTS[index % 6], "linestyle": _DASHES[index // 6 % 4], "linewidth": 0.8}
            if name == "loss":
                look = {"color": "black", "linewidth": 1.2}
            values = smooth(np.asarray(curve[name], float))
            values[values <= 0] = np.nan  # has no place on a logarithmic axis
            axis.plot(curve["step"], values, marker=marker, label=style.plain(name.replace("_", " ")), **look)
        style.scale_values(axis, np.concatenate([line.get_ydata() for line in axis.lines]))
        axis.set_xlabel("step")
        axis.set_ylabel("loss")
        if "lr" in curve:
            rate = axis.twinx()
            rate.plot(curve["step"], curve["lr"], color=style.NEUTRAL, linewidth=0.8, linestyle=":")
            rate.set_ylabel("learning rate (dotted)", color=style.NEUTRAL)
            rate.tick_params(axis="y", colors=style.NEUTRAL)
            rate.set_ylim(bottom=0)
            rate.spines["right"].set_visible(True)
            rate.spines["right"].set_color(style.NEUTRAL)
        entries = -(-(len(parts) + 1) // 3)  # rows of the legend, between title and panel
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 0.98), fontsize=6.5, ncols=3, borderaxespad=0.2)
        axis.set_title(style.plain(title), pad=6 + 11 * entries)
    return figure
