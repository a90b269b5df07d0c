"""One look for all figures: colours with a fixed meaning, sizes for a paper's page, bytes that repeat.

The colours are Okabe and Ito's (2008), which people with any of the common colour deficiencies tell apart.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from nm_vqtsg.errors import DataError, one_line

P = ParamSpec("P")

REAL = "#0072B2"
GENERATED = "#D55E00"
MAPPED = "#009E73"
RECONSTRUCTED = "#E69F00"
STOCHASTIC = "#CC79A7"
LOW_BAND = "#56B4E9"
HIGH_BAND = "#4D4D4D"
NEUTRAL = "#7F7F7F"

X = "$X$"
X_HAT = r"$\hat{X}$"
X_MAPPED = r"$\hat{X}_R$"
X_TILDE = r"$\tilde{X}$"
X_STOCHASTIC = r"$\tilde{X}'$"

WIDTH = 7.0
"""Inches; a page's text width."""

MAX_CHANNELS = 3
"""Channels that a figure shows, one row each; the first ones of a wider series."""

X_WORDS = f"real, {X}"
X_HAT_WORDS = f"generated, {X_HAT}"
X_MAPPED_WORDS = f"mapped, {X_MAPPED}"

Z_SCORE = "z-score"
TIME = "time step"

STYLE: dict[Any, Any] = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "mathtext.fontset": "dejavusans",
}


@dataclass(frozen=True)
class Look:
    """How a set of series is called and drawn, everywhere.

    Attributes
    ----------
    label : str
        In words.
    colour, dashes, marker : str
        They tell the sets apart also without colour.
    """

    label: str
    colour: str
    dashes: str = "-"
    marker: str = "o"


_LOOKS = {
    "real": Look("real", REAL),
    "train": Look("TRAIN", HIGH_BAND, "-", "s"),
    "synthetic": Look("synthetic", GENERATED, "--", "^"),
    "baseline": Look("generated", GENERATED, "--", "^"),
    "mapped": Look("mapped", MAPPED, "-.", "v"),
}


def look(name: str) -> Look:
    """Of ``real``, ``train``, ``synthetic``, ``baseline`` or ``mapped``; of any other name, one for all."""
    return _LOOKS.get(name) or Look(plain(name), STOCHASTIC, "--", "^")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under the common style, whatever the caller's settings are."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return wrapper


class Shown(Figure):
    """A figure that a notebook shows, whether or not `matplotlib.pyplot` was imported there."""

    def _repr_png_(self) -> bytes:
        return png_bytes(self)


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure of `width` × `height` inches that lays itself out."""
    return Shown(figsize=(width, height), layout="constrained")


def series(sets: Mapping[str, Any]) -> list[np.ndarray]:
    """Sets of series as arrays (n, C, L); (n, L) stands for one channel.

    Raises
    ------
    DataError
        If one has another number of axes, holds no series, or has other channels or times than the first.
    """
    arrays: list[np.ndarray] = []
    for name, X in sets.items():
        array = np.asarray(X)
        if array.ndim == 2:
            array = array[:, None]
        if array.ndim != 3 or 0 in array.shape:
            raise DataError(f"{name} has shape {np.shape(X)}; give an array (n, channels, length), or (n, length)")
        if arrays and array.shape[1:] != arrays[0].shape[1:]:
            found, wanted = array.shape[1:], arrays[0].shape[1:]
            raise DataError(
                f"{name} has channels and length {found} where {next(iter(sets))} has {wanted}; give equal ones"
            )
        arrays.append(array)
    return arrays


def paired(sets: Mapping[str, Any]) -> list[np.ndarray]:
    """Sets of series, as `series` takes them, that belong together row by row.

    Raises
    ------
    DataError
        If one has more rows than another.
    """
    arrays = series(sets)
    if len({len(array) for array in arrays}) > 1:
        sizes = " and ".join(f"{len(array)} of {name}" for name, array in zip(sets, arrays, strict=True))
        raise DataError(f"{sizes} cannot belong together row by row; give as many of each")
    return arrays


def titled(figure: Figure, title: str) -> Figure:
    """The figure with a title over everything, which says in words what it shows, of what."""
    figure.suptitle(plain(title, 100), fontsize=9.5, fontweight="bold", x=0.01, ha="left")
    return figure


def png_bytes(figure: Figure) -> bytes:
    """The figure as a PNG of at most 256 colours; equal figures give equal bytes (no date, no version inside).

    A palette makes overlays of hundreds of translucent lines three times smaller, to no visible loss.
    """
    from PIL import Image

    drawn, packed = io.BytesIO(), io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure.savefig(drawn, format="png", facecolor="white", metadata={"Software": None})
    image = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(packed, format="png", optimize=True, dpi=(STYLE["savefig.dpi"],) * 2)
    return packed.getvalue()


def choose(rng: np.random.Generator | int | None, n: int, count: int) -> np.ndarray:
    """Indices of `count` different items out of `n` (all when there are fewer), in ascending order."""
    return np.sort(np.random.default_rng(rng).choice(n, size=min(n, count), replace=False))


def opacity(series: np.ndarray, limits: tuple[float, float], ink: float = 180.0) -> float:
    """Opacity at which the lines of `series` (n, L) over one another still show where they are dense.

    The ink of a line is one width of the panel plus its ups and downs in heights of the panel.
    """
    travel = np.abs(np.diff(series, axis=-1)).sum(axis=-1) / (limits[1] - limits[0])
    return float(np.clip(ink / (1.0 + travel).sum(), 0.04, 0.9))


def draw_lines(axes: Axes, series: np.ndarray, colour: str, alpha: float) -> None:
    """Many series (n, L) over one another."""
    n, length = series.shape
    segments = np.stack([np.broadcast_to(np.arange(length), (n, length)), series], axis=-1)
    axes.add_collection(LineCollection(list(segments), colors=colour, alpha=alpha, linewidths=0.5))
    axes.set_xlim(0, max(length - 1, 1))


def common_limits(*sets: np.ndarray) -> tuple[float, float]:
    """Limits that hold all but the outermost thousandth of each set, with a margin of 5 %.

    A few series that exploded would otherwise flatten everything else.
    """
    ends = [np.quantile(values[np.isfinite(values)], (0.001, 0.999)) for values in sets]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    margin = 0.05 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def scale_values(axes: Axes, values: np.ndarray) -> None:
    """A value axis that suits `values`: logarithmic from a factor of ten up, with plain numbers at its ticks."""
    positive = values[np.isfinite(values) & (values > 0)]
    factor = positive.max() / positive.min() if len(positive) else 1.0
    if factor < 10:
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if factor > 300 else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def plain(text: object, longest: int = 40) -> str:
    """A text of the user's, such as a class, as it is: no mathematics between dollars, and all in one line."""
    line = one_line(str(text))
    shown = line if len(line) <= longest else line[: longest - 1] + "…"
    return shown.replace("$", r"\$")


def channel_label(channel: int, n_channels: int, unit: str | None = None, names: Sequence[str] = ()) -> str:
    """The label of a value axis, with its unit where that is known.

    It names the channel, or counts it where there are several without names.
    """
    text = f"value ({plain(unit)})" if unit else "value"
    if names:
        return f"{plain(names[channel])}\n{text}"
    return text if n_channels == 1 else f"channel {channel + 1} of {n_channels}\n{text}"
