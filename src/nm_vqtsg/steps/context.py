"""What a step of the pipeline is handed: parameters, paths, progress, checkpoints."""

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nm_vqtsg import __version__
from nm_vqtsg.artifacts import digest, load_facts
from nm_vqtsg.errors import ArtifactError, UserError
from nm_vqtsg.files import check_readable, check_target, check_writable
from nm_vqtsg.params import Params, load_params
from nm_vqtsg.study.fingerprint import Fingerprint
from nm_vqtsg.study.graph import EXPORTED, STEPS, TRAINED, sections
from nm_vqtsg.study.paths import KEEP_VARIABLE, Paths

if TYPE_CHECKING:
    from nm_vqtsg.session import Session

CHECKPOINT_EVERY_S = 60.0
"""Seconds between two checkpoints, unless the command line or NM_VQTSG_CHECKPOINT_EVERY says otherwise."""


@dataclass
class StepContext:
    """Parameters, paths and surroundings of one job.

    Attributes
    ----------
    step : str
        Name of the step.
    params : Params
        All parameters of the study.
    paths : Paths
        The job's files.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    progress : str
        ``auto``, ``bar``, ``lines`` or ``none``.
    checkpoint_every : float
        Seconds between two checkpoints of a step that trains.
    precision : str
        ``float32`` or ``bfloat16``, of a step that trains.
    compiled : bool
        Whether a step that trains compiles its networks.
    """

    step: str
    params: Params
    paths: Paths
    device: str = "auto"
    progress: str = "auto"
    checkpoint_every: float = CHECKPOINT_EVERY_S
    precision: str = "float32"
    compiled: bool = False
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("nm_vqtsg"))

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.paths.dataset

    @property
    def seed(self) -> int:
        """Seed of the run."""
        if not isinstance(self.paths.seed, int):
            raise UserError(f"{self.step}: needs --seed")
        return self.paths.seed

    def provenance(self) -> dict[str, Any]:
        """What made an artifact: version, data set, seed, digest of the parameters that matter to it.

        An export bears the parameters of the steps whose outputs it takes along.
        """
        keys = sections(*EXPORTED) if self.step == "export" else sections(self.step)
        content = self.params.model_dump(mode="json", include=_included(set(keys) - {"own_data"}))
        if "own_data" in keys and self.dataset in self.params.own_data:
            content["own_data"] = self.params.own_data[self.dataset].facts()
        facts: dict[str, Any] = {"version": __version__, "step": self.step, "params": digest(content)}
        if self.dataset:
            facts["dataset"] = self.dataset
        if self.paths.seed is not None:
            facts["seed"] = self.paths.seed
        if self.step in TRAINED and self.precision != "float32":
            facts["precision"] = self.precision
        return facts

    def model(self, stage: int) -> Path:
        """The weights of stage 1, 2 or 3, which must have been trained on this data set.

        Raises
        ------
        ArtifactError
            If the file is missing or damaged, or was made for another data set: shapes alone do not tell.
        """
        path = self.paths.weights(stage)
        made_for = load_facts(path).get("dataset", self.dataset)
        if made_for != self.dataset:
            raise ArtifactError(
                f"{path}: a model of '{made_for}', not of '{self.dataset}'; run stage{stage} again"
            )
        return path

    @cached_property
    def checkpoint_folder(self) -> Path:
        """Folder of the job's checkpoints, keyed by parameters, inputs and code."""
        here = Paths(self.paths.study, self.dataset, self.paths.seed)
        inputs = [here.fill(pattern) for pattern in STEPS[self.step].reads]
        hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in inputs if path.is_file()]
        key = digest([self.provenance(), hashes, Fingerprint(self.study, self.params).code(self.step)])[:16]
        return self.paths.checkpoints / f"{self.paths.job(self.step)}-{key}"

    @cached_property
    def session(self) -> "Session":
        """Device, progress, checkpoints and stop request of the job."""
        from nm_vqtsg.session import Session
        from nm_vqtsg.session.curves import CurveLog
        from nm_vqtsg.session.device import chosen_device
        from nm_vqtsg.session.progress import chosen_progress

        trains = self.step in TRAINED
        live = any((folder / ".dvc").is_dir() for folder in (self.study, *self.study.parents))
        session = Session(
            device=chosen_device(self.device),
            progress=chosen_progress(self.progress, self.log),
            checkpoints=self.checkpoint_folder if trains else None,
            checkpoint_every=self.checkpoint_every,
            curve=CurveLog(self.paths.live(self.step)) if trains and live else None,
            precision=self.precision if trains else "float32",
            compiler="inductor" if trains and self.compiled else None,
        )
        if trains:
            from nm_vqtsg.training.precision import check_precision

            check_precision(session)
        return session

    @property
    def study(self) -> Path:
        """The study's folder, absolute."""
        return self.paths.study.resolve()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait while another process runs this very job, such as one that outlived a killed engine."""
        self.paths.checkpoints.mkdir(parents=True, exist_ok=True)
        path = self.paths.checkpoints / f"{self.paths.job(self.step)}.lock"
        check_target(path)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                job = self.paths.job(self.step)
                self.log.warning("%s: already running in another process; waiting until that has ended", job)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def check_access(self) -> None:
        """Look whether inputs may be read and results written, before hours go into them.

        Raises
        ------
        ArtifactError
            If they may not: they are somebody else's, or the file system is read-only.
        """
        for pattern in STEPS[self.step].reads:
            check_readable(self.paths.fill(pattern))
        for pattern in STEPS[self.step].products:
            check_writable(self.paths.fill(pattern))

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Where DVC runs the step: see to it that what it records is true, and that it has the results."""
        if "DVC_STAGE" not in os.environ or self.step not in STEPS:
            yield
            return
        from nm_vqtsg.engines.guest import guest_of_dvc

        wildcards = {"dataset": self.dataset, "seed": "" if self.paths.seed is None else str(self.paths.seed)}
        with guest_of_dvc(self.study, self.step, {key: value for key, value in wildcards.items() if value}):
            yield

    def finish(self) -> None:
        """Remove what only an unfinished job needs, unless somebody keeps it until the results are put away."""
        if KEEP_VARIABLE not in os.environ:
            self.paths.remove_checkpoints(self.step)


def _included(keys: set[str]) -> dict[str, Any]:
    """Keys such as ``svq`` and ``stage3.width`` as pydantic wants them."""
    included: dict[str, Any] = {}
    for key in keys:
        section, _, name = key.partition(".")
        if name:
            included.setdefault(section, {})[name] = True
        else:
            included[section] = True
    return included


def open_context(
    study: Path, step: str, dataset: str = "", seed: int | None = None, **surroundings: Any
) -> StepContext:
    """Read the study's parameters and check that the job belongs to the study.

    `surroundings` are the attributes of `StepContext` from `device` on.

    Raises
    ------
    ParameterError
        If params.yaml is refused.
    UserError
        If the data set or the seed is not part of the study.
    """
    paths = Paths(study, dataset, seed)
    params = load_params(paths.params)
    if dataset and dataset not in params.datasets:
        raise UserError(f"{paths.params}: datasets has no '{dataset[:80]}'; it lists {', '.join(params.datasets)}")
    if seed is not None and seed not in params.seeds:
        raise UserError(f"{paths.params}: seeds has no {seed}; it lists {', '.join(map(str, params.seeds))}")
    return StepContext(step, params, paths, **surroundings)
