"""Series before and after: the mapper's pairs (Figure 3) and the tokeniser's reconstructions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.figures import style


@style.styled
def pairs(
    generated: np.ndarray,
    mapped: np.ndarray,
    *,
    generator: np.random.Generator,
    n: int = 4,
    unit: str | None = None,
) -> Figure:
    """Columns of one sample each, x̂ above and x̂_R below on equal axes (the paper's Figure 3).

    Parameters
    ----------
    generated, mapped
        (·, C, L) in one unit, row by row the same samples before and after the mapper.
    generator, n
        Chooses `n` samples.
    unit
        Of the values, for the axes, such as ``z-score``.
    """
    rows = style.choose(generator, len(generated), n)
    channels = generated.shape[1]
    shown = min(channels, style.MAX_CHANNELS)
    figure = style.new_figure(0.4 + 2.5 * shown)
    axes = figure.subplots(2 * shown, len(rows), sharex=True, sharey="col", squeeze=False)
    before_after = ((r"$\hat{x}$", style.GENERATED, generated), (r"$\hat{x}_R$", style.MAPPED, mapped))
    for channel in range(shown):
        for line, (name, colour, values) in enumerate(before_after):
            for column, row in enumerate(rows):
                axis = axes[2 * channel + line, column]
                axis.plot(values[row, channel], color=colour, linewidth=0.9)
                axis.set_xlim(0, max(values.shape[-1] - 1, 1))
            label = style.channel_label(channel, channels, unit)
            axes[2 * channel + line, 0].set_ylabel(f"{name}\n{label}")
    for column, row in enumerate(rows):
        axes[0, column].set_title(f"sample {row}")
        axes[-1, column].set_xlabel(style.TIME)
    return figure


@style.styled
def reconstructions(
    real: np.ndarray, reconstructed: np.ndarray, *, names: Sequence[str], unit: str | None = None
) -> Figure:
    """Real series and what the tokeniser makes of them, X under X̃, each with its mean absolute error.

    Parameters
    ----------
    real, reconstructed
        (n, C, L) in one unit, row by row a series and its reconstruction; one column each.
    names
        Titles of the columns.
    unit
        Of the values, for the axes, such as ``z-score``.
    """
    channels = real.shape[1]
    shown = min(channels, style.MAX_CHANNELS)
    figure = style.new_figure(0.6 + 1.4 * shown)
    axes = figure.subplots(shown, len(real), sharex=True, sharey="row", squeeze=False)
    for channel in range(shown):
        for row, name in enumerate(names):
            axis = axes[channel, row]
            axis.plot(real[row, channel], color=style.REAL, label=style.X, linewidth=1.4)
            axis.plot(reconstructed[row, channel], color=style.RECONSTRUCTED, label=style.X_TILDE, linewidth=0.9)
            axis.set_xlim(0, max(real.shape[-1] - 1, 1))
            error = np.abs(real[row, channel] - reconstructed[row, channel]).mean()
            axis.set_title(f"{style.plain(name)}, L1 {error:.3f}")
            if channel == shown - 1:
                axis.set_xlabel(style.TIME)
        axes[channel, 0].set_ylabel(style.channel_label(channel, channels, unit))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure
