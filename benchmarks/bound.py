"""How far is each work from what this core can do? Arithmetic and traffic against their measured peaks.

    OMP_NUM_THREADS=1 python benchmarks/bound.py [--lengths 46 140 500 1024] [--out FILE.json]

Of a step of each stage, batch 32 and the default networks, all 1024 codes live, of sampling and of the search for
τ as speed.py times them, it counts the floating-point operations of matrix products and convolutions (PyTorch's
`FlopCounterMode`; attention, ROCKET's convolutions and FID in double precision are added by hand) and the bytes
that all other operations of PyTorch's read and write, and times the same work. The core's peaks are measured in
the same process, by turns with the work: the fastest of large products in either precision, and the fastest of
sums of tensors that fit into the caches. ``arithmetic`` is the time of the products at these peaks: no way of
computing the same networks and features is faster. ``traffic`` is that of the other operations at that bandwidth:
it falls only where operations are fused. What is left is ``rest``: products too small to reach the peak, calls,
random numbers. Five minutes on one idle core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import material
import numpy as np
import speed
import torch
from rich.console import Console
from rich.table import Table
from timing import BetweenSteps, quartiles, seconds
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from nm_vqtsg.artifacts import save_json
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Params, with_preset
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.session import Session
from nm_vqtsg.svq.tau_search import search_tau
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.tokenizer.kinds import timevqvae

COUNTED, TIMED = 3, 15  # steps
SIDE = 1024  # of the matrices
CACHED = 2**18  # floats of each tensor of a sum: 1 MB
ROUNDS = 15
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "mkldnn_convolution", "attention")


@dataclass
class Peaks:
    """The best of all looks at this core: operations in single and in double precision, and bytes, in a second."""

    flops: float = 0.0
    flops64: float = 0.0
    bandwidth: float = 0.0

    def look(self) -> None:
        """Once more."""
        a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
        x, y, out = torch.rand(CACHED), torch.rand(CACHED), torch.empty(CACHED)
        a64, b64 = a.double(), b.double()
        self.flops = max(self.flops, 2 * SIDE**3 / seconds(lambda: torch.mm(a, b)))
        self.flops64 = max(self.flops64, 2 * SIDE**3 / seconds(lambda: torch.mm(a64, b64)))
        many = 50
        taken = seconds(lambda: [torch.add(x, y, out=out) for _ in range(many)])
        self.bandwidth = max(self.bandwidth, many * 3 * x.nbytes / taken)


class Traffic(TorchDispatchMode):
    """Bytes of the tensors that operations other than products read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes, self.attention = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count and call."""
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if "scaled_dot_product" in name:
            self.attention += attention_flops(name, args)
        elif not func.is_view and not any(part in name for part in PRODUCTS):
            self.bytes += sum(tensor.nbytes for tensor in _tensors((args, kwargs or {}, out)))
        return out


def attention_flops(name: str, args: Any) -> int:
    """Of softmax(Q Kᵀ) V, (B, H, T, W) each: two products of each pair of positions forward, five backward."""
    query, key, value = args[1:4] if "backward" in name else args[:3]
    pairs = query.shape[0] * query.shape[1] * query.shape[2] * key.shape[2]
    products = 5 if "backward" in name else 2
    return int(products * pairs * (query.shape[3] + value.shape[3]))


def _tensors(tree: Any) -> list[Tensor]:
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, list | tuple):
        return []
    return [tensor for part in tree for tensor in _tensors(part)]


class Watch(BetweenSteps):
    """Counts `COUNTED` steps of the library's own training loop after a few that warm up, then times `TIMED`."""

    steps = speed.WARM_UP + COUNTED + TIMED

    def __init__(self, peaks: Peaks) -> None:
        self.peaks = peaks
        self.flops, self.traffic, self.times = FlopCounterMode(display=False), Traffic(), list[float]()
        self._modes = ExitStack()

    def after_step(self, done: int) -> None:
        """Called by the loop, with the steps that are done."""
        if done == speed.WARM_UP:
            for mode in (self.flops, self.traffic):
                self._modes.enter_context(mode)
        elif done == speed.WARM_UP + COUNTED:
            self._modes.close()
            self.peaks.look()
        elif done > speed.WARM_UP + COUNTED:
            self.times.append(time.process_time() - self._began)
            self.peaks.look()
        self._began = time.process_time()

    def found(self) -> dict[str, Any]:
        """Of a step."""
        flops = (self.flops.get_total_flops() + self.traffic.attention) / COUNTED
        return {"s": quartiles(self.times), "flops": flops, "bytes": self.traffic.bytes / COUNTED}


def counted(work: Callable[[], object], peaks: Peaks, rounds: int) -> dict[str, Any]:
    """Of some work, once."""
    work()
    with FlopCounterMode(display=False) as flops, Traffic() as traffic:
        work()
    times = []
    for _ in range(rounds):
        times.append(seconds(work))
        peaks.look()
    return {
        "s": quartiles(times),
        "flops": flops.get_total_flops() + traffic.attention,
        "bytes": traffic.bytes,
    }


def rocket_flops(features: RocketFeatures, n: int) -> float:
    """Of ROCKET's convolutions of `n` series."""
    _, lengths, _, dilations, paddings, channels, _ = features.kernels
    out = features.length + 2 * paddings - (lengths - 1) * dilations
    return float(n * (2 * lengths * channels * out).sum())


def fid_flops(m: int, n: int, d: int) -> float:
    """Of the Fréchet distance of features (m, d) and (n, d), m ≤ n ≤ d, in double precision.

    A product of both, one of that with itself, of which half is needed, and the eigenvalues of a symmetric matrix.
    """
    return 2.0 * m * n * d + m * m * n + 4 / 3 * m**3


def stages(length: int, params: Params, peaks: Peaks, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """What a step of each stage does and takes, and so sampling and the search for τ."""
    train, _, _ = material.split_series(material.BY_LENGTH[length])
    assert train.y is not None
    x, y, found = torch.from_numpy(train.X), torch.from_numpy(train.y), dict[str, dict[str, Any]]()

    def watched(name: str, fit: Callable[[Session], object]) -> None:
        watch = Watch(peaks)
        fit(Session(progress=watch))
        found[name] = watch.found()

    def short(section: speed.Section) -> speed.Section:
        return section.model_copy(update={"steps": Watch.steps})

    tokenizer = timevqvae.KIND.build(short(params.stage1), 1, length)
    watched("stage 1", lambda session: tokenizer.fit(x, session=session))
    for band in tokenizer.bands:
        band.quantizer.live.fill_(True)
    prior = Prior(short(params.stage2), tokenizer.grids, tokenizer.codebooks, train.n_classes)
    watched("stage 2", lambda session: prior.fit(tokenizer.tokens(x), y, 0, session))
    variants = StochasticVariants(tokenizer, x, params.svq)
    mapper = Mapper(short(params.stage3), params.svq, speed.TAU, 1, length, codes="")
    watched("stage 3", lambda session: mapper.fit(variants, 0, session))

    counts = np.bincount(train.y, minlength=train.n_classes).tolist()
    model, rng = TwoStageGenerator(tokenizer, prior, params.sample, counts), torch.Generator().manual_seed(0)
    many = speed.N_SAMPLES // speed.OURS_SAMPLED
    sampled = counted(lambda: model.sample(speed.OURS_SAMPLED, rng=rng), peaks, rounds)
    found["sampling"] = {
        "s": {name: many * value for name, value in sampled["s"].items()},
        "flops": many * sampled["flops"],
        "bytes": many * sampled["bytes"],
    }
    real = x[torch.arange(speed.N_TRAIN) % len(x)]
    x_hat, features = model.sample(speed.N_SAMPLES, rng=rng), RocketFeatures(1, length)
    searched = counted(lambda: search_tau(tokenizer, real, x_hat, speed.GRID, features), peaks, rounds)
    n_features = features(x_hat[:1].numpy()).shape[1]
    searched["flops"] += rocket_flops(features, len(x_hat) + len(speed.GRID) * len(real))
    searched["flops64"] = len(speed.GRID) * fid_flops(len(x_hat), len(real), n_features)
    return found | {"search for τ": searched}


def shares(step: dict[str, Any], peaks: dict[str, float]) -> dict[str, float]:
    """Parts of the median, in seconds."""
    arithmetic = step["flops"] / peaks["flops"] + step.get("flops64", 0) / peaks["flops64"]
    traffic = step["bytes"] / peaks["bandwidth"]
    taken = step["s"]["median"]
    return {"all": taken, "arithmetic": arithmetic, "traffic": traffic, "rest": taken - arithmetic - traffic}


def table(result: dict[str, Any]) -> Table:
    """Milliseconds and shares."""
    shown = Table("stage (a step) or work, length", "ms", "GFLOP", "MB", "arithmetic", "traffic", "rest")
    for length, found in result["lengths"].items():
        for name, step in found.items():
            parts = shares(step, result["peaks"])
            cells = (f"{1000 * parts[key]:.1f} ms, {parts[key] / parts['all']:.0%}" for key in list(parts)[1:])
            numbers = (
                f"{1000 * parts['all']:.1f}",
                f"{(step['flops'] + step.get('flops64', 0)) / 1e9:.2f}",
                f"{step['bytes'] / 1e6:.0f}",
            )
            shown.add_row(f"{name}, {length}", *numbers, *cells)
    return shown


def main() -> None:
    """Measure, print, and save where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--lengths", type=int, nargs="+", choices=list(material.BY_LENGTH), default=list(material.BY_LENGTH)
    )
    parser.add_argument("--preset", help="of parameters, for example paper")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    params = with_preset(Params(), options.preset) if options.preset else Params()
    peaks = Peaks()
    for _ in range(ROUNDS):
        peaks.look()
    lengths = {str(length): stages(length, params, peaks) for length in options.lengths}
    result = {
        "machine": speed.machine(),
        "preset": options.preset,
        "peaks": vars(peaks),
        "lengths": lengths,
    }
    console = Console()
    console.print(table(result))
    console.print(
        f"peaks: {peaks.flops / 1e9:.0f} GFLOP/s, {peaks.flops64 / 1e9:.0f} in double precision, "
        f"{peaks.bandwidth / 1e9:.0f} GB/s in the caches"
    )
    if options.out:
        save_json(options.out, result)


if __name__ == "__main__":
    main()
