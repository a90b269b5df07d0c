"""Where the processor time of each stage goes, beside the authors' package and beside plain forms.

    OMP_NUM_THREADS=1 python benchmarks/profiles.py [--lengths 140 1024] [--out FILE.json]

Stages 1 to 3 and sampling: PyTorch's profiler, its operators in a few families, the time of each without what it
calls. What no operator accounts for is Python, NumPy and the profiler itself, which makes everything somewhat
slower: shares are the result, speed.py has the times. The search for τ: the parts of the method, by a clock around
the functions that do them. Both sides are what speed.py compares.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import material
import numpy as np
import plain
import published
import speed
import torch
from rich.console import Console
from rich.table import Table
from timing import BetweenSteps
from torch.profiler import ProfilerActivity, profile

from nm_vqtsg.artifacts import save_json
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Sample, Stage1, Stage2, Stage3, Svq
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.session import Session
from nm_vqtsg.svq import tau_search
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.tokenizer.kinds import timevqvae
from nm_vqtsg.tokenizer.model import Tokenizer

STEPS = 20
FAMILIES = (  # of operators, by what their names contain; the first that fits
    ("optimiser", ("_fused_adamw", "_foreach_", "optimizer")),
    ("convolutions", ("convolution", "aten::conv", "slow_conv")),
    ("attention", ("scaled_dot_product", "flash_attention")),
    ("norms of layers", ("batch_norm", "layer_norm", "group_norm", "weight_norm")),
    ("sine (Snake)", ("aten::sin", "aten::cos", "snake")),
    ("softmax, exp, log, GELU", ("softmax", "aten::exp", "aten::log", "gelu", "crossentropy")),
    ("matrix products", ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::matmul", "linear")),
    ("random numbers", ("rand", "uniform", "bernoulli", "normal_", "exponential", "multinomial", "dropout")),
    ("looking up and choosing", ("index", "gather", "scatter", "sort", "topk", "arg", "cumsum", "embedding")),
    ("Fourier transform", ("fft", "stft")),
    ("copies", ("copy_", "aten::cat", "clone", "fill_", "zero_", "_to_copy", "repeat", "stack")),
)
OTHER, OUTSIDE = "other arithmetic", "outside of operators"

Shares = dict[str, float]
"""Milliseconds by family or part."""


def family(operator: str) -> str:
    """Which one an operator belongs to."""
    name = operator.lower()
    return next((title for title, parts in FAMILIES if any(part in name for part in parts)), OTHER)


class Profiler:
    """PyTorch's profiler over a stretch of work."""

    def start(self) -> None:
        """From here on."""
        self._profile = profile(activities=[ProfilerActivity.CPU], acc_events=True)
        self._profile.start()
        self._begin = time.process_time()

    def stop(self) -> None:
        """Up to here."""
        self._total = (time.process_time() - self._begin) * 1000
        self._profile.stop()

    def shares(self, times: float) -> Shares:
        """Milliseconds of each family, divided by `times`."""
        found: dict[str, float] = defaultdict(float)
        for event in self._profile.key_averages():
            found[family(event.key)] += event.self_cpu_time_total / 1000
        found[OUTSIDE] = max(0.0, self._total - sum(found.values()))
        return {name: value / times for name, value in found.items()}


def by_operators(work: Callable[[], object], times: float = 1) -> Shares:
    """Shares of `work`; after one round that does not count."""
    work()
    profiler = Profiler()
    profiler.start()
    work()
    profiler.stop()
    return profiler.shares(times)


class Watch(BetweenSteps):
    """Profiles the steps of the library's own training loop, nothing before or after them."""

    def __init__(self) -> None:
        self.profiler = Profiler()

    def after_step(self, done: int) -> None:
        """Begin after the warm-up, and end."""
        if done == speed.WARM_UP:
            self.profiler.start()
        elif done == speed.WARM_UP + STEPS:
            self.profiler.stop()

    def shares(self) -> Shares:
        """A step's."""
        return self.profiler.shares(STEPS)


class Clock:
    """Processor time of functions, each without the timed ones that it calls."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._running: list[tuple[str, float]] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens inside for `name`."""
        now = time.process_time()
        if self._running:
            outer, since = self._running[-1]
            self.spent[outer] += now - since
        self._running.append((name, now))
        try:
            yield
        finally:
            now = time.process_time()
            _, since = self._running.pop()
            self.spent[name] += now - since
            if self._running:
                self._running[-1] = (self._running[-1][0], now)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted."""

        def counted(*args: Any, **options: Any) -> Any:
            with self.part(name):
                return function(*args, **options)

        return counted


def by_parts(work: Callable[[], object], parts: dict[str, list[tuple[object, str]]], rest: str) -> Shares:
    """Milliseconds of `work` in functions, given as owner and attribute by the name of their part."""
    clock = Clock()
    with ExitStack() as patched:
        for name, functions in parts.items():
            for owner, attribute in functions:
                counted = clock.around(name, getattr(owner, attribute))
                patched.enter_context(patch.object(owner, attribute, counted))
        with clock.part(rest):
            work()
    return {name: seconds * 1000 for name, seconds in clock.spent.items()}


class Profiles:
    """All stages at one length, ours first; "other" is missing where the package is not installed."""

    def __init__(self, length: int, n_train: int) -> None:
        train, _, self.origin = material.split_series(material.BY_LENGTH[length])
        assert train.y is not None
        self.length, self.n_train = length, n_train
        self.x, self.y, self.n_classes = torch.from_numpy(train.X), torch.from_numpy(train.y), train.n_classes
        self.found: dict[str, dict[str, Shares]] = {}

    def run(self) -> None:
        """In the pipeline's order."""
        package = published.available()
        x, y, batches = self.x, self.y, speed.Batches(len(self.x))
        config = speed.short(Stage1(), STEPS)
        tokenizer = timevqvae.KIND.build(config, 1, self.length)
        watch = Watch()
        tokenizer.fit(x, session=Session(progress=watch))
        self.keep("stage 1, ms a step", watch.shares())
        for band in tokenizer.bands:
            band.quantizer.live.fill_(True)
        if package:
            vqvae = published.make_vqvae(1, self.length)
            first = published.vqvae_trainer(vqvae, config)
            self.against(lambda: [first.step(x[batches()]) for _ in range(STEPS)], STEPS)

        second_config = speed.short(Stage2(), STEPS)
        prior = Prior(second_config, tokenizer.grids, tokenizer.codebooks, self.n_classes)
        watch = Watch()
        prior.fit(tokenizer.tokens(x), y, 0, Session(progress=watch))
        self.keep("stage 2, ms a step", watch.shares())
        if package:
            maskgit = published.make_maskgit(vqvae, self.n_classes)
            second = published.maskgit_trainer(maskgit, second_config)

            def step() -> None:
                rows = batches()
                second.step(x[rows], y[rows])

            self.against(lambda: [step() for _ in range(STEPS)], STEPS)

        model, source = TwoStageGenerator(tokenizer, prior, Sample()), torch.Generator().manual_seed(0)
        n = speed.OURS_SAMPLED
        ours = by_operators(lambda: model.sample(n, rng=source), n / speed.N_SAMPLES)
        self.keep(f"sampling, ms for {speed.N_SAMPLES}", ours)
        if package:
            n = speed.OTHER_SAMPLED
            self.against(lambda: published.sample(maskgit, n), n / speed.N_SAMPLES)

        mapper = Mapper(speed.short(Stage3(), STEPS), Svq(), speed.TAU, 1, self.length, codes="")
        watch = Watch()
        mapper.fit(StochasticVariants(tokenizer, x), session=Session(progress=watch))
        self.keep("stage 3, ms a step", watch.shares())
        third = plain.mapper_step(plain.UNet(1), tokenizer, x, speed.TAU)
        self.against(lambda: [third(batches()) for _ in range(STEPS)], STEPS)
        self.search(tokenizer, model)

    def search(self, tokenizer: Tokenizer, model: TwoStageGenerator) -> None:
        """The search for τ by its parts; of the plain form one value, counted for each of the grid."""
        from sktime.transformations.rocket import Rocket

        x = self.x[torch.arange(self.n_train) % len(self.x)]
        x_hat = model.sample(speed.N_SAMPLES, rng=torch.Generator().manual_seed(1))
        features = RocketFeatures(1, self.length)
        rocket = Rocket(1000, normalise=False, random_state=0).fit(np.zeros((1, 1, self.length), np.float32))
        for warm in (features, rocket.transform):  # compiles
            warm(x_hat[:2].numpy())
        shared = {"encoder": [(tokenizer, "encode")], "decoder": [(tokenizer, "decode")]}
        drawn = {"draws": [(StochasticVariants, "_tokens")]}
        judged = {
            "ROCKET": [(RocketFeatures, "__call__")],
            "FID": [(tau_search, "Gaussian"), (tau_search, "frechet_distance")],
        }
        ours = by_parts(
            lambda: tau_search.search_tau(tokenizer, x, x_hat, speed.GRID, features),
            shared | drawn | judged,
            "rest",
        )
        self.keep("tau search, ms", ours)
        drawn = {"draws": [(plain, "variants")]}  # what encoder and decoder leave of it
        judged = {"ROCKET": [(plain, "rocket_features")], "FID": [(plain, "fid")]}
        other = by_parts(
            lambda: plain.search_tau(tokenizer, x, x_hat, (speed.TAU,), rocket), shared | drawn | judged, "rest"
        )
        self.found[self._last]["other"] = {name: value * len(speed.GRID) for name, value in other.items()}

    def keep(self, what: str, ours: Shares) -> None:
        """Ours, of a stage that follows."""
        self._last = what
        self.found[what] = {"ours": ours}

    def against(self, work: Callable[[], object], times: float) -> None:
        """The other way of the stage that was kept last."""
        self.found[self._last]["other"] = by_operators(work, times)


def table(what: str, length: int, sides: dict[str, Shares]) -> Table:
    """Families in the order of the time that both sides spend on them."""
    shown = Table(title=f"{what}, L = {length}")
    for name in ("", *(title for side in sides for title in (side, "share"))):
        shown.add_column(name, justify="left" if not name else "right", no_wrap=True)
    totals = {side: sum(shares.values()) for side, shares in sides.items()}
    names = {name for shares in sides.values() for name in shares}
    for name in sorted(names, key=lambda name: -sum(shares.get(name, 0) for shares in sides.values())):
        cells = []
        for side, shares in sides.items():
            value = shares.get(name, 0)
            cells += [f"{value:.1f}", f"{value / totals[side]:.0%}"]
        shown.add_row(name, *cells)
    shown.add_section()
    shown.add_row("all", *(cell for side in sides for cell in (f"{totals[side]:.1f}", "")))
    return shown


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", nargs="+", type=int, default=[140, 1024], choices=material.BY_LENGTH)
    parser.add_argument("--n-train", type=int, default=speed.N_TRAIN, help="TRAIN series of the search for tau")
    parser.add_argument("--out", type=Path, help="write all numbers here, as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=120)
    result: dict[str, Any] = {"machine": speed.machine(), "lengths": {}}
    for length in options.lengths:
        profiles = Profiles(length, options.n_train)
        profiles.run()
        for what, sides in profiles.found.items():
            console.print(table(what, length, sides))
        result["lengths"][str(length)] = {"data": profiles.origin, "profiles": profiles.found}
    if options.out is not None:
        save_json(options.out, result)
        print(f"written: {options.out}")


if __name__ == "__main__":
    main()
