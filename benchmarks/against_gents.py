"""Context-FID, discriminative and predictive score beside those of GenTS (WillWang1113/GenTS), on the same series.

    python benchmarks/against_gents.py [--out FILE] [--seeds 3]

ItalyPowerDemand, TRAIN of our re-split, z-scored, in two halves: one is real, the other stands for samples, as it
is and with white noise of three amplitudes. Our side always runs. Theirs runs where it can be imported: it is on
GitHub alone (clone it and put the clone on PYTHONPATH); ``gents`` of PyPI is another program.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from material import split_series
from rich.console import Console
from rich.table import Table

from nm_vqtsg.artifacts import save_json
from nm_vqtsg.metrics.context_fid import ContextEncoder, context_fid
from nm_vqtsg.metrics.recurrent import discriminative_score, predictive_score
from nm_vqtsg.metrics.seeded import mean_and_sd

NOISE = (0.0, 0.1, 0.3, 1.0)  # in sd of the series
STEPS = 200  # ours; theirs are in their code
SCORES = {"context_fid": "Context-FID", "discriminative": "discriminative", "predictive": "predictive"}
Pair = tuple[float, float]


def ours(real: np.ndarray, generated: np.ndarray, seeds: int, encoder: ContextEncoder) -> dict[str, Pair]:
    """Mean and sd over seeds of our three scores; series (n, C, L)."""
    return {
        "context_fid": context_fid(encoder.describe(real), encoder.describe(generated)),
        "discriminative": discriminative_score(real, generated, seeds, STEPS),
        "predictive": predictive_score(real, generated, seeds, STEPS),
    }


def theirs(real: np.ndarray, generated: np.ndarray, seeds: int, package: Any) -> dict[str, Pair]:
    """The same of GenTS, as its functions stand, which take (n, L, C)."""
    x, y = (np.ascontiguousarray(X.transpose(0, 2, 1), dtype=np.float32) for X in (real, generated))
    calls: dict[str, Callable[[], float]] = {
        "context_fid": lambda: package.context_fid(x, y, "cpu", train_data=x),
        "discriminative": lambda: package.discriminative_score(x, y, "cpu"),
        "predictive": lambda: package.predictive_score(x, y, "cpu"),
    }
    scores: dict[str, list[float]] = {name: [] for name in calls}
    for seed in range(seeds):
        for name, call in calls.items():
            np.random.seed(seed)
            torch.manual_seed(seed)
            scores[name].append(float(call()))
    return {name: mean_and_sd(values) for name, values in scores.items()}


def gents() -> Any | None:
    """The package, if it is the one that is meant."""
    try:
        package = import_module("gents.evaluation")
    except ImportError:
        return None
    return package if hasattr(package, "context_fid") else None


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, _, source = split_series("ItalyPowerDemand")
    rng, half = np.random.default_rng(0), len(train.X) // 2
    order = rng.permutation(len(train.X))
    real, other = train.X[order[:half]], train.X[order[half : 2 * half]]
    white = rng.standard_normal(other.shape).astype(np.float32)
    package = gents()
    encoder = ContextEncoder(real, options.seeds, STEPS)
    rows: list[dict[str, Any]] = []
    console = Console(width=160)
    for noise in NOISE:
        generated = other + np.float32(noise) * white
        started = time.monotonic()
        values = ours(real, generated, options.seeds, encoder)
        rows.append({"noise": noise, "code": "ours", "seconds": time.monotonic() - started, **values})
        if package is not None:
            started = time.monotonic()
            values = theirs(real, generated, options.seeds, package)
            rows.append({"noise": noise, "code": "GenTS", "seconds": time.monotonic() - started, **values})
    shown = Table("noise", "code", "Context-FID", "discriminative", "predictive", "seconds")
    for row in rows:
        cells = [
            f"{row[key][0]:.3f} ± {row[key][1]:.3f}" for key in ("context_fid", "discriminative", "predictive")
        ]
        shown.add_row(f"{row['noise']:g}", row["code"], *cells, f"{row['seconds']:.0f}")
    console.print(
        f"{source}: {half} real and {half} other series, {options.seeds} seeds, torch {torch.__version__}"
    )
    console.print(shown)
    if package is None:
        console.print("GenTS cannot be imported: clone github.com/WillWang1113/GenTS and put it on PYTHONPATH")
    if options.out:
        save_json(options.out, {"n": half, "seeds": options.seeds, "torch": torch.__version__, "rows": rows})


if __name__ == "__main__":
    main()
