"""What a fit makes, in order: a generator, its samples, their scores, a page, and a folder of all that.

`Work` is what every kind of generator shares; `GeneratorWork` is that of a tokeniser, a prior and a mapper.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg.artifacts import save_json, save_text
from nm_vqtsg.commands.fit_folder import RECORD, FitFolder
from nm_vqtsg.commands.fit_request import Request
from nm_vqtsg.commands.fit_warnings import warnings
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.resplit import Split
from nm_vqtsg.estimators.generator import TwoStageEstimator
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.estimators.registry import generator_class
from nm_vqtsg.evaluation.any_series import Measured, NamedSeries, measure_any
from nm_vqtsg.evaluation.controls import Change
from nm_vqtsg.mapper.objective import samples_option
from nm_vqtsg.metrics.counts import sample_count
from nm_vqtsg.params import Params, as_yaml
from nm_vqtsg.report import Subject, report_page
from nm_vqtsg.session import Session

log = logging.getLogger(__name__)

REPORT, PARAMS = "report.html", "params.yaml"
HELD_OUT = "held out"
CLASSES, POOL = 1, 2  # added to the seed of a fit, for series of each class and those that the mapper learns on


class Work(ABC):
    """The work of one fit: `run`, then `write`.

    Parameters
    ----------
    request : Request
        What was asked for.
    params : Params
        With what it is done.
    raw, split : RawData, Split
        The series, and which are learnt from and held out.
    folder : FitFolder
        Keeps the state between two tries.
    session : Session
        Surroundings.
    say : callable
        Told in sentences what happens.
    clock : context manager
        Entered while something trains.

    Attributes
    ----------
    measured : Measured
        After `run`: samples and scores.
    weights : dict of str to int
        Numbers that training chose, of each part.
    """

    measured: Measured
    weights: dict[str, int]

    def __init__(
        self,
        request: Request,
        params: Params,
        raw: RawData,
        split: Split,
        folder: FitFolder,
        session: Session,
        say: Callable[[str], None],
        clock: AbstractContextManager[Any] | None = None,
    ) -> None:
        self.request, self.params, self.raw, self.split = request, params, raw, split
        self.folder, self.session, self.say = folder, session, say
        self.clock = nullcontext() if clock is None else clock

    @abstractmethod
    def run(self) -> None:
        """Train, draw, measure, and make the page; what was trained before goes on."""

    @abstractmethod
    def write(self, folder: Path, wanted: dict[str, Any]) -> None:
        """Everything into one folder."""

    def series(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Some of the series, and their labels, if there are any."""
        return self.raw.X[rows], None if self.raw.labels is None else self.raw.labels[rows]

    @property
    def n_samples(self) -> int:
        """How many series are drawn without regard to their class."""
        return sample_count(self.params.sample.n_samples, len(self.split.test))

    def session_of(self, part: str) -> Session:
        """With a folder for the checkpoints of one training."""
        return replace(self.session, checkpoints=self.folder.checkpoints(part))

    def measure(
        self, versions: Mapping[str, NamedSeries], facts: dict[str, Any], reconstruct: Change | None = None
    ) -> Measured:
        """Scores of samples against the series held out, with `facts` before them."""
        measured = measure_any(
            NamedSeries(HELD_OUT, *self.series(self.split.test), channels=self.raw.channels),
            versions,
            NamedSeries("TRAIN", *self.series(self.split.train), channels=self.raw.channels),
            params=self.params,
            session=self.session_of("fcn"),
            reconstruct=reconstruct,
        )
        facts = {"dataset": Path(self.request.name).stem, "seed": self.request.seed, **facts}
        return replace(measured, scores=facts | measured.scores)

    def page(self) -> str:
        """About what was measured."""
        request = self.request
        sources = {"real": HELD_OUT if request.test is None else request.test.name, "train": request.name}
        title = f"{request.name}, seed {request.seed}"
        subject = Subject.of(title, self.measured, self.params, sources=sources, notes=self.raw.notes)
        return report_page(subject, self.session)

    def save_record(self, folder: Path, wanted: dict[str, Any]) -> None:
        """What was asked for, and what it was done with."""
        request = self.request
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
            "weights": self.weights,
        }
        save_json(folder / RECORD, record)


class GeneratorWork(Work):
    """Of a tokeniser, a prior and a mapper.

    Attributes
    ----------
    generator, mapper : TwoStageEstimator, NeuralMapper
        As they were trained.
    """

    generator: TwoStageEstimator
    mapper: NeuralMapper

    def run(self) -> None:
        """See `Work.run`."""
        X, y = self.series(self.split.train)
        self.say("1/4 Training the generator: its tokeniser (stage 1), then its prior (stage 2).")
        with self.clock:
            self.generator = self._generator(X, y)
        sentences_of = warnings(self.generator, (X, y), self.series(self.split.test))
        for part, sentences in sentences_of.items():
            for sentence in sentences:
                log.warning("%s: %s", part, sentence)
        self.say("2/4 Choosing the temperature, and training the mapper (stage 3).")
        with self.clock:
            self.mapper = self._mapper(X, y)
        if self.mapper.warnings_:
            sentences_of["mapper"] = self.mapper.warnings_
        self.weights = {"generator": _weights(self.generator), "mapper": _count(self.mapper.mapper_.network)}
        self.say("3/4 Drawing samples, and measuring them on the series held out.")
        self.measured = self._measure(sentences_of)
        self.say("4/4 Drawing the report.")
        self._page = self.page()

    def _generator(self, X: np.ndarray, y: np.ndarray | None) -> TwoStageEstimator:
        params, device = self.params, str(self.session.device)
        kind = generator_class(params.generator)
        model = kind(params.stage1, params.stage2, params.sample, random_state=self.request.seed, device=device)
        model.fit_tokenizer(X, session=self.session_of("stage1"))
        model.channel_names_ = self.raw.channels
        return model.fit_prior(X, y, session=self.session_of("stage2"))

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
        pool = None
        if samples_option(params.stage3):
            pool = self.generator.sample(params.sample.n_pool, seed=self._seed(POOL), session=self.session)
        session, n_redrawn = self.session_of("stage3"), params.sample.n_redrawn
        return mapper.fit(self.generator, X, y, generated=pool, n_redrawn=n_redrawn, session=session)

    def _seed(self, purpose: int) -> int:
        """Of series drawn for a purpose of their own."""
        return (self.request.seed + purpose) % 2**32

    def _samples(self) -> dict[str, NamedSeries]:
        """Unconditional ones, those that ``sample`` draws by default, and some of every class."""
        model, seed, config = self.generator, self.request.seed, self.params.sample
        X = model.sample(self.n_samples, seed=seed, session=self.session)
        X_class, y = None, None
        if len(model.classes_):
            y = np.repeat(model.classes_, config.n_per_class)
            X_class = model.sample(len(y), y, seed=self._seed(CLASSES), session=self.session)
        mapped, mapped_class = self.mapper.transform(X), None
        if X_class is not None:
            mapped_class = self.mapper.transform(X_class)
        return {
            "baseline": NamedSeries("baseline", X, y, X_class=X_class),
            "mapped": NamedSeries("mapped", mapped, y, X_class=mapped_class),
        }

    def _measure(self, sentences_of: dict[str, list[str]]) -> Measured:
        tokenizer = self.generator.tokenizer_

        def reconstruct(x: np.ndarray) -> np.ndarray:
            return tokenizer.reconstruct(torch.from_numpy(x).to(self.session.device)).cpu().numpy()

        steps = {name: getattr(self.params, name).steps for name in ("stage1", "stage2", "stage3")}
        measured = self.measure(self._samples(), {"tau": self.mapper.tau_, "steps": steps}, reconstruct)
        return replace(measured, scores=measured.scores | {"warnings": sentences_of | measured.scores["warnings"]})

    def write(self, folder: Path, wanted: dict[str, Any]) -> None:
        """Everything into one folder."""
        scores = self.measured.scores
        self.generator.save(folder, data=self.request.name, metrics=scores, notes=self.raw.notes)
        self.mapper.save(folder)
        save_text(folder / REPORT, self._page)
        save_text(folder / PARAMS, as_yaml(self.request.as_study(self.params)))
        self.save_record(folder, wanted)


def _weights(model: TwoStageEstimator) -> int:
    """Of both networks, and the codes: these are no parameters of an optimiser, but learnt as well."""
    codes: list[Tensor] = [book.codes for book in model.tokenizer_.codebooks]
    return _count(model.tokenizer_) + _count(model.prior_.network) + sum(each.numel() for each in codes)


def _count(network: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())
