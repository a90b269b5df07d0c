"""Processor time of every stage, beside the authors' package and beside plain forms, at four lengths.

    OMP_NUM_THREADS=1 python benchmarks/speed.py [--lengths 46 140 500 1024] [--out FILE.json] [--no-memory]

Stages 1 and 2 and sampling are compared with `timevqvae` in its README's configuration (see published.py; left out
where it is not installed), stage 3, the search for τ and FID with the forms of plain.py. Both ways take turns in
one process on one thread, batch 32, and every pair gives a ratio (see timing.py). All 1024 codes of each band
are live, which is the dearest case of ours. Twenty minutes on one idle core; Crop, ECG5000, FordA and
MixedShapesRegularTrain from the folder that NM_VQTSG_UCR names, artificial series of their sizes otherwise.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path
from typing import Any, TypeVar

import material
import memory
import numpy as np
import plain
import published
import torch
from rich.console import Console
from rich.table import Table
from timing import Comparison, Interleaved, geometric_mean, in_turns, seconds
from torch import Tensor, nn

from nm_vqtsg.artifacts import save_json
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.mapper.network import UNet
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Sample, Stage1, Stage2, Stage3, Svq
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.session import Session
from nm_vqtsg.svq.tau_search import search_tau
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.tokenizer.kinds import timevqvae
from nm_vqtsg.training.order import BatchOrder

WARM_UP = 3
N_SAMPLES = 1024
OURS_SAMPLED, OTHER_SAMPLED = 256, 64  # whole batches of each; the time of 1024 is a multiple
GRID = (0.1, 0.5, 1.0, 2.0, 4.0)
TAU = 0.5
N_TRAIN = 2000  # series of the search for τ
TARGETS = {"stage 1": 4.0, "stage 2": 5.0, "sampling": 15.0, "stage 3": 7.0, "tau search": 20.0}


Section = TypeVar("Section", Stage1, Stage2, Stage3)


def short(section: Section, steps: int) -> Section:
    """The paper's networks and rates, over a few steps."""
    return section.model_copy(update={"steps": WARM_UP + steps})


class Batches:
    """The next batch of each call."""

    def __init__(self, n: int) -> None:
        self._order, self._step = BatchOrder(n, 32, seed=1), -1

    def __call__(self) -> Tensor:
        self._step += 1
        return self._order.rows(self._step)


class Bench:
    """All measurements at one length.

    Parameters
    ----------
    length : int
        One of `material.BY_LENGTH`.
    steps, rounds : int
        Pairs of training steps, and of everything else.
    n_train : int
        TRAIN series of the search for τ.
    """

    def __init__(self, length: int, steps: int, rounds: int, n_train: int) -> None:
        self.length, self.steps, self.rounds, self.n_train = length, steps, rounds, n_train
        train, _, self.origin = material.split_series(material.BY_LENGTH[length])
        assert train.y is not None
        self.x, self.y, self.n_classes = torch.from_numpy(train.X), torch.from_numpy(train.y), train.n_classes
        self.found: dict[str, Comparison] = {}
        self.parameters: dict[str, tuple[int, int]] = {}
        self.vqvae = published.make_vqvae(1, length) if published.available() else None

    def run(self) -> None:
        """Everything, in the pipeline's order."""
        self.stage1()
        self.stage2()
        self.sampling()
        self.stage3()
        self.tau_search()

    def stage1(self) -> None:
        config, batches, other = short(Stage1(), self.steps), Batches(len(self.x)), None
        self.tokenizer = timevqvae.KIND.build(config, 1, self.length)
        if self.vqvae is not None:
            trainer = published.vqvae_trainer(self.vqvae, config)

            def other() -> float:
                return trainer.step(self.x[batches()])

        watch = Interleaved(other, WARM_UP)
        self.tokenizer.fit(self.x, session=Session(progress=watch))
        self.keep("stage 1", watch.comparison(), self.tokenizer, self.vqvae)
        for band in self.tokenizer.bands:
            band.quantizer.live.fill_(True)

    def stage2(self) -> None:
        config, batches, other = short(Stage2(), self.steps), Batches(len(self.x)), None
        prior = Prior(config, self.tokenizer.grids, self.tokenizer.codebooks, self.n_classes)
        self.maskgit = None
        if self.vqvae is not None:
            self.maskgit = published.make_maskgit(self.vqvae, self.n_classes)
            trainer = published.maskgit_trainer(self.maskgit, config)

            def other() -> float:
                rows = batches()
                return trainer.step(self.x[rows], self.y[rows])

        watch = Interleaved(other, WARM_UP)
        prior.fit(self.tokenizer.tokens(self.x), self.y, 0, Session(progress=watch))
        self.keep("stage 2", watch.comparison(), prior.network, self.maskgit)
        self.model = TwoStageGenerator(self.tokenizer, prior, Sample())

    def sampling(self) -> None:
        for name, n_classes in (("sampling", 0), ("sampling, of class", self.n_classes)):
            ours_y, other_y = (
                torch.arange(n) % n_classes if n_classes else None for n in (OURS_SAMPLED, OTHER_SAMPLED)
            )
            source, maskgit = torch.Generator().manual_seed(0), self.maskgit

            def ours(y: Tensor | None = ours_y, source: torch.Generator = source) -> Tensor:
                return self.model.sample(OURS_SAMPLED, y, rng=source)

            def other(y: Tensor | None = other_y, maskgit: nn.Module | None = maskgit) -> Tensor:
                return published.sample(maskgit, OTHER_SAMPLED, y)

            pairs = in_turns(self.rounds, ours, other if maskgit is not None else None)
            self.found[name] = pairs.scaled(N_SAMPLES / OURS_SAMPLED, N_SAMPLES / OTHER_SAMPLED)

    def stage3(self) -> None:
        variants = StochasticVariants(self.tokenizer, self.x)
        config = short(Stage3(), self.steps)
        networks: tuple[tuple[str, nn.Module], ...] = (
            ("stage 3", plain.UNet(1)),
            ("stage 3, same U-Net", UNet(1, config.width, config.multipliers)),
        )
        for name, network in networks:
            batches = Batches(len(self.x))
            step = plain.mapper_step(network, self.tokenizer, self.x, TAU)
            watch = Interleaved(lambda step=step, batches=batches: step(batches()), WARM_UP)
            ours = Mapper(config, Svq(), TAU, 1, self.length, codes="")
            ours.fit(variants, session=Session(progress=watch))
            self.keep(name, watch.comparison(), ours.network, network)

    def tau_search(self) -> None:
        from sktime.transformations.rocket import Rocket

        x = self.x[torch.arange(self.n_train) % len(self.x)]
        x_hat = self.model.sample(N_SAMPLES, rng=torch.Generator().manual_seed(1))
        features = RocketFeatures(1, self.length)
        rocket = Rocket(1000, normalise=False, random_state=0).fit(np.zeros((1, 1, self.length), np.float32))
        for warm in (features, rocket.transform):  # compiles
            warm(x_hat[:2].numpy())
        runs = [
            (
                seconds(lambda: search_tau(self.tokenizer, x, x_hat, GRID, features)),
                seconds(lambda: plain.search_tau(self.tokenizer, x, x_hat, (TAU,), rocket)),
                seconds(lambda: plain.rocket_features(rocket, x_hat.numpy())),
            )
            for _ in range(self.rounds)
        ]
        every = len(GRID)  # every τ costs the plain form the same
        for name, saved in (("tau search", 0), ("tau search, samples once", every - 1)):
            pairs = [(ours, every * one - saved * samples) for ours, one, samples in runs]
            self.found[name] = Comparison(*map(tuple, zip(*pairs, strict=True)))

    def keep(self, name: str, pairs: Comparison, ours: nn.Module, other: nn.Module | None) -> None:
        self.found[name] = pairs
        sizes = [sum(p.numel() for p in m.parameters() if p.requires_grad) if m else 0 for m in (ours, other)]
        self.parameters[name] = (sizes[0], sizes[1])


def fid_times(rounds: int) -> dict[str, Comparison]:
    """FID of 1024 against 2000 series; it does not depend on the length."""
    found = {}
    for d in (128, 2000):
        rng = np.random.default_rng(0)
        sides = [rng.normal(size=(n, d)) / np.arange(1, d + 1) ** 0.7 + 1 for n in (1024, 2000)]
        a, b = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
        repeats = rounds if d < 1000 else 1
        found[f"FID, {d} dimensions"] = in_turns(
            repeats, lambda a=a, b=b: fid(a, b), lambda a=a, b=b: plain.fid(a, b)
        )
    return found


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def spread(values: dict[str, float], unit: float, digits: int) -> str:
    """Median and quartiles, in words; the value alone where there is no spread to show."""
    middle, low, high = (f"{values[name] * unit:.{digits}f}" for name in ("median", "q25", "q75"))
    return middle if values["q25"] == values["q75"] else f"{middle} ({low}–{high})"


def times_table(result: dict[str, Any]) -> Table:
    """One row for each measurement and length."""
    table = Table(title="processor time on one thread: median (quartiles); ratio = other / ours, by pairs")
    for name in ("what", "L", "ours", "other", "ratio", "parameters: ours, other"):
        table.add_column(name, justify="left" if name == "what" else "right", no_wrap=True)
    rows = [(name, "", times, None) for name, times in result["fid"].items()]
    names = next(iter(result["lengths"].values()))["times"]
    for name in names:
        for length, at in result["lengths"].items():
            rows.append((name, length, at["times"][name], at["parameters"].get(name)))
    for name, length, times, sizes in rows:
        step = name.startswith("stage")
        unit, digits = (1000, 0) if step else (1, 3 if times["ours_s"]["median"] < 0.1 else 1)
        other, ratio = (
            (spread(times["other_s"], unit, digits), spread(times["ratio"], 1, 1))
            if "other_s" in times
            else ("", "")
        )
        what = f"{name}, ms a step" if step else f"{name}, s"
        table.add_row(
            what,
            length,
            spread(times["ours_s"], unit, digits),
            other,
            ratio,
            "{:,}, {:,}".format(*sizes) if sizes else "",
        )
    return table


def memory_table(result: dict[str, Any]) -> Table:
    """Peak memory of each step of the pipeline, as a process."""
    table = Table(title="peak memory of each step, MB (resident, whole process)")
    lengths = [length for length, at in result["lengths"].items() if "memory_mb" in at]
    table.add_column("step")
    for length in lengths:
        table.add_column(f"L {length}, N {result['lengths'][length]['n']}", justify="right")
    for step in result["lengths"][lengths[0]]["memory_mb"]:
        table.add_row(step, *(f"{result['lengths'][length]['memory_mb'][step]:.0f}" for length in lengths))
    return table


def verdicts(result: dict[str, Any]) -> Table:
    """Geometric means over the lengths, against the targets."""
    table = Table(title="geometric mean of the ratios over the lengths")
    for name in ("what", "ratio", "target", ""):
        table.add_column(name)
    for name in next(iter(result["lengths"].values()))["times"]:
        ratios = [at["times"][name].get("ratio", {}).get("median") for at in result["lengths"].values()]
        if None in ratios:
            continue
        mean, target = geometric_mean(ratios), TARGETS.get(name)
        result["geometric_means"][name] = mean
        verdict = "" if target is None else "met" if mean >= target else "missed"
        table.add_row(name, f"{mean:.2f}", "" if target is None else f"{target:.0f}", verdict)
    return table


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--lengths", nargs="+", type=int, default=list(material.BY_LENGTH), choices=material.BY_LENGTH
    )
    parser.add_argument("--steps", type=int, default=12, help="pairs of training steps")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of everything else")
    parser.add_argument("--n-train", type=int, default=N_TRAIN, help="TRAIN series of the search for tau")
    parser.add_argument("--no-memory", action="store_true", help="leave out the peak memory of each step")
    parser.add_argument("--out", type=Path, help="write all numbers here, as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not published.available():
        print(
            f"the authors' package is not installed, so stages 1, 2 and sampling stand alone ({published.INSTALL})"
        )
    console = Console(width=140)
    result: dict[str, Any] = {
        "machine": machine(),
        "lengths": {},
        "geometric_means": {},
        "n_train": options.n_train,
    }
    console.print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    for length in options.lengths:
        bench = Bench(length, options.steps, options.rounds, options.n_train)
        bench.run()
        at: dict[str, Any] = {"data": bench.origin, "n": len(bench.x), "parameters": bench.parameters}
        at["times"] = {name: pairs.summary() for name, pairs in bench.found.items()}
        if not options.no_memory:
            at["memory_mb"] = {
                step: used.mb for step, used in memory.measured(length, len(bench.x), len(bench.x) // 4).items()
            }
        result["lengths"][str(length)] = at
        print(f"L = {length} is done ({bench.origin})", file=sys.stderr, flush=True)
    result["fid"] = {name: pairs.summary() for name, pairs in fid_times(options.rounds).items()}
    console.print(times_table(result))
    if not options.no_memory:
        console.print(memory_table(result))
    console.print(verdicts(result))
    if options.out is not None:
        save_json(options.out, result)
        print(f"written: {options.out}")


if __name__ == "__main__":
    main()
