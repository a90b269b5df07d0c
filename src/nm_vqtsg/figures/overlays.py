"""Figure 2: many real, generated and mapped series over one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.figures import style


@style.styled
def overlays(
    real: np.ndarray,
    generated: np.ndarray,
    mapped: np.ndarray,
    *,
    rng: np.random.Generator | int | None = None,
    n: int = 200,
    unit: str | None = None,
    channels: Sequence[str] = (),
) -> Figure:
    """Three panels on equal axes: X, X̂ and X̂_R (the paper's Figure 2).

    The title of each panel gives the mean standard deviation of a series over time, since the paper's largest
    gain (FordA) is one of amplitude. X̂ and X̂_R show the same samples.

    Parameters
    ----------
    real, generated, mapped
        (·, C, L) or (·, L), in one unit; the second and third are row by row the same samples before and after the
        mapper.
    rng
        Chooses the series, as `numpy.random.default_rng` takes it: equal numbers choose the same, None others each
        time.
    n
        Series drawn in each panel.
    unit
        Of the values, for the axes, such as ``z-score``.
    channels
        Their names, where they have any.

    Raises
    ------
    DataError
        If the sets have other shapes.
    """
    real, generated = style.series({"real": real, "generated": generated})
    generated, mapped = style.paired({"generated": generated, "mapped": mapped})
    rng = np.random.default_rng(rng)
    shown = min(real.shape[1], style.MAX_CHANNELS)
    samples = style.choose(rng, len(generated), n)
    panels = [
        (style.X_WORDS, style.REAL, real, style.choose(rng, len(real), n)),
        (style.X_HAT_WORDS, style.GENERATED, generated, samples),
        (style.X_MAPPED_WORDS, style.MAPPED, mapped, samples),
    ]
    figure = style.new_figure(0.4 + 1.75 * shown)
    axes = figure.subplots(shown, 3, sharex=True, sharey="row", squeeze=False)
    for channel in range(shown):
        limits = style.common_limits(*(values[rows, channel] for _, _, values, rows in panels))
        alpha = style.opacity(real[panels[0][3], channel], limits)
        for column, (name, colour, values, rows) in enumerate(panels):
            axis = axes[channel, column]
            style.draw_lines(axis, values[rows, channel], colour, alpha)
            axis.set_ylim(*limits)
            spread = float(values[:, channel].std(axis=1).mean())
            axis.set_title(f"{name} (sd of a series {spread:.2f})")
            if channel == shown - 1:
                axis.set_xlabel(style.TIME)
        axes[channel, 0].set_ylabel(style.channel_label(channel, real.shape[1], unit, channels))
    return figure
