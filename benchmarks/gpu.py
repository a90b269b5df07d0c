"""What a GPU gives, and that it computes the same: ten minutes on a machine that has one.

    NM_VQTSG_UCR=FOLDER python benchmarks/gpu.py --out gpu.json [--minutes 10] [--lengths 46 140 500 1024]

In this order, so that the most telling numbers are there if the time runs out (what did not fit is named):

1. *The same?* Losses of the first steps of stage 1 beside the CPU's; tokens, series, mapped series and features of
   one set of weights on both; the same seed twice; a training that was stopped and resumed.
2. *How fast?* Milliseconds a step of every training, as it is, with bfloat16, compiled and with CUDA graphs;
   seconds of 1024 samples and of the search for τ.
3. *Several jobs on one card*: how many steps a second so many processes make together.
4. *A study* of the paper's steps: eight data sets, three seeds, from the planner's own calibration.

Everything is wall time with the queue of the device drained before and after. ``--device cpu`` runs the same in
miniature and processor time, which is how the tests keep this file alive; nothing about a GPU follows from that.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import material
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from speed import machine
from timing import geometric_mean

from nm_vqtsg.artifacts import save_json
from nm_vqtsg.datasets.archive import SIZES
from nm_vqtsg.errors import UserError
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Fcn, Params, Sample, Stage1, Stage2, Stage3, Svq
from nm_vqtsg.planning.calibration import Stopwatch
from nm_vqtsg.planning.plan import make_plan
from nm_vqtsg.planning.sizes import DataSize
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.session import Session, Task
from nm_vqtsg.session.device import chosen_device
from nm_vqtsg.session.stop import Interrupted, StopRequest
from nm_vqtsg.svq.tau_search import search_tau
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.tokenizer.kinds import timevqvae
from nm_vqtsg.tokenizer.model import Tokenizer

SETTINGS: dict[str, dict[str, str]] = {
    "as it is": {},
    "bfloat16": {"precision": "bfloat16"},
    "compiled": {"compiler": "inductor"},
    "CUDA graphs": {"compiler": "cudagraphs"},
}
STAGES = ("stage 1", "stage 2", "stage 3", "judge")
WARM_UP = 12  # steps before the clock starts: compilation, captured graphs, caches of kernels
GRID = (0.1, 0.5, 1.0, 2.0, 4.0)
EIGHT = (
    "Crop",
    "ECG5000",
    "ElectricDevices",
    "FaceAll",
    "FordA",
    "MixedShapesRegularTrain",
    "TwoPatterns",
    "Wafer",
)
AGREEMENT_STEPS = 5


class Steady:
    """A `Progress` that takes the time from warm-up to last step, and waits for nothing between."""

    def __init__(self, clock: Stopwatch, reached: Callable[[], None] = lambda: None) -> None:
        self.clock, self.reached = clock, reached
        self.begin = self.end = 0.0

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """The task that the loop advances."""
        return _Steps(self, description, total, done)

    @property
    def seconds(self) -> float:
        """From warm-up to end."""
        return self.end - self.begin


class _Steps(Task):
    def __init__(self, owner: Steady, *args: Any) -> None:
        super().__init__(*args)
        self._owner = owner

    def show(self) -> None:
        if self.done == WARM_UP:
            self._owner.reached()
            self._owner.begin = self._owner.clock.now()
        elif self.done == self.total:
            self._owner.end = self._owner.clock.now()


class Bench:
    """The networks of one length, and what they take."""

    def __init__(self, length: int, device: torch.device, small: bool) -> None:
        self.length, self.device, self.clock, self.small = length, device, Stopwatch(device), small
        train, _, self.origin = material.split_series(material.BY_LENGTH[length])
        assert train.y is not None
        keep = slice(0, 64 if small else None)
        self.X, self.y, self.n_classes = train.X[keep], train.y[keep], train.n_classes
        self.x = torch.from_numpy(self.X).to(device)

    def section(self, kind: type[Any], steps: int) -> Any:
        """The paper's networks over a few steps."""
        config = kind(steps=steps)
        tiny = {Stage1: {"codebook_size": 32, "last_width": 16}, Stage3: {"width": 2}}
        return config.model_copy(update=tiny.get(kind, {})) if self.small else config

    def tokenizer(self, steps: int = 1, session: Session | None = None, seed: int = 0) -> Tokenizer:
        """A tokeniser after some steps, with all codes live, which is the dearest case."""
        found = timevqvae.KIND.build(self.section(Stage1, steps), 1, self.length)
        found.fit(self.x, seed, session or Session(device=self.device))
        for book in found.codebooks:
            book.live.fill_(True)
        return found

    def prior(self, tokenizer: Tokenizer, steps: int, session: Session) -> Prior:
        """A prior after some steps."""
        found = Prior(self.section(Stage2, steps), tokenizer.grids, tokenizer.codebooks, self.n_classes)
        found.fit(tokenizer.tokens(self.x), torch.from_numpy(self.y), 0, session)
        return found

    def mapper(self, tokenizer: Tokenizer, steps: int, session: Session) -> Mapper:
        """A mapper after some steps."""
        found = Mapper(self.section(Stage3, steps), Svq(), 0.5, 1, self.length, codes="")
        found.fit(StochasticVariants(tokenizer, self.x), 0, session)
        return found

    def judge(self, steps: int, session: Session) -> Judge:
        """A judge after some steps."""
        config = Fcn(max_steps=steps, epochs=steps, patience=steps, batch_size=16 if self.small else 128)
        found = Judge(config, 1, self.n_classes)
        found.fit(self.X, self.y, session)
        return found

    def train(self, stage: str, steps: int, tokenizer: Tokenizer, session: Session) -> object:
        """One of `STAGES`."""
        if stage == "stage 1":
            return self.tokenizer(steps, session)
        if stage == "stage 2":
            return self.prior(tokenizer, steps, session)
        return self.mapper(tokenizer, steps, session) if stage == "stage 3" else self.judge(steps, session)

    def ms_a_step(self, stage: str, steps: int, tokenizer: Tokenizer, setting: dict[str, str]) -> float:
        """Of one training in one setting."""
        watch = Steady(self.clock)
        session = Session(device=self.device, progress=watch, log_every=WARM_UP + steps, **setting)  # type: ignore[arg-type]
        self.train(stage, WARM_UP + steps, tokenizer, session)
        return 1000 * watch.seconds / steps

    def whole_works(self) -> Iterator[tuple[str, float]]:
        """Seconds of sampling and of the search for τ."""
        session = Session(device=self.device)
        tokenizer = self.tokenizer()
        model = TwoStageGenerator(tokenizer, self.prior(tokenizer, 1, session), Sample())
        n = 32 if self.small else 1024
        rng = torch.Generator(self.device).manual_seed(0)
        yield f"{n} samples", self.clock.time(lambda: model.sample(n, rng=rng), 2)
        x_hat = model.sample(n, rng=rng)
        features = RocketFeatures(1, self.length, 20 if self.small else 1000)
        x = self.x[torch.arange(n, device=self.device) % len(self.x)]
        yield "search for τ", self.clock.time(lambda: search_tau(tokenizer, x, x_hat, GRID, features), 2)


def agreement(bench: Bench) -> dict[str, float | bool]:
    """How far the device is from the CPU, and whether it is from itself."""
    device, cpu = bench.device, torch.device("cpu")
    other = Bench(bench.length, cpu, bench.small)
    first = {}
    for one in (bench, other):
        tokenizer = timevqvae.KIND.build(one.section(Stage1, AGREEMENT_STEPS), 1, one.length)
        curve = tokenizer.fit(one.x, 0, Session(device=one.device, log_every=1))
        first[one.device] = np.array([row["loss"] for row in curve])
    found: dict[str, float | bool] = {
        "losses of the first steps, largest relative difference": float(
            np.max(np.abs(first[device] / first[cpu] - 1))
        )
    }
    session = Session(device=device)
    tokenizer = bench.tokenizer(20, session)
    mapper, judge = bench.mapper(tokenizer, 20, session), bench.judge(20, session)
    on_device = _answers(tokenizer, mapper, judge, bench)
    for module in (tokenizer, mapper.network, judge.network):
        module.to(cpu)
    on_cpu = _answers(tokenizer, mapper, judge, other)
    found["tokens that agree"] = float(np.mean(on_device["tokens"] == on_cpu["tokens"]))
    for name in ("series", "mapped series", "features"):
        found[f"{name}, largest difference"] = float(np.max(np.abs(on_device[name] - on_cpu[name])))
    whole, again = (_weights(bench.tokenizer(20, Session(device=device))) for _ in range(2))
    found["the same seed gives the same bytes"] = whole == again
    found["stopped and resumed gives the same bytes"] = whole == _weights(_stopped_and_resumed(bench, 20))
    return found


def _answers(tokenizer: Tokenizer, mapper: Mapper, judge: Judge, bench: Bench) -> dict[str, np.ndarray]:
    x = bench.x[:64]
    tokens = tokenizer.tokens(x)
    fixed = tuple((torch.arange(ids.numel()).reshape(ids.shape) % 7).to(ids.device) for ids in tokens)
    return {
        "tokens": torch.cat([ids.flatten() for ids in tokens]).cpu().numpy(),
        "series": tokenizer.decode(fixed).cpu().numpy(),
        "mapped series": mapper.map(x).cpu().numpy(),
        "features": judge.features(bench.X[:64]),
    }


def _weights(module: torch.nn.Module) -> bytes:
    return b"".join(value.cpu().numpy().tobytes() for value in module.state_dict().values())


class _StopAfter:
    """A `Progress` that asks for the end after some steps."""

    def __init__(self, stop: StopRequest, steps: int) -> None:
        self.stop, self.steps = stop, steps

    def start(self, description: str, total: int, done: int = 0) -> Task:
        owner = self

        class Steps(Task):
            def show(self) -> None:
                if self.done == owner.steps:
                    owner.stop.request(signal.SIGTERM)

        return Steps(description, total, done)


def _stopped_and_resumed(bench: Bench, steps: int) -> Tokenizer:
    folder = Path(tempfile.mkdtemp(prefix="nm-vqtsg-"))
    try:
        stop = StopRequest()
        begun = Session(device=bench.device, checkpoints=folder, stop=stop, progress=_StopAfter(stop, steps // 2))
        try:
            bench.tokenizer(steps, begun)
        except Interrupted:
            pass
        else:
            raise AssertionError("it was not stopped")
        return bench.tokenizer(steps, Session(device=bench.device, checkpoints=folder))
    finally:
        shutil.rmtree(folder)


def together(n_jobs: int, stage: str, length: int, steps: int, device: str) -> float:
    """Steps a second of so many processes that train on one device at the same time."""
    command = [sys.executable, __file__, "--worker", stage, "--lengths", str(length), "--steps", str(steps)]
    workers = [
        subprocess.Popen([*command, "--device", device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(n_jobs)
    ]
    for worker in workers:
        assert worker.stdout is not None
        if worker.stdout.readline() != "ready\n":
            for one in workers:
                one.kill()
            raise RuntimeError(f"a job of {n_jobs} ended before it began")
    begin = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [worker.stdout.readline() for worker in workers if worker.stdout is not None]
    seconds = time.perf_counter() - begin
    if any(worker.wait() for worker in workers) or said != n_jobs * ["done\n"]:
        raise RuntimeError(f"not all of {n_jobs} jobs came to their end")
    return n_jobs * steps / seconds


def work(stage: str, length: int, steps: int, device: torch.device) -> None:
    """One of the processes of `together`: after the warm-up it waits for the others."""

    def wait() -> None:
        print("ready", flush=True)
        sys.stdin.readline()

    bench = Bench(length, device, small=device.type == "cpu")
    tokenizer = bench.tokenizer()
    session = Session(device=device, progress=Steady(bench.clock, wait), log_every=WARM_UP + steps)
    bench.train(stage, WARM_UP + steps, tokenizer, session)
    print("done", flush=True)


def study_hours(device: torch.device, names: tuple[str, ...], seeds: int) -> dict[str, float]:
    """Hours of the jobs of a study at the paper's steps, one job at a time, by data set."""
    params = Params(datasets=names, seeds=tuple(range(seeds)))
    sizes = {}
    for name in names:
        size = SIZES[name]
        assert size.length is not None
        n = size.n_train + size.n_test
        sizes[name] = DataSize(n - -(-n // 5), -(-n // 5), 1, size.length, size.n_classes)
    plan = make_plan(params, sizes, device)
    return {name: plan.of_dataset(name) / 3600 for name in names} | {"all": plan.total / 3600}


class Report:
    """Measurements, saved as they come; what fails or no longer fits is noted and the rest goes on."""

    def __init__(self, out: Path | None, minutes: float) -> None:
        self.out, self.deadline = out, time.monotonic() + 60 * minutes
        self.numbers: dict[str, Any] = {
            "machine": machine(),
            "data": {},
            "the same": {},
            "ms a step": {},
            "seconds": {},
        }
        self.numbers |= {"steps a second together": {}, "study hours": {}, "left out": {}}

    @contextmanager
    def measuring(self, *what: str) -> Iterator[Callable[[Any], None]]:
        """Inside the block ``keep(value)`` notes what was measured as `what`."""
        place = self.numbers
        for key in what[:-1]:
            place = place.setdefault(key, {})

        def keep(value: Any) -> None:
            if value is not None:
                place[what[-1]] = value

        name = ", ".join(what)
        try:
            if time.monotonic() > self.deadline:
                raise TimeoutError("no time was left")
            yield keep
            print(f"{name}: {place.get(what[-1])}", file=sys.stderr, flush=True)
        except (UserError, RuntimeError, TimeoutError) as error:
            self.numbers["left out"][name] = str(error).strip().splitlines()[0][:200]
        if self.out is not None:
            save_json(self.out, self.numbers)

    def tables(self) -> Iterator[Table]:
        """What there is."""
        same = Table("", "", title="on the device and on the CPU")
        for name, value in self.numbers["the same"].items():
            same.add_row(name, str(value) if isinstance(value, bool) else f"{value:.3g}")
        yield same
        steps = Table("", "L", *SETTINGS, title="milliseconds a step, batch 32 (judge: 128)")
        for stage, lengths in self.numbers["ms a step"].items():
            for length, by_setting in lengths.items():
                cells = [f"{by_setting[name]:.2f}" if name in by_setting else "" for name in SETTINGS]
                steps.add_row(stage, length, *cells)
        for name in SETTINGS:
            values = [row[name] for at in self.numbers["ms a step"].values() for row in at.values() if name in row]
            if len(values) > 1:
                steps.caption = (steps.caption or "geometric mean:") + f" {name} {geometric_mean(values):.2f} ms;"
        yield steps
        works = Table("", "L", "seconds", title="whole works")
        for what, lengths in self.numbers["seconds"].items():
            for length, value in lengths.items():
                works.add_row(what, length, f"{value:.2f}")
        yield works
        jobs = Table("", "jobs", "steps a second, all together", title="several jobs on one device")
        for stage, by_count in self.numbers["steps a second together"].items():
            for count, value in by_count.items():
                jobs.add_row(stage, count, f"{value:.1f}")
        yield jobs
        hours = Table("", "hours", title="a study at the paper's steps, one job at a time (planned)")
        for name, value in self.numbers["study hours"].items():
            hours.add_row(name, f"{value:.2f}")
        yield hours
        if self.numbers["left out"]:
            missing = Table("left out", "why")
            for name, why in self.numbers["left out"].items():
                missing.add_row(name, why)
            yield missing


def measure(report: Report, lengths: list[int], steps: int, device: torch.device, jobs: tuple[int, ...]) -> None:
    """Everything, in the order of the module's text."""
    small = device.type == "cpu"
    for length in lengths[:1]:
        with report.measuring("the same") as keep:
            keep(agreement(Bench(length, device, small)))
    for length in lengths:
        bench = Bench(length, device, small)
        report.numbers["data"][str(length)] = bench.origin
        tokenizer = bench.tokenizer()
        for name, setting in SETTINGS.items():
            if small and setting:
                continue  # they are for GPUs
            for stage in STAGES:
                with report.measuring("ms a step", stage, str(length), name) as keep:
                    keep(bench.ms_a_step(stage, steps, tokenizer, setting))
        with report.measuring("seconds") as keep:
            for what, seconds in bench.whole_works():
                report.numbers["seconds"].setdefault(what, {})[str(length)] = seconds
            keep(None)
    for stage in STAGES[:1] if small else STAGES[:3]:
        for count in jobs:
            with report.measuring("steps a second together", stage, str(count)) as keep:
                keep(together(count, stage, lengths[0], 4 * steps, device.type))
    names, seeds = (EIGHT[:1], 1) if small else (EIGHT, 3)
    with report.measuring("study hours") as keep:
        keep(None)
        report.numbers["study hours"] = study_hours(device, names, seeds)


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lengths", nargs="+", type=int, default=[140, 46, 500, 1024], choices=material.BY_LENGTH)
    parser.add_argument("--steps", type=int, default=50, help="training steps that are timed")
    parser.add_argument("--jobs", nargs="+", type=int, default=[1, 2, 4, 8], help="jobs at a time on the device")
    parser.add_argument("--minutes", type=float, default=9.5, help="what has not begun by then is left out")
    parser.add_argument("--device", default="cuda", help="cuda; cpu runs the same in miniature")
    parser.add_argument("--out", type=Path, help="write all numbers here, as JSON")
    parser.add_argument("--worker", choices=STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        device = chosen_device(options.device)
    except UserError as error:
        parser.error(str(error))
    if options.worker:
        work(options.worker, options.lengths[0], options.steps, device)
        return
    report = Report(options.out, options.minutes)
    measure(report, options.lengths, options.steps, device, tuple(options.jobs))
    console = Console(width=120)
    console.print(", ".join(f"{name} {value}" for name, value in report.numbers["machine"].items()))
    for table in report.tables():
        console.print(table)


if __name__ == "__main__":
    main()
