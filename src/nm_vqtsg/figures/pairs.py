"""Series before and after, over one another: the mapper's pairs (Figure 3) and the tokeniser's reconstructions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.errors import DataError
from nm_vqtsg.figures import style

Look = tuple[str, str, float]
"""Label, colour and width of a line."""

BEFORE: Look = (r"generated, $\hat{x}$", style.GENERATED, 1.3)
AFTER: Look = (r"the same sample mapped, $\hat{x}_R$", style.MAPPED, 1.0)
ORIGINAL: Look = (style.X_WORDS, style.REAL, 1.4)
REBUILT: Look = (f"reconstructed, {style.X_TILDE}", style.RECONSTRUCTED, 0.9)


@style.styled
def pairs(
    generated: np.ndarray,
    mapped: np.ndarray,
    *,
    rng: np.random.Generator | int | None = None,
    n: int = 4,
    unit: str | None = None,
    channels: Sequence[str] = (),
) -> Figure:
    """One sample in each column, x̂ and x̂_R over one another (the paper's Figure 3 has them apart).

    Parameters
    ----------
    generated, mapped
        (·, C, L) or (·, L), in one unit, row by row the same samples before and after the mapper.
    rng, n
        Chooses `n` samples; as `numpy.random.default_rng` takes it.
    unit
        Of the values, for the axes, such as ``z-score``.
    channels
        Their names, where they have any.

    Raises
    ------
    DataError
        If the sets have other shapes.
    """
    generated, mapped = style.paired({"generated": generated, "mapped": mapped})
    rows = style.choose(rng, len(generated), n)
    titles = [f"sample {row}" for row in rows]
    return _compared((generated[rows], BEFORE), (mapped[rows], AFTER), titles, unit, channels)


@style.styled
def reconstructions(
    real: np.ndarray,
    reconstructed: np.ndarray,
    *,
    names: Sequence[str] | None = None,
    unit: str | None = None,
    channels: Sequence[str] = (),
) -> Figure:
    """Real series and what the tokeniser makes of them, X under X̃, each with its mean absolute error.

    Parameters
    ----------
    real, reconstructed
        (n, C, L) or (n, L), in one unit, row by row a series and its reconstruction; one column each.
    names
        Titles of the columns, by default the numbers of the series.
    unit
        Of the values, for the axes, such as ``z-score``.
    channels
        Their names, where they have any.

    Raises
    ------
    DataError
        If the sets have other shapes, or there is not one name for each series.
    """
    real, reconstructed = style.paired({"real": real, "reconstructed": reconstructed})
    titles = [f"series {row}" for row in range(len(real))] if names is None else list(map(style.plain, names))
    if len(titles) != len(real):
        raise DataError(f"names has {len(titles)} for {len(real)} series; give one for each")
    return _compared((real, ORIGINAL), (reconstructed, REBUILT), titles, unit, channels, errors=True)


def _compared(
    below: tuple[np.ndarray, Look],
    above: tuple[np.ndarray, Look],
    titles: Sequence[str],
    unit: str | None,
    names: Sequence[str],
    errors: bool = False,
) -> Figure:
    """A column for each series (n, C, L), a row for each channel; `errors` puts the L1 of both into the titles."""
    channels, length = below[0].shape[1:]
    shown = min(channels, style.MAX_CHANNELS)
    figure = style.new_figure(0.9 + 1.5 * shown)
    axes = figure.subplots(shown, len(titles), sharex=True, sharey="row", squeeze=False)
    for channel in range(shown):
        for row, title in enumerate(titles):
            axis = axes[channel, row]
            for values, (label, colour, width) in (below, above):
                axis.plot(values[row, channel], color=colour, label=label, linewidth=width)
            axis.set_xlim(0, max(length - 1, 1))
            error = np.abs(below[0][row, channel] - above[0][row, channel]).mean()
            axis.set_title(f"{title}, L1 {error:.3f}" if errors else title)
            if channel == shown - 1:
                axis.set_xlabel(style.TIME)
        axes[channel, 0].set_ylabel(style.channel_label(channel, channels, unit, names))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure
