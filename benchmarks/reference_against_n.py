"""How FID depends on the number of series: what real series score, and what the samples of a run score, against n.

    python benchmarks/reference_against_n.py --study studies/twentieth --dataset FaceAll --seed 0 [--figure n.png]

Reads the finished run of a study. Each row draws n series `--repeats` times and gives mean ± sd:

* TRAIN: n series of TRAIN against all of TEST, the reference beside every FID (the judge was fitted to TRAIN);
* TEST: n series of TEST against n others of TEST, which the judge has never seen: nothing but bias;
* baseline, mapped: n samples against all of TEST;
* KID of the same TRAIN series: unbiased at every n.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from nm_vqtsg.artifacts import atomic_path, load_npz
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.figures import style
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.fid import Gaussian, frechet_distance
from nm_vqtsg.metrics.kid import kid
from nm_vqtsg.study.paths import Paths

SIZES = (25, 50, 100, 200, 400, 800, 1600, 3200)
COLUMNS = ("TRAIN", "TEST", "baseline", "mapped", "KID of TRAIN")


def measure(paths: Paths, repeats: int, seed: int) -> dict[int, dict[str, list[float]]]:
    """n -> column -> values, one for each repeat."""
    judge = Judge.load(paths.fcn)
    test = judge.features(Series.load(paths.test).X)
    others = {
        "TRAIN": judge.features(Series.load(paths.train).X),
        "baseline": judge.features(load_npz(paths.samples, required=("X",))["X"]),
        "mapped": judge.features(load_npz(paths.mapped, required=("X",))["X"]),
    }
    whole, found = Gaussian(test), {}
    for n in SIZES:
        rng = np.random.default_rng([seed, n])
        values: dict[str, list[float]] = {column: [] for column in COLUMNS}
        for _ in range(repeats):
            for name, features in others.items():
                if n <= len(features):
                    chosen = features[rng.permutation(len(features))[:n]]
                    values[name].append(frechet_distance(Gaussian(chosen), whole))
                    if name == "TRAIN":
                        values["KID of TRAIN"].append(kid(test, chosen).value)
            if 2 * n <= len(test):
                order = rng.permutation(len(test))
                halves = test[order[:n]], test[order[n : 2 * n]]
                values["TEST"].append(frechet_distance(*map(Gaussian, halves)))
        if any(values.values()):
            found[n] = values
    return found


def draw(found: dict[int, dict[str, list[float]]], title: str, path: Path) -> None:
    """The table as a figure."""
    figure = style.new_figure(2.6, 3.6)
    axes = figure.subplots()
    for name, colour in (("TRAIN", style.REAL), ("baseline", style.GENERATED), ("mapped", style.MAPPED)):
        known = [(n, values[name]) for n, values in found.items() if values[name]]
        sizes, means = [n for n, _ in known], [float(np.mean(v)) for _, v in known]
        axes.errorbar(sizes, means, [float(np.std(v)) for _, v in known], color=colour, label=name, capsize=2)
    axes.set(xscale="log", yscale="log", xlabel="series n", ylabel="FID against TEST", title=title)
    axes.legend()
    with atomic_path(path) as temporary:
        temporary.write_bytes(style.png_bytes(figure))


def main() -> None:
    """Measure, print, and draw where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path())
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--seed", type=int, default=0, help="seed of the run; subsets are drawn with seed 0")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    paths = Paths(options.study, options.dataset, options.seed)
    found = measure(paths, options.repeats, 0)
    table = Table("n", *COLUMNS, title=f"{options.dataset} seed {options.seed}: FID, {options.repeats} draws")
    for n, values in found.items():
        cells = [f"{np.mean(v):.3g} ± {np.std(v, ddof=1):.2g}" if v else "" for v in values.values()]
        table.add_row(str(n), *cells)
    Console().print(table)
    if options.figure:
        draw(found, options.dataset, options.figure)


if __name__ == "__main__":
    main()
