"""From seconds to the length of a training of a generator of another project."""

from typing import Any

from torch import Tensor

from nm_vqtsg.generators.baseline import Baseline
from nm_vqtsg.planning.budget import LEAST_STEPS
from nm_vqtsg.planning.calibration import WARM_UP, Laps, Stopwatch
from nm_vqtsg.planning.table import duration
from nm_vqtsg.session import Session
from nm_vqtsg.training.seeds import new_rng

TRIED = WARM_UP + 3  # steps
FEW, SOME, SOON = 8, 128, 1.0  # series drawn: a few, and more where that takes no more than so many seconds


def length_within(
    baseline: Baseline[Any], x: Tensor, y: Tensor | None, n_samples: int, seconds: float, session: Session
) -> tuple[int, list[str]]:
    """How long it may train so that training and sampling take so many seconds, and that in sentences.

    Parameters
    ----------
    baseline : Baseline
        With the settings it is to be trained with; it never trains longer than these say.
    x, y : Tensor
        As of `Baseline.fit`; a few steps are tried on them.
    n_samples : int
        Series to be drawn.
    seconds : float
        On a core of its own; where the device is a GPU, of the clock.
    session : Session
        Its device, and the wish to stop.
    """
    key = baseline.budget
    trial = type(baseline)(baseline.config.model_copy(update={key: TRIED}))
    clock = Stopwatch(session.device)
    laps = Laps(clock)
    quiet = Session(device=session.device, progress=laps, stop=session.stop)
    began = clock.now()
    trial.fit(x, y, 0, quiet)
    before = clock.now() - began - sum(laps.laps)  # what is there to do before the first step
    step = laps.step
    sampling = _drawing(trial, FEW, clock, session) * n_samples
    if sampling / n_samples * FEW < SOON:  # many at once are quicker
        sampling = _drawing(trial, SOME, clock, session) * n_samples
    asked = int(getattr(baseline.config, key))
    length = min(asked, max(LEAST_STEPS, int((seconds - before - sampling) / step)))
    of_steps = f"{baseline.name}: one of its {key} takes {1000 * step:.0f} ms here"
    says = [f"{of_steps}, and {n_samples} series take {duration(sampling)}."]
    if length == asked:
        return length, [*says, f"All {asked} fit into the time."]
    says.append(f"Chosen: {baseline.name}.{key}={length}, for the same {duration(seconds)} of a processor.")
    if before + sampling + length * step > 1.2 * seconds:
        says.append(f"Its time of {duration(seconds)} is too short for this data.")
    return length, says


def _drawing(trial: Baseline[Any], n: int, clock: Stopwatch, session: Session) -> float:
    """Seconds of one series, drawn with others."""
    began = clock.now()
    trial.sample(n, None, rng=new_rng(0), session=Session(stop=session.stop))
    return (clock.now() - began) / n
