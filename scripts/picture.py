"""Draw the picture of the README: python scripts/picture.py STUDY DATASET SEED FILE.

The samples of a finished run before and after the mapper, and real series (TEST): above the series, below the
judge's features in the plane of the two principal axes of the real ones. `make demo` makes such a run in minutes:

    python scripts/picture.py studies/demo ItalyPowerDemand 0 docs/images/before_after.png
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

from nm_vqtsg.artifacts import load_json, load_npz
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.figures import Z_SCORE, png_bytes, style
from nm_vqtsg.figures.plane import Plane
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.study.paths import Paths

DRAWN, POINTS = 120, 500


@style.styled
def picture(paths: Paths) -> Figure:
    """Three columns of two rows."""
    scores = load_json(paths.metrics)
    real, judge = Series.load(paths.test).X, Judge.load(paths.fcn)
    sets = {
        "before the mapper": (style.GENERATED, load_npz(paths.samples)["X"], scores["baseline"]["fid"]),
        "after the mapper": (style.MAPPED, load_npz(paths.mapped)["X"], scores["mapped"]["fid"]),
        "real": (style.REAL, real, scores["reference"]["fid"]),
    }
    rows = {name: style.choose(0, len(X), DRAWN) for name, (_, X, _) in sets.items()}  # the same before and after
    limits = style.common_limits(*(X[rows[name], 0] for name, (_, X, _) in sets.items()))
    alpha = style.opacity(real[rows["real"], 0], limits)
    plane = Plane.fit(judge.features(real))
    points = {name: plane.project(judge.features(X[:POINTS])) for name, (_, X, _) in sets.items()}
    planar = [style.common_limits(*(each[:, axis] for each in points.values())) for axis in (0, 1)]

    figure = style.new_figure(3.9)
    axes = figure.subplots(2, 3, sharex="row", sharey="row")
    for (upper, lower), (name, (colour, X, fid)) in zip(axes.T, sets.items(), strict=True):
        style.draw_lines(upper, X[rows[name], 0], colour, alpha)
        upper.set_ylim(*limits)
        upper.set_title(f"{name}: FID {fid:.2f}", fontweight="bold", color=colour)
        upper.set_xlabel(style.TIME)
        lower.scatter(*points["real"].T, s=8, color=style.REAL, alpha=0.5, linewidths=0, label="real")
        if name != "real":
            lower.scatter(*points[name].T, s=9, color=colour, alpha=0.5, linewidths=0, marker="^", label=name)
        lower.set_xlim(*planar[0])
        lower.set_ylim(*planar[1])
        lower.set_xlabel(f"features, {plane.label(0)}")
        lower.legend(loc="best", markerscale=1.8, handletextpad=0.1, borderpad=0.1)
    axes[0, 0].set_ylabel(style.channel_label(0, real.shape[1], Z_SCORE))
    axes[1, 0].set_ylabel(plane.label(1))
    return figure


def main(study: str, dataset: str, seed: str, out: str) -> None:
    Path(out).write_bytes(png_bytes(picture(Paths(Path(study), dataset, int(seed)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
