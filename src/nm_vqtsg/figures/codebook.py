"""How much of each codebook is used."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.figures import style

COLOURS = (style.LOW_BAND, style.HIGH_BAND, style.RECONSTRUCTED, style.STOCHASTIC, style.NEUTRAL)


@style.styled
def codebook_usage(
    counts: Mapping[str, np.ndarray], *, usage: Mapping[str, Mapping[str, float]] | None = None
) -> Figure:
    """Share of the positions that pick each code, codes in order of use, one curve per band.

    A code that nothing picks is not drawn. The perplexity, exp of the entropy of the shares, is the size of an
    evenly used codebook of equal entropy.

    Parameters
    ----------
    counts
        Band's name to (K,) counts of its codes.
    usage
        Band's name to ``live`` and ``perplexity`` of the whole of TRAIN, where `counts` comes from a part of it.
    """
    figure = style.new_figure(2.6, width=4.6)
    axis = figure.subplots()
    for (name, picks), colour in zip(counts.items(), cycle(COLOURS), strict=False):
        shares = np.sort(picks[picks > 0])[::-1] / picks.sum()
        own = {"live": len(shares), "perplexity": np.exp(-(shares * np.log(shares)).sum())}
        facts = usage[name] if usage else own
        use = f"{facts['live']} of {len(picks)} codes live, perplexity {facts['perplexity']:.0f}"
        label = f"{style.plain(name)}: {use}"
        axis.plot(np.arange(1, len(shares) + 1), 100 * shares, color=colour, label=label)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    style.scale_values(axis, np.concatenate([line.get_ydata() for line in axis.lines]))
    axis.set_xlabel("code, in order of use")
    axis.set_ylabel("share of the positions (%)")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center")
    return figure
