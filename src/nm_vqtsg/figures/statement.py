"""Words in figures: why there is nothing to draw, and what a reader must know of all that is drawn."""

from __future__ import annotations

import textwrap

from matplotlib.figure import Figure

from nm_vqtsg.figures import style


@style.styled
def statement(title: str, reason: str) -> Figure:
    """What is missing and why, in words; it stands in the figure's place, so that every run has the same files."""
    figure = style.new_figure(1.2)
    figure.text(0.5, 0.68, style.plain(title, 80), ha="center", va="center", fontsize=10, weight="bold")
    figure.text(0.5, 0.34, textwrap.fill(style.plain(reason, 240), 90), ha="center", va="center")
    return figure


def footnote(figure: Figure, text: str) -> Figure:
    """`figure`, with a line of small print at its foot."""
    figure.supxlabel(style.plain(text, 240), fontsize=6.5, color=style.NEUTRAL)
    return figure
