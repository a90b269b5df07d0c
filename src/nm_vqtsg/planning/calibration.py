"""A few steps of everything that takes time, on series of the right length and of no meaning."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.mapper.pool import Pool
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Params
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.session import Session, Task
from nm_vqtsg.svq.variants import StochasticVariants, token_draws
from nm_vqtsg.tokenizer import registry

WARM_UP, STEPS = 2, 4  # steps of each training
SERIES = 96  # to train on
FCN_BATCH = 32  # series; a step's time is in proportion to them
MEASURED = 64  # series that are encoded, drawn, described, ... at once


class Stopwatch:
    """Seconds on a device: of the processor on a CPU, where others may be busy too; of the clock on a GPU."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def now(self) -> float:
        """A moment."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            return time.perf_counter()
        return time.process_time()

    def time(self, work: Callable[[], object], repeats: int = 1) -> float:
        """Seconds of `work`: the least of several times, after one that does not count if there are several."""
        taken = []
        for _ in range(repeats + (repeats > 1)):
            begin = self.now()
            work()
            taken.append(self.now() - begin)
        return min(taken[-repeats:])


class Laps:
    """A `Progress` that notes how long each step of a loop takes."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch, self.laps = watch, list[float]()

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """The task that the loop advances."""
        return _Lap(self, description, total, done)

    @property
    def step(self) -> float:
        """Median seconds of a step, without the first ones."""
        return statistics.median(self.laps[WARM_UP:])


class _Lap(Task):
    def __init__(self, owner: Laps, *args: Any) -> None:
        super().__init__(*args)
        self._owner, self._begin = owner, owner.watch.now()

    def show(self) -> None:
        now = self._owner.watch.now()
        self._owner.laps.append(now - self._begin)
        self._begin = now


@dataclass(frozen=True)
class Costs:
    """Seconds, for series of one shape.

    Attributes
    ----------
    stage1, stage2, stage3, fcn : float
        Of one optimiser step.
    encode, decode, variant, sample, rocket, judge, map : float
        Of one series: to its latents, from its tokens, a draw of SVQ and its decoding, from prior to series,
        ROCKET features, FCN features, through the mapper.
    """

    stage1: float
    stage2: float
    stage3: float
    fcn: float
    encode: float
    decode: float
    variant: float
    sample: float
    rocket: float
    judge: float
    map: float


def measure(params: Params, channels: int, length: int, n_classes: int, device: torch.device) -> Costs:
    """Costs at one shape, with the study's networks and batches and all codes live."""
    watch = Stopwatch(device)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((SERIES, channels, length)).cumsum(-1)
    X = Scaling.of(X).apply(X)
    y = np.arange(SERIES) % n_classes if n_classes else None
    stage1, stage2, stage3 = (
        getattr(params, name).model_copy(update={"steps": WARM_UP + STEPS})
        for name in ("stage1", "stage2", "stage3")
    )
    laps = {name: Laps(watch) for name in ("stage1", "stage2", "stage3", "fcn")}
    sessions = {name: Session(device=device, progress=own) for name, own in laps.items()}
    x = torch.from_numpy(X).to(device)
    tokenizer = registry.build(params.generator, stage1, channels, length)
    tokenizer.fit(x, 0, sessions["stage1"])
    for book in tokenizer.codebooks:
        book.live.fill_(True)
    prior = Prior(stage2, tokenizer.grids, tokenizer.codebooks, n_classes)
    labels = None if y is None else torch.from_numpy(y)
    draw = token_draws(tokenizer, x, stage2.svq_tau)
    prior.fit(tokenizer.tokens(x), labels, 0, sessions["stage2"], draw)
    generator = TwoStageGenerator(tokenizer, prior, params.sample, [1] * n_classes)
    variants, draws = StochasticVariants(generator, x, params.svq), torch.Generator().manual_seed(0)
    mapper = Mapper(stage3, params.svq, 1.0, channels, length, codes="")
    mapper.fit(variants, 0, sessions["stage3"], y, Pool(x, x, torch.arange(len(x), device=device)))
    judge, fcn = _judge(params, X, y, n_classes, sessions["fcn"], laps["fcn"])

    rows, part = slice(0, MEASURED), X[:MEASURED]
    tokens = tokenizer.tokens(x[rows])
    rocket = RocketFeatures(channels, length, params.rocket.n_kernels, params.rocket.seed)
    works: dict[str, Callable[[], object]] = {
        "encode": lambda: generator.encode(x[rows]),
        "decode": lambda: generator.decode(tokens),
        "variant": lambda: variants.draw(rows, 1.0, draws),
        "sample": lambda: generator.sample(MEASURED, rng=draws),
        "rocket": lambda: rocket(part),
        "map": lambda: mapper.map(x[rows]),
    }
    seconds = {name: watch.time(work, 2) / MEASURED for name, work in works.items()}
    seconds["judge"] = watch.time(lambda: judge.features(part), 2) / MEASURED if judge else 0.0
    steps = {name: laps[name].step for name in ("stage1", "stage2", "stage3")}
    return Costs(fcn=fcn, **steps, **seconds)


def _judge(
    params: Params, X: np.ndarray, y: np.ndarray | None, n_classes: int, session: Session, laps: Laps
) -> tuple[Judge | None, float]:
    """A judge and the seconds of one step at the study's batch; none without labels."""
    if y is None:
        return None, 0.0
    update = {"batch_size": FCN_BATCH, "max_steps": WARM_UP + STEPS, "epochs": WARM_UP + STEPS}
    judge = Judge(params.fcn.model_copy(update=update), X.shape[1], n_classes)
    judge.fit(X[: 2 * FCN_BATCH], y[: 2 * FCN_BATCH], session)
    return judge, laps.step * params.fcn.batch_size / FCN_BATCH
