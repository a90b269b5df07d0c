"""From a file of one's own to a model, its scores and a page about them: all trainings, in order, able to go on.

A part of the series is held out: neither the trainings nor the choice of the temperature see it, and the scores
are measured on it.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nm_vqtsg.artifacts import load_json, save_json, save_text
from nm_vqtsg.commands.fit_folder import RECORD, FitFolder
from nm_vqtsg.commands.fit_request import Request
from nm_vqtsg.commands.fit_warnings import warnings
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.resplit import Split, split_rows
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.errors import DataError
from nm_vqtsg.estimators.folder import METRICS
from nm_vqtsg.estimators.generator import TwoStageEstimator
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.estimators.registry import generator_class
from nm_vqtsg.evaluation.any_series import Measured, NamedSeries, measure_any
from nm_vqtsg.metrics.counts import sample_count
from nm_vqtsg.params import Params, as_yaml, override
from nm_vqtsg.planning.budget import choose
from nm_vqtsg.planning.sizes import DataSize
from nm_vqtsg.report import Subject, report_page
from nm_vqtsg.session import Session
from nm_vqtsg.tokenizer.registry import build

log = logging.getLogger(__name__)

REPORT, PARAMS = "report.html", "params.yaml"
HELD_OUT = "held out"
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
    raw = request.read()
    if raw.labels is None:  # where nothing can be mixed, nobody needs to be warned of it
        request = replace(request, params=override(request.params, ["sample.unconditional=null_class"]))
    request.as_study(request.params)  # what cannot be written down is refused before any work
    say(_data_said(request, raw))
    for note in raw.notes:
        say(f"{note[0].upper()}{note[1:]}.")
    wanted = request.key(raw)
    if folder.is_finished(wanted):
        say(f"{out} is finished already; nothing to do.")
        scores: dict[str, Any] = load_json(out / METRICS)
        return scores
    data, params = request.params.data, request.params
    split = split_rows(
        raw, test_size=data.test_size, seed=data.split_seed, min_length=data.min_length, name=request.name
    )
    _check_before_work(raw, split, request)
    say(f"{len(split.train)} series to learn from, {len(split.test)} held out to measure on.")
    with folder.locked():
        if folder.open(wanted, restart):
            say("Going on with the fit that was begun here.")
        params = _within_budget(request, raw, split, folder, session, began, say)
        made = _Made(request, params, raw, split, folder, session, say)
        made.write(folder.staging(), wanted)
        folder.publish()
    return made.measured.scores


def _data_said(request: Request, raw: RawData) -> str:
    n, channels, length = raw.X.shape
    classes = "no labels" if raw.labels is None else f"{len(set(raw.labels.tolist()))} classes"
    named = f" ({', '.join(raw.channels[:8])}{', ...' if channels > 8 else ''})" if raw.channels else ""
    files = request.name + ("" if request.test is None else f" and {request.test.name}")
    return f"{files}: {n} series of {channels} channel(s){named} and length {length}, {classes}."


def _check_before_work(raw: RawData, split: Split, request: Request) -> None:
    """Refuse now what would be refused after hours: a constant channel, few series, series that are too short.

    Raises
    ------
    UserError
        Naming what.
    """
    _, channels, length = raw.X.shape
    if len(split.train) < LEAST_SERIES:
        raise DataError(
            f"{request.name}: leaves {len(split.train)} series to learn from; {LEAST_SERIES} are needed at least"
        )
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
    size = DataSize(
        len(split.train),
        len(split.test),
        raw.X.shape[1],
        raw.X.shape[2],
        0 if split.labels is None else len(split.labels),
    )
    say(f"Measuring this machine, to choose steps for {request.minutes:g} minutes.")
    chosen = choose(params, size, 60 * request.minutes, session.device, began, lambda *_: session.stop.check())
    for sentence in chosen.says:
        say(sentence)
    folder.save_budget(chosen.changes)
    return chosen.params


class _Made:
    """What a fit makes, in order."""

    def __init__(
        self,
        request: Request,
        params: Params,
        raw: RawData,
        split: Split,
        folder: FitFolder,
        session: Session,
        say: Callable[[str], None],
    ) -> None:
        self.request, self.params, self.raw, self.split = request, params, raw, split
        self.folder, self.session = folder, session
        X, y = self._series(split.train)
        say("1/4 Training the generator: its tokeniser (stage 1), then its prior (stage 2).")
        self.generator = self._generator(X, y)
        self.warnings = warnings(self.generator, (X, y), self._series(split.test))
        for part, sentences in self.warnings.items():
            for sentence in sentences:
                log.warning("%s: %s", part, sentence)
        say("2/4 Choosing the temperature, and training the mapper (stage 3).")
        self.mapper = self._mapper(X, y)
        if self.mapper.warnings_:
            self.warnings["mapper"] = self.mapper.warnings_
        say("3/4 Drawing samples, and measuring them on the series held out.")
        self.measured = self._measure()
        say("4/4 Drawing the report.")
        self.page = self._page()

    def _series(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return self.raw.X[rows], None if self.raw.labels is None else self.raw.labels[rows]

    def _session(self, part: str) -> Session:
        """With a folder for the checkpoints of one training."""
        return replace(self.session, checkpoints=self.folder.checkpoints(part))

    def _generator(self, X: np.ndarray, y: np.ndarray | None) -> TwoStageEstimator:
        params, device = self.params, str(self.session.device)
        kind = generator_class(params.generator)
        model = kind(params.stage1, params.stage2, params.sample, random_state=self.request.seed, device=device)
        model.fit_tokenizer(X, session=self._session("stage1"))
        model.channel_names_ = self.raw.channels
        return model.fit_prior(X, y, session=self._session("stage2"))

    def _mapper(self, X: np.ndarray, y: np.ndarray | None) -> NeuralMapper:
        params = self.params
        mapper = NeuralMapper(
            params.stage3,
            params.svq,
            tau_grid=params.tau_grid,
            rocket=params.rocket,
            tau_search=params.tau_search,
            random_state=self.request.seed,
            device=str(self.session.device),
        )
        return mapper.fit(self.generator, X, y, session=self._session("stage3"))

    def _samples(self) -> dict[str, NamedSeries]:
        """Unconditional ones, those that ``sample`` draws by default, and some of every class."""
        model, seed, config = self.generator, self.request.seed, self.params.sample
        n = sample_count(config.n_samples, len(self.split.test))
        X = model.sample(n, seed=seed, session=self.session)
        X_class, y = None, None
        if len(model.classes_):
            y = np.repeat(model.classes_, config.n_per_class)
            X_class = model.sample(len(y), y, seed=(seed + 1) % 2**32, session=self.session)
        mapped, mapped_class = self.mapper.transform(X), None
        if X_class is not None:
            mapped_class = self.mapper.transform(X_class)
        return {
            "baseline": NamedSeries("baseline", X, y, X_class=X_class),
            "mapped": NamedSeries("mapped", mapped, y, X_class=mapped_class),
        }

    def _measure(self) -> Measured:
        tokenizer = self.generator.tokenizer_

        def reconstruct(x: np.ndarray) -> np.ndarray:
            return tokenizer.reconstruct(torch.from_numpy(x).to(self.session.device)).cpu().numpy()

        measured = measure_any(
            NamedSeries(HELD_OUT, *self._series(self.split.test), channels=self.raw.channels),
            self._samples(),
            NamedSeries("TRAIN", *self._series(self.split.train), channels=self.raw.channels),
            params=self.params,
            session=self._session("fcn"),
            reconstruct=reconstruct,
        )
        facts = {"dataset": Path(self.request.name).stem, "seed": self.request.seed, "tau": self.mapper.tau_}
        facts["steps"] = {name: getattr(self.params, name).steps for name in ("stage1", "stage2", "stage3")}
        scores = facts | measured.scores | {"warnings": self.warnings | measured.scores["warnings"]}
        return replace(measured, scores=scores)

    def _page(self) -> str:
        request, measured = self.request, self.measured
        sources = {"real": HELD_OUT if request.test is None else request.test.name, "train": request.name}
        title = f"{request.name}, seed {request.seed}"
        subject = Subject.of(title, measured, self.params, sources=sources, notes=self.raw.notes)
        return report_page(subject, self.session)

    def write(self, folder: Path, wanted: dict[str, Any]) -> None:
        """Everything into one folder."""
        request = self.request
        self.generator.save(folder, data=request.name, metrics=self.measured.scores, notes=self.raw.notes)
        self.mapper.save(folder)
        save_text(folder / REPORT, self.page)
        save_text(folder / PARAMS, as_yaml(request.as_study(self.params)))
        record = {
            "request": wanted,
            "data": request.name,
            "test": None if request.test is None else request.test.name,
            "labels": request.labels,
            "csv": request.csv._asdict(),
            "mending": {**vars(request.mending)},
            "done_to_the_series": list(self.raw.notes),
            "channels": list(self.raw.channels),
            "series": {"learnt_from": len(self.split.train), "held_out": len(self.split.test)},
        }
        save_json(folder / RECORD, record)
