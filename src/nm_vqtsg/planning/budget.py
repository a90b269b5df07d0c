"""From minutes to steps: how long everything may train so that a fit with its evaluation ends in time."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from nm_vqtsg.errors import ParameterError
from nm_vqtsg.params import Params, override
from nm_vqtsg.planning.calibration import Costs, measure
from nm_vqtsg.planning.judging import Judging
from nm_vqtsg.planning.plan import CHAIN, job_seconds
from nm_vqtsg.planning.sizes import DataSize
from nm_vqtsg.planning.table import duration

CHOSEN = ("stage1.steps", "stage2.steps", "stage3.steps", "tau_search.mapper_steps", "fcn.max_steps")
"""What a budget decides; further parameters of the evaluation only where little time is left."""
GENERATION = ("stage1", "stage2", "sample", "tau_search", "stage3")
"""The steps that are a generator's own, as opposed to its judgement."""
MARGIN = 0.1  # of the time, kept for what no calibration sees
FOR_JUDGE, FOR_SCORES = 0.2, 0.35  # shares of the time that the judge and the other scores may take
LEAST_STEPS = 50
CHEAPER = (
    "evaluate.network_seeds=0",
    "evaluate.bootstrap=50",
    "evaluate.cas_fits=1",
    "evaluate.reference_draws=2",
)
"""What the evaluation does without, in this order, where its time is short."""


@dataclass(frozen=True)
class Choice:
    """Parameters that fit into a time.

    Attributes
    ----------
    params : Params
        With what was chosen.
    changes : tuple of str
        What differs, as ``stage1.steps=1800``.
    says : tuple of str
        What was measured and chosen, and why, in sentences.
    training : float
        Seconds, on a core of its own, of the generator's own part: all but the judge, the scores and the page.
    """

    params: Params
    changes: tuple[str, ...]
    says: tuple[str, ...]
    training: float = 0.0


def choose(
    params: Params,
    size: DataSize,
    seconds: float,
    device: torch.device,
    began: float | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Choice:
    """Calibrate on this machine, and choose steps.

    Steps of all trainings are the same share of those in `params`, and never more than these. Where the scores
    would take too long, some are left out or made with fewer draws.

    Parameters
    ----------
    params : Params
        What to train with time enough.
    size : DataSize
        Of the data.
    seconds : float
        Of the clock, from `began` on.
    device : torch.device
        Of the training.
    began : float, optional
        When the time began to run, by `time.monotonic`; now by default.
    progress : callable
        Told what is measured next, and how many measurements are done and to do.
    """
    began = time.monotonic() if began is None else began
    wall, used = time.perf_counter(), time.process_time()
    progress("one step of each training", 0, 2)
    costs = measure(params, *size.shape, device=device)
    progress("scores", 1, 2)
    judging = Judging.measure(params)
    slower = max(1.0, (time.perf_counter() - wall) / max(time.process_time() - used, 1e-3))
    if device.type != "cpu":
        slower = 1.0  # those costs were taken by the clock
    left = seconds * (1 - MARGIN) - (time.monotonic() - began)
    chosen = fitted(params, size, costs, judging, left / slower)
    expected = slower * _seconds(chosen, size, costs, judging)
    saved = slower * (judging.seconds(params, size) - judging.seconds(chosen, size))
    steps = {"tokeniser": costs.stage1, "prior": costs.stage2, "mapper": costs.stage3}
    listed = ", ".join(f"of the {name} {1000 * each * slower:.0f} ms" for name, each in steps.items())
    busy = f" ({slower:.1f} times as long as on a core of its own: the machine is busy)" if slower > 1.3 else ""
    says = [f"A training step takes here: {listed}{busy}."]
    changes = tuple(_changes(params, chosen))
    training = _training(chosen, size, costs, judging)
    if not changes:
        says.append(f"All steps fit into {seconds / 60:g} minutes: about {duration(expected)} are needed.")
        return Choice(chosen, changes, tuple(says), training)
    says.append(
        f"Chosen: {', '.join(changes)}. That is {chosen.stage2.steps / params.stage2.steps:.2g} of the steps "
        f"without a budget, and takes about {duration(expected)} from here on."
    )
    if chosen.evaluate != params.evaluate:
        says.append(f"Some scores are left out or made with fewer draws, which saves {duration(saved)}.")
    if expected > 1.2 * left:
        says.append(f"{seconds / 60:g} minutes are too few for this data; even the fewest steps take longer.")
    return Choice(chosen, changes, tuple(says), training)


def choose_alike(params: Params, size: DataSize, seconds: float, device: torch.device) -> Choice:
    """Choose steps with which a generator's own part takes so many seconds on a core of its own.

    For generators that are to be compared: however busy the machine is, each gets the same. Judge and scores are
    left as they are.

    Parameters
    ----------
    params, size, device
        As of `choose`.
    seconds : float
        `Choice.training` of another generator.
    """
    costs, judging = measure(params, *size.shape, device=device), Judging.measure(params)
    none, whole = (_training(_with_share(params, share), size, costs, judging) for share in (0.0, 1.0))
    share = 1.0 if whole <= seconds else (seconds - none) / (whole - none)
    chosen = params if share >= 1 else _with_share(params, share)
    changes = tuple(_changes(params, chosen))
    listed = ", ".join(changes) or "all steps"
    return Choice(
        chosen,
        changes,
        (f"Chosen: {listed}, for the same {duration(seconds)} of a processor.",),
        _training(chosen, size, costs, judging),
    )


def check_minutes(minutes: float) -> None:
    """Refuse a budget that is none.

    Raises
    ------
    ParameterError
        If it is not a number above 0.
    """
    if not (math.isfinite(minutes) and minutes > 0):
        raise ParameterError(f"--budget: {minutes:g} minutes are no time; give more than 0")


def fitted(params: Params, size: DataSize, costs: Costs, judging: Judging, seconds: float) -> Params:
    """`params` with budgets that take so many seconds, or as little as there can be."""
    for change in CHEAPER:
        if judging.seconds(params, size) <= FOR_SCORES * seconds:
            break
        key, _, value = change.partition("=")
        if _value(params, key) > int(value):
            params = override(params, [change])
    if size.n_classes and params.fcn.source == "own":
        most = max(LEAST_STEPS, int(FOR_JUDGE * max(seconds, 0) / costs.fcn))
        params = override(params, [f"fcn.max_steps={min(params.fcn.max_steps, most)}"])
    none = _seconds(_with_share(params, 0.0), size, costs, judging)
    whole = _seconds(params, size, costs, judging)
    share = 1.0 if whole <= seconds else (seconds - none) / (whole - none)
    return params if share >= 1 else _with_share(params, share)


def _with_share(params: Params, share: float) -> Params:
    """The same share of all steps, in round numbers."""
    changes = []
    for key in CHOSEN[:-1]:
        if key == "tau_search.mapper_steps" and params.tau_search.choose != "outcome":
            continue
        steps = _value(params, key)
        rounded = int(share * steps)
        if rounded >= 10:
            unit = 10 ** (len(str(rounded)) - 2)
            rounded = rounded // unit * unit
        changes.append(f"{key}={min(steps, max(rounded, LEAST_STEPS))}")
    return override(params, changes)


def _value(params: Params, key: str) -> int:
    section, _, name = key.partition(".")
    value: int = getattr(getattr(params, section), name)
    return value


def _seconds(params: Params, size: DataSize, costs: Costs, judging: Judging) -> float:
    """Of everything, the report included, on a core of its own."""
    jobs = job_seconds(params, size, costs, judging, 0.0)
    return sum(jobs[step] for step in ("fcn", *CHAIN))


def _training(params: Params, size: DataSize, costs: Costs, judging: Judging) -> float:
    """Of the generator's own part."""
    jobs = job_seconds(params, size, costs, judging, 0.0)
    return sum(jobs[step] for step in GENERATION)


def _changes(before: Params, after: Params) -> Iterator[str]:
    for key in (*CHOSEN, *(change.partition("=")[0] for change in CHEAPER)):
        if _value(before, key) != _value(after, key):
            yield f"{key}={_value(after, key)}"
