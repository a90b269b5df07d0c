"""Whether the floor's sd is that of independent real series: draws of a small TRAIN against the truth.

    python benchmarks/floor_spread.py [--n 500 1000] [--out benchmarks/results/floor_spread.json]
    python benchmarks/floor_spread.py --show benchmarks/results/floor_spread.json     # print what is there

ElectricDevices of the archive (``NM_VQTSG_UCR``) has enough series to know the truth. A judge is fitted to 1500 of
them (six minutes on one core; a weak one: it recognises two of three), 1000 others are TEST, and all sets of n
come from the rest, which it has never seen. Each of six trials has a TEST of its own.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from material import split_series
from rich.console import Console
from rich.table import Table

from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.fid import Gaussian, frechet_distance
from nm_vqtsg.params import Fcn

FITTED, TEST, TRIALS, DRAWS = 1500, 1000, 6, 60
Found = dict[str, list[tuple[float, float]]]


def features() -> np.ndarray:
    """What the judge sees of all series that it was not fitted to."""
    train, test, _ = split_series("ElectricDevices")
    assert train.y is not None
    judge = Judge(Fcn(epochs=12), 1, train.n_classes)
    judge.fit(train.X[:FITTED], train.y[:FITTED])
    return np.concatenate([judge.features(train.X[FITTED:]), judge.features(test.X)])


def trial(F: np.ndarray, n: int, rng: np.random.Generator, found: Found) -> None:
    """Mean and sd of FID over draws, by where they are drawn from."""
    order = rng.permutation(len(F))
    real, rest = Gaussian(F[order[:TEST]]), order[TEST:]

    def fids(draw: Callable[[], np.ndarray]) -> np.ndarray:
        return np.array([frechet_distance(Gaussian(F[draw()]), real) for _ in range(DRAWS)])

    def keep(name: str, values: np.ndarray, widen: float = 1.0) -> None:
        found[name].append((float(values.mean()), float(values.std(ddof=1)) * widen))

    keep("independent series (the truth)", fids(lambda: rng.permutation(rest)[:n]))
    for times in (1, 1.5, 2, 4):
        size = int(times * n)
        train = rng.permutation(rest)[:size]
        again = fids(lambda train=train: rng.choice(train, n))
        keep(f"TRAIN of {times:g} n, with replacement", again)
        of_four = again.reshape(-1, 4).std(1, ddof=1)
        found[f"TRAIN of {times:g} n, with replacement, four draws: lowest, highest sd"].append(
            (float(of_four.min()), float(of_four.max()))
        )
        if times > 1:
            values = fids(lambda train=train: rng.permutation(train)[:n])
            keep(f"TRAIN of {times:g} n, without replacement", values)
            keep(f"the same, divided by √(1 − {1 / times:.2g})", values, (1 - n / size) ** -0.5)


def main() -> None:
    """Measure and print, or print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[500, 1000])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "floor_spread.json")
    parser.add_argument("--show", type=Path)
    options = parser.parse_args()
    if options.show is not None:
        show(load_json(options.show))
        return
    F, by_n = features(), {}
    for n in options.n:
        rng, found = np.random.default_rng(1), defaultdict(list)
        for _ in range(TRIALS):
            trial(F, n, rng, found)
        by_n[str(n)] = dict(found)
    sizes = {"fitted": FITTED, "test": TEST, "trials": TRIALS, "draws": DRAWS}
    record = {"dataset": "ElectricDevices", "sizes": sizes, "mean_and_sd": by_n}
    save_json(options.out, record)
    show(record)


def show(record: dict[str, Any]) -> None:
    """Print means over the trials."""
    for n, found in record["mean_and_sd"].items():
        shown = Table("draws", "mean", "sd", "sd of it over trials", title=f"FID of n = {n}")
        for name, values in found.items():
            (mean, sd), (_, spread) = np.mean(values, 0), np.std(values, 0)
            shown.add_row(name, f"{mean:.3f}", f"{sd:.3f}", f"{spread:.3f}")
        Console(width=120).print(shown)


if __name__ == "__main__":
    main()
