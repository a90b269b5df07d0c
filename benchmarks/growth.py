"""How time and memory grow with the length of series, their number, the classes and the tokens.

    OMP_NUM_THREADS=1 python benchmarks/growth.py --out growth [--axes length classes tokens series]

The other sizes stay fixed. *length*, *classes*, *tokens*: processor time of one optimiser step of each training
(batches of 32) and of one series in every other work, as the planner measures them. *series*: time and peak memory
of every step of the pipeline as a process of its own, with few optimiser steps, so that what grows is
what depends on how many series there are. The exponent of the growth is the slope of a straight line through the
largest three sizes, both logarithmic, after what does not grow: it may not be higher than that of the algorithm
(2 for attention in the tokens, else 1) by more than `TOLERANCE`; exit status 1 if one is.

Writes OUT.json, OUT.md and OUT.png.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from memory import measured

from nm_vqtsg.params import Params, override
from nm_vqtsg.planning.calibration import measure

mpl.use("Agg")

SIZES: dict[str, tuple[int, ...]] = {
    "length": (46, 128, 512, 1024, 4096, 16384),
    "classes": (2, 10, 60),
    "tokens": (16, 32, 64, 128, 256),
    "series": (1000, 10000, 100000),
}
UNITS = {
    "length": "samples in a series",
    "classes": "classes",
    "tokens": "positions in time to aim at in HF (stage1.hf_width), L = 1024",
    "series": "series in TRAIN, L = 128",
}
LENGTH, CLASSES = 128, 4  # where they do not grow
TOKENS_LENGTH = 1024
HIGHEST = {("tokens", "stage2"): 2.0, ("tokens", "sample"): 2.0}  # attention; all else is linear
TOLERANCE = 0.15
MEMORY = "memory of "


def at_shape(length: int, classes: int, changes: Sequence[str] = ()) -> dict[str, float]:
    """Seconds of every work at one shape."""
    params = override(Params(), list(changes))
    return vars(measure(params, 1, length, classes, torch.device("cpu"))).copy()


def at_number(n: int) -> dict[str, float]:
    """Seconds and MB of every step of the pipeline with so many series to learn from."""
    used = measured(LENGTH, n, max(100, n // 50))
    return {step: own.seconds for step, own in used.items()} | {
        MEMORY + step: own.mb for step, own in used.items()
    }


AXES: dict[str, Callable[[int], dict[str, float]]] = {
    "length": lambda size: at_shape(size, CLASSES),
    "classes": lambda size: at_shape(LENGTH, size),
    "tokens": lambda size: at_shape(TOKENS_LENGTH, CLASSES, [f"stage1.hf_width={size}"]),
    "series": at_number,
}


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Slope of log value against log size at the largest three sizes, without what the smallest size takes.

    What does not grow would hide how the rest does, so the value at the smallest size is taken off first, less its
    own share by proportion; growth by less than a tenth in all counts as none.
    """
    x, y = np.asarray(sizes, float), np.asarray(values, float)
    if y[-1] <= 1.1 * y[0]:
        return 0.0
    constant = max(0.0, y[0] - (y[-1] - y[0]) * x[0] / (x[-1] - x[0]))
    rest = np.maximum(y - constant, 1e-12)[-3:]
    return float(np.polyfit(np.log(x[-3:]), np.log(rest), 1)[0])


def allowed(axis: str, work: str) -> float:
    """The exponent of the algorithm."""
    return HIGHEST.get((axis, work), 1.0)


def table(axis: str, sizes: Sequence[int], costs: Sequence[dict[str, float]]) -> tuple[str, list[str]]:
    """Of one axis in Markdown, and what grows too fast."""
    lines = [f"**{UNITS[axis]}**", "", f"| | {' | '.join(f'{size:,}' for size in sizes)} | exponent |"]
    lines.append("|---|" + "---:|" * (len(sizes) + 1))
    too_fast = []
    for work in costs[0]:
        values = [cost[work] for cost in costs]
        slope = exponent(sizes, values)
        fast = slope > allowed(axis, work) + TOLERANCE
        if fast:
            too_fast.append(f"{work} grows with {axis} as its power {slope:.2f}")
        unit, scale = ("MB", 1.0) if work.startswith(MEMORY) else ("s", 1.0) if axis == "series" else ("ms", 1e3)
        cells = " | ".join(f"{scale * value:.3g}" for value in values)
        lines.append(f"| {work}, {unit} | {cells} | {slope:.2f}{' (too fast)' if fast else ''} |")
    return "\n".join(lines) + "\n", too_fast


def figure(found: dict[str, dict[str, Any]]) -> Figure:
    """A panel for each axis: everything over its value at the smallest size."""
    drawing = Figure(figsize=(5 * len(found), 4.2), layout="constrained")
    for place, (axis, part) in enumerate(found.items(), 1):
        axes = drawing.add_subplot(1, len(found), place)
        sizes = np.asarray(part["sizes"], float)
        for work in part["costs"][0]:
            if not work.startswith(MEMORY):
                values = np.array([cost[work] for cost in part["costs"]])
                axes.loglog(sizes, values / values[0], marker="o", markersize=3, label=work)
        axes.loglog(sizes, sizes / sizes[0], color="0.7", linestyle="--", label="linear")
        axes.set(xlabel=UNITS[axis], ylabel="processor time over that of the smallest")
        axes.legend(fontsize=7, ncols=2)
    return drawing


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and say what grows too fast."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--axes", nargs="+", choices=list(AXES), default=list(AXES))
    parser.add_argument("--sizes", nargs="+", type=int, help="instead of an axis's own; for one axis")
    parser.add_argument("--out", type=Path, required=True, help="files to write, without their endings")
    options = parser.parse_args(arguments)
    if options.sizes and len(options.axes) > 1:
        parser.error("--sizes are of one axis; name it with --axes")
    found, texts, too_fast = {}, [], []
    for axis in options.axes:
        sizes = sorted(options.sizes or SIZES[axis])
        costs = []
        for size in sizes:
            costs.append(AXES[axis](size))
            print(f"{axis} {size}", file=sys.stderr, flush=True)
        found[axis] = {"sizes": sizes, "costs": costs}
        text, fast = table(axis, sizes, costs)
        texts.append(text)
        too_fast += fast
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    options.out.with_suffix(".md").write_text("\n".join(texts), encoding="utf-8")
    figure(found).savefig(options.out.with_suffix(".png"), dpi=110)
    print("\n".join(texts))
    for sentence in too_fast:
        print(f"too fast: {sentence}", file=sys.stderr)
    return int(bool(too_fast))


if __name__ == "__main__":
    sys.exit(main())
