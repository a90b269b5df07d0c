"""Small figures of one panel, which stand beside one another on a page and below one another on a narrow one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.figures import style

PANEL = (3.5, 2.5)
"""Inches; at 150 dpi, text of 8 points can be read on a screen of 400 pixels."""
BAND = (0.1, 0.5, 0.9)
Limits = tuple[float, float]


def _panel(height: float = PANEL[1]) -> tuple[Figure, style.Axes]:
    figure = style.new_figure(height, PANEL[0])
    return figure, figure.subplots()


@style.styled
def overlay(values: np.ndarray, name: str, *, limits: Limits, label: str) -> Figure:
    """Many series (n, L) over one another, between `limits`; `name` of the set gives the colour."""
    figure, axis = _panel()
    style.draw_lines(axis, values, style.look(name).colour, style.opacity(values, limits))
    axis.set_ylim(*limits)
    axis.set_xlabel(style.TIME)
    axis.set_ylabel(label)
    return figure


@style.styled
def curves(
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]], *, labels: tuple[str, str], diagonal: bool = False
) -> Figure:
    """A line for each set.

    Parameters
    ----------
    lines
        Name of a set to (x, y).
    labels
        Of both axes.
    diagonal
        Draw where x and y are equal, and give both axes the same limits.
    """
    figure, axis = _panel()
    if diagonal:
        ends = style.common_limits(*(value for line in lines.values() for value in line))
        axis.plot(ends, ends, color=style.NEUTRAL, linewidth=0.8, linestyle=":", label="no difference")
        axis.set_xlim(*ends)
        axis.set_ylim(*ends)
    for name, (x, y) in lines.items():
        look = style.look(name)
        axis.plot(x, y, color=look.colour, linestyle=look.dashes, label=look.label)
    axis.set_xlabel(labels[0])
    axis.set_ylabel(labels[1])
    axis.legend(loc="best", borderpad=0.1)
    return figure


@style.styled
def bands(sets: Mapping[str, np.ndarray], *, label: str, title: str = "") -> Figure:
    """Median and the middle 80 % at each time, of the first set as a band, of the others as lines.

    Parameters
    ----------
    sets
        Name to series (n, L), n ≥ 1.
    label
        Of the value axis.
    title
        A text of the user's.
    """
    figure, axis = _panel()
    for place, (name, values) in enumerate(sets.items()):
        look, (low, middle, high) = style.look(name), np.quantile(values, BAND, axis=0)
        time = np.arange(values.shape[1])
        if place == 0:
            axis.fill_between(time, low, high, color=look.colour, alpha=0.25, linewidth=0)
        else:
            axis.plot(time, low, color=look.colour, linewidth=0.7, linestyle=look.dashes)
            axis.plot(time, high, color=look.colour, linewidth=0.7, linestyle=look.dashes)
        axis.plot(time, middle, color=look.colour, linewidth=1.4, linestyle=look.dashes, label=look.label)
    axis.set_xlim(0, max(next(iter(sets.values())).shape[1] - 1, 1))
    axis.set_xlabel(style.TIME)
    axis.set_ylabel(label)
    axis.set_title(style.plain(title))
    axis.legend(loc="best", borderpad=0.1)
    return figure


@style.styled
def scatter(points: Mapping[str, np.ndarray], *, limits: tuple[Limits, Limits], labels: tuple[str, str]) -> Figure:
    """Points (n, 2) of each set."""
    figure, axis = _panel(2.8)
    for name, places in points.items():
        look = style.look(name)
        x, y = places.T
        axis.scatter(x, y, s=9, color=look.colour, alpha=0.6, linewidths=0, marker=look.marker, label=look.label)
    axis.set_xlim(*limits[0])
    axis.set_ylim(*limits[1])
    axis.set_xlabel(labels[0])
    axis.set_ylabel(labels[1])
    axis.legend(loc="best", markerscale=1.8, handletextpad=0.2, borderpad=0.1)
    return figure


@style.styled
def gallery(plots: Sequence[Mapping[str, np.ndarray]], titles: Sequence[str], *, label: str) -> Figure:
    """Single series, two in a row, each over those that it is compared with, on equal axes.

    Parameters
    ----------
    plots
        For each, the name of a set to a series (L,).
    titles
        One for each.
    label
        Of the value axis.
    """
    rows = -(-len(plots) // 2)
    figure = style.new_figure(0.5 + 1.15 * rows, PANEL[0])
    axes = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for axis in axes.ravel()[len(plots) :]:
        axis.set_axis_off()
    for axis, sets, title in zip(axes.ravel(), plots, titles, strict=False):
        for name, values in sets.items():
            look = style.look(name)
            axis.plot(values, color=look.colour, linestyle=look.dashes, linewidth=1.0, label=look.label)
        axis.set_xlim(0, max(len(values) - 1, 1))
        axis.set_title(title, fontsize=7.5)
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    for axis in axes[-1]:
        axis.set_xlabel(style.TIME)
    handles, words = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=3)
    return figure
