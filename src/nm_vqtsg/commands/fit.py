"""From a file of one's own to a model, its scores and a page about them: all trainings, in order, able to go on.

A part of the series is held out: neither the trainings nor the choice of the temperature see it, and the scores
are measured on it.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.commands.fit_folder import FitFolder
from nm_vqtsg.commands.fit_request import Request
from nm_vqtsg.commands.fit_work import GeneratorWork
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.resplit import Split, split_rows
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.errors import DataError
from nm_vqtsg.estimators.folder import METRICS
from nm_vqtsg.params import Params, override
from nm_vqtsg.planning.budget import choose
from nm_vqtsg.planning.sizes import DataSize
from nm_vqtsg.session import Session
from nm_vqtsg.tokenizer.registry import build

LEAST_SERIES = 10  # so that two of them can be held out for the choice of tau


def fit(
    request: Request,
    out: Path,
    session: Session,
    *,
    began: float,
    restart: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Fit, measure and write a folder that `sample` reads; the scores.

    A fit that was ended goes on where it was, if data and parameters are the same, and gives the same bytes.

    Parameters
    ----------
    request : Request
        What.
    out : Path
        The folder: new, empty, or holding the model of the same request, which is left alone then.
    session : Session
        Device, progress and the wish to stop; `checkpoint_every` says how often state is saved.
    began : float
        When a budget began to run, by `time.monotonic`.
    restart : bool
        Drop an unfinished fit of other data or parameters.
    say : callable
        Told in sentences what happens.

    Raises
    ------
    UserError
        If data, parameters or folder cannot be used; nothing appears in `out` then.
    """
    folder = FitFolder(out)
    folder.check()
    request, raw = read(request, say)
    wanted = request.key(raw)
    if folder.is_finished(wanted):
        say(f"{out} is finished already; nothing to do.")
        scores: dict[str, Any] = load_json(out / METRICS)
        return scores
    split = held_out(request, raw, say)
    check_before_work(request, raw, split)
    with folder.locked():
        if folder.open(wanted, restart):
            say("Going on with the fit that was begun here.")
        params = _within_budget(request, raw, split, folder, session, began, say)
        work = GeneratorWork(request, params, raw, split, folder, session, say)
        work.run()
        work.write(folder.staging(), wanted)
        folder.publish()
    return work.measured.scores


def read(request: Request, say: Callable[[str], None]) -> tuple[Request, RawData]:
    """The series, and the request as it is to be carried out with them; says what was read.

    Raises
    ------
    UserError
        If they cannot be read, or the request cannot be written down.
    """
    raw = request.read()
    if raw.labels is None:  # where nothing can be mixed, nobody needs to be warned of it
        request = replace(request, params=override(request.params, ["sample.unconditional=null_class"]))
    request.as_study(request.params)  # what cannot be written down is refused before any work
    say(_data_said(request, raw))
    for note in raw.notes:
        say(f"{note[0].upper()}{note[1:]}.")
    return request, raw


def held_out(request: Request, raw: RawData, say: Callable[[str], None]) -> Split:
    """Which series to learn from, and which to measure on; says how many.

    Raises
    ------
    DataError
        If there are too few.
    """
    data = request.params.data
    split = split_rows(
        raw, test_size=data.test_size, seed=data.split_seed, min_length=data.min_length, name=request.name
    )
    if len(split.train) < LEAST_SERIES:
        raise DataError(
            f"{request.name}: leaves {len(split.train)} series to learn from; {LEAST_SERIES} are needed at least"
        )
    say(f"{len(split.train)} series to learn from, {len(split.test)} held out to measure on.")
    return split


def _data_said(request: Request, raw: RawData) -> str:
    n, channels, length = raw.X.shape
    classes = "no labels" if raw.labels is None else f"{len(set(raw.labels.tolist()))} classes"
    named = f" ({', '.join(raw.channels[:8])}{', ...' if channels > 8 else ''})" if raw.channels else ""
    files = request.name + ("" if request.test is None else f" and {request.test.name}")
    return f"{files}: {n} series of {channels} channel(s){named} and length {length}, {classes}."


def check_before_work(request: Request, raw: RawData, split: Split) -> None:
    """Refuse now what would be refused after hours: a constant channel, series that are too short.

    Raises
    ------
    UserError
        Naming what.
    """
    _, channels, length = raw.X.shape
    Scaling.of(raw.X[split.train], request.name)
    build(request.params.generator, request.params.stage1, channels, length)


def _within_budget(
    request: Request,
    raw: RawData,
    split: Split,
    folder: FitFolder,
    session: Session,
    began: float,
    say: Callable[[str], None],
) -> Params:
    """The parameters, with the steps that a budget chose now or when this fit began."""
    params = request.params
    if request.minutes is None:
        steps = ", ".join(f"{name}.steps={getattr(params, name).steps}" for name in ("stage1", "stage2", "stage3"))
        say(f"Steps as asked for: {steps} (--budget MINUTES would choose fewer).")
        return params
    changes = folder.budget()
    if changes is not None:
        say(f"The budget chose, when this fit began: {', '.join(changes) or 'all steps'}.")
        return override(params, changes)
    say(f"Measuring this machine, to choose steps for {request.minutes:g} minutes.")
    chosen = choose(
        params, size_of(raw, split), 60 * request.minutes, session.device, began, lambda *_: session.stop.check()
    )
    for sentence in chosen.says:
        say(sentence)
    folder.save_budget(chosen.changes)
    return chosen.params


def size_of(raw: RawData, split: Split) -> DataSize:
    """What the time of everything depends on."""
    _, channels, length = raw.X.shape
    n_classes = 0 if split.labels is None else len(split.labels)
    return DataSize(len(split.train), len(split.test), channels, length, n_classes)
