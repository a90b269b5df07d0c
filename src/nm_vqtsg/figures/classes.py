"""cFID class by class, of each version of the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.figures import style

Interval = Sequence[float | None]


@style.styled
def class_bars(
    versions: Mapping[str, Mapping[str, float]],
    *,
    intervals: Mapping[str, Mapping[str, Interval]] | None = None,
    reference: Mapping[str, float] | None = None,
    left_out: Sequence[str] = (),
) -> Figure:
    """FID of each class's samples against that class's TEST series; dashed: the mean over classes, which is cFID.

    Parameters
    ----------
    versions
        Name of a version of the samples, such as ``baseline``, to original label to FID; the same labels in all.
    intervals
        Version to label to both ends of the FID's 95 % interval, drawn as error bars where they are known.
    reference
        What real series of the class score (TRAIN against TEST), for the classes where it is known.
    left_out
        Labels that have too few TEST series for a FID; named below.
    """
    labels = list(next(iter(versions.values())))
    places = np.arange(len(labels))
    figure = style.new_figure(2.7, width=style.WIDTH if len(labels) > 6 else 4.6)
    axis = figure.subplots()
    width, known = 0.8 / len(versions), False
    for index, (name, values) in enumerate(versions.items()):
        look = style.look(name)
        at = places + width * (index - (len(versions) - 1) / 2)
        heights = np.array([values[label] for label in labels], dtype=float)
        mean = float(heights.mean())
        axis.bar(at, heights, width=width, color=look.colour, label=f"{look.label}, mean {mean:.3g}")
        axis.axhline(mean, color=look.colour, linestyle="--", linewidth=0.9)
        known |= _error_bars(
            axis, at, heights, [((intervals or {}).get(name) or {}).get(label) for label in labels]
        )
    with_reference = [place for place in places if reference and labels[place] in reference]
    if reference and with_reference:
        heights = np.array([reference[labels[place]] for place in with_reference], dtype=float)
        name = f"real series, mean {heights.mean():.3g}"
        axis.hlines(
            heights, np.array(with_reference) - 0.4, np.array(with_reference) + 0.4, color=style.REAL, label=name
        )
    shown = places[:: max(1, len(labels) // 30)]
    axis.set_xticks(shown, [style.plain(labels[place], 24) for place in shown])
    axis.set_xlim(-0.6, len(labels) - 0.4)
    absent = style.plain(", ".join(map(str, left_out)), 80)
    axis.set_xlabel(f"class (too few series: {absent})" if left_out else "class")
    axis.set_ylabel("FID of the class" + (", 95 % interval" if known else ""))
    handles, texts = axis.get_legend_handles_labels()
    order = sorted(range(len(texts)), key=lambda place: texts[place].startswith("real"))
    figure.legend(
        [handles[place] for place in order],
        [texts[place] for place in order],
        loc="outside lower center",
        ncols=3 if len(labels) > 6 else 2,
    )
    return figure


def _error_bars(axis: style.Axes, at: np.ndarray, heights: np.ndarray, ends: Sequence[Interval | None]) -> bool:
    """Draw what is known; whether anything is."""
    told = [place for place, end in enumerate(ends) if end is not None and None not in end]
    if not told:
        return False
    low, high = np.array([ends[place] for place in told], dtype=float).T
    spread = np.clip([heights[told] - low, high - heights[told]], 0.0, None)
    axis.errorbar(at[told], heights[told], spread, fmt="none", ecolor="black", elinewidth=0.8, capsize=2)
    return True
