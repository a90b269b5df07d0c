"""Figure 4: real against generated, and real against mapped, in the judge's feature space."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from nm_vqtsg.figures import style
from nm_vqtsg.figures.plane import Plane


@style.styled
def feature_planes(
    real: np.ndarray,
    generated: np.ndarray,
    mapped: np.ndarray,
    *,
    fid: Mapping[str, float] | None = None,
) -> Figure:
    """U against Û, and U against Û_R, on the two principal axes of U (the paper's Figure 4).

    Parameters
    ----------
    real, generated, mapped
        Features (·, D) of X, X̂ and X̂_R, for example the FCN's 128.
    fid
        FID of the whole sets, ``generated`` and ``mapped``, for the titles.
    """
    plane = Plane.fit(real)
    points = plane.project(real)
    panels = (
        (r"generated, $\hat{U}$", style.GENERATED, plane.project(generated), "generated"),
        (r"mapped, $\hat{U}_R$", style.MAPPED, plane.project(mapped), "mapped"),
    )
    limits = [
        style.common_limits(points[:, axis], *(other[:, axis] for _, _, other, _ in panels)) for axis in (0, 1)
    ]
    figure = style.new_figure(3.3)
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for axis, (name, colour, other, key) in zip(axes, panels, strict=True):
        axis.scatter(*points.T, s=9, color=style.REAL, alpha=0.55, linewidths=0, label="real, $U$")
        axis.scatter(*other.T, s=12, color=colour, alpha=0.55, linewidths=0, marker="^", label=name)
        score = f", FID {fid[key]:.3g}" if fid and fid.get(key) is not None else ""
        axis.set_title(f"real and {key}{score}")
        axis.set_xlabel(plane.label(0))
        axis.set_xlim(*limits[0])
        axis.set_ylim(*limits[1])
        axis.legend(loc="best", markerscale=1.6, handletextpad=0.2)
    axes[0].set_ylabel(plane.label(1))
    return figure
