"""cFID class by class, before and after the mapper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.figures import style


@style.styled
def class_bars(
    baseline: Mapping[str, float],
    mapped: Mapping[str, float],
    *,
    reference: Mapping[str, float] | None = None,
    left_out: Sequence[str] = (),
) -> Figure:
    """FID of each class's samples against that class's TEST series; dashed: the mean over classes, which is cFID.

    Parameters
    ----------
    baseline, mapped
        Original label to FID, the same labels in both.
    reference
        What real series of the class score (TRAIN against TEST), for the classes where it is known.
    left_out
        Labels that have too few TEST series for a FID; named below.
    """
    labels = list(baseline)
    places = np.arange(len(labels))
    figure = style.new_figure(2.5, width=style.WIDTH if len(labels) > 6 else 4.2)
    axis = figure.subplots()
    sets = ((-0.2, "baseline", style.GENERATED, baseline), (0.2, "mapped", style.MAPPED, mapped))
    for shift, name, colour, values in sets:
        heights = np.array([values[label] for label in labels], dtype=float)
        mean = float(heights.mean())
        axis.bar(places + shift, heights, width=0.4, color=colour, label=f"{name}, mean {mean:.3g}")
        axis.axhline(mean, color=colour, linestyle="--", linewidth=0.9)
    with_reference = [place for place in places if reference and labels[place] in reference]
    if reference and with_reference:
        heights = np.array([reference[labels[place]] for place in with_reference], dtype=float)
        name = f"real series, mean {heights.mean():.3g}"
        axis.hlines(
            heights, np.array(with_reference) - 0.4, np.array(with_reference) + 0.4, color="black", label=name
        )
    shown = places[:: max(1, len(labels) // 30)]
    axis.set_xticks(shown, [style.plain(labels[place], 24) for place in shown])
    axis.set_xlim(-0.6, len(labels) - 0.4)
    absent = style.plain(", ".join(map(str, left_out)), 80)
    axis.set_xlabel(f"class (too few series: {absent})" if left_out else "class")
    axis.set_ylabel("cFID of the class")
    handles, texts = axis.get_legend_handles_labels()
    order = sorted(range(len(texts)), key=lambda place: texts[place].startswith("real"))
    figure.legend(
        [handles[place] for place in order],
        [texts[place] for place in order],
        loc="outside upper right",
        ncols=3 if len(labels) > 6 else 2,
    )
    return figure
