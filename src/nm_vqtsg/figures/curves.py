"""Loss curves of all trained stages."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.figures import style

_LOSS = {"color": "black", "linewidth": 1.2}
_PARTS = (
    ("#0072B2", "-"),
    ("#D55E00", "-"),
    ("#009E73", "--"),
    ("#CC79A7", "--"),
    ("#E69F00", "-."),
    ("#56B4E9", "-."),
)

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
def loss_curves(curves: Mapping[str, Curve], *, names: Mapping[str, Mapping[str, str]] | None = None) -> Figure:
    """One panel per trained stage: the loss (black) and its parts, as running means, and the learning rate.

    Parameters
    ----------
    curves
        Title of a stage to its columns: ``step``, ``loss``, any parts, and ``lr``, each (rows,). Columns named
        ``…accuracy`` are no losses and are left out.
    names
        Title of a stage to what its columns are called in words, in the order of the legend; columns that have no
        words bear their own name.
    """
    n = max(len(curves), 1)
    columns = min(n, 2)
    rows = -(-n // columns)
    figure = style.new_figure(0.3 + 2.9 * rows, width=style.WIDTH if columns == 2 else 4.2)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(curves) :]:
        axis.set_axis_off()
    for axis, (title, curve) in zip(axes, curves.items(), strict=False):
        words = (names or {}).get(title, {})
        parts = [name for name in curve if name not in ("step", "loss", "lr") and not name.endswith("accuracy")]
        parts = [*(name for name in words if name in parts), *(name for name in parts if name not in words)]
        looks = cycle(_PARTS)
        for name in ["loss", *parts]:
            look = _LOSS
            if name != "loss":
                colour, dashes = next(looks)
                look = {"color": colour, "linestyle": dashes, "linewidth": 0.9}
            values = smooth(np.asarray(curve[name], float))
            values[values <= 0] = np.nan  # has no place on a logarithmic axis
            marker = "." if len(values) < 20 else ""
            label = style.plain(words.get(name, name.replace("_", " ")), 60)
            axis.plot(curve["step"], values, marker=marker, markersize=4, label=label, **look)
        style.scale_values(axis, np.concatenate([line.get_ydata() for line in axis.lines]))
        axis.set_xlabel("optimiser step")
        axis.set_ylabel("loss")
        axis.set_xlim(left=0)
        if "lr" in curve:
            _learning_rate(axis, curve)
        axis.legend(loc="upper left", bbox_to_anchor=(0.0, -0.2), fontsize=6.5, borderaxespad=0.0)
        axis.set_title(style.plain(title))
    return figure


def _learning_rate(axis: style.Axes, curve: Curve) -> None:
    """As a part of its peak: ticks that never change their width leave the layout as it is."""
    rates, rate = np.asarray(curve["lr"], float), axis.twinx()
    peak = float(rates.max()) or 1.0
    rate.plot(curve["step"], rates / peak, color=style.NEUTRAL, linewidth=0.8, linestyle=":")
    rate.set_ylabel(f"learning rate / {peak:.2g} (dotted)", color=style.NEUTRAL)
    rate.tick_params(axis="y", colors=style.NEUTRAL)
    rate.set_ylim(0, 1.05)
    rate.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    rate.spines["right"].set_visible(True)
    rate.spines["right"].set_color(style.NEUTRAL)
