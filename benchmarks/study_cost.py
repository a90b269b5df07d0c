"""Processor hours of stages 1 to 3 of a whole study at the costs per step that were measured.

    python benchmarks/study_cost.py [benchmarks/results/speed.json] [--study DIR]

The data sets and steps of ``params.yaml`` (one seed), times the milliseconds a step of this project and of what it
is compared with in speed.py's results, and of the published code itself; linear in the length between those that
were measured. ``python -m nm_vqtsg plan`` has the whole of a study with this project.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from nm_vqtsg.datasets.archive import SIZES
from nm_vqtsg.params import load_params

STAGES = ("stage 1", "stage 2", "stage 3")
# Milliseconds a step of the published training code (whole steps, batch 32, one thread of a busy machine), taken
# before the authors removed it; their package is its successor and cheaper.
PUBLISHED = {46: (230, 285, 370), 140: (320, 450, 800), 500: (665, 520, 1500), 1024: (1290, 600, 3080)}


def costs(speed: dict) -> dict[str, dict[int, list[float]]]:
    """Milliseconds a step of each stage, by side and length."""
    found: dict[str, dict[int, list[float]]] = {"ours": {}, "package and plain forms": {}}
    for length, at in speed["lengths"].items():
        for side, key in (("ours", "ours_s"), ("package and plain forms", "other_s")):
            found[side][int(length)] = [at["times"][stage][key]["median"] * 1000 for stage in STAGES]
    return found | {"published code": {length: list(ms) for length, ms in PUBLISHED.items()}}


def hours(cost: dict[int, list[float]], lengths: list[int], steps: list[int]) -> np.ndarray:
    """(data sets, stages)."""
    known = sorted(cost)
    by_stage = [
        np.interp(lengths, known, [cost[length][stage] for length in known]) * n / 3.6e6
        for stage, n in enumerate(steps)
    ]
    return np.array(by_stage).T


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speed", type=Path, nargs="?", default=Path(__file__).parent / "results" / "speed.json")
    parser.add_argument("--study", type=Path, default=Path(__file__).parents[1], help="folder with params.yaml")
    options = parser.parse_args()
    params = load_params(options.study / "params.yaml")
    steps = [params.stage1.steps, params.stage2.steps, params.stage3.steps]
    sizes = {name: SIZES[name].length for name in params.datasets}
    lengths = [length for length in sizes.values() if length is not None]
    table = Table(title=f"processor hours of stages 1 to 3 ({', '.join(map(str, steps))} steps), one seed")
    for name in ("", "data sets", *STAGES, "all", "on two cores"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for side, cost in costs(json.loads(options.speed.read_text(encoding="utf-8"))).items():
        found = hours(cost, lengths, steps)
        cells = [*found.sum(0), found.sum(), found.sum() / 2]
        table.add_row(side, str(len(lengths)), *(f"{value:.1f}" for value in cells))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
