"""What surrounds a computation: device, progress, checkpoints and the wish to stop."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from nm_vqtsg.errors import UserError
from nm_vqtsg.stop import StopRequest
from nm_vqtsg.training.acceleration import Acceleration
from nm_vqtsg.training.checkpoint import CheckpointFolder
from nm_vqtsg.training.curves import CurveLog
from nm_vqtsg.training.progress import Progress, Silent, Task, chosen_progress


@dataclass
class Session:
    """The surroundings of one computation. The default is silent, on the CPU, without checkpoints.

    Attributes
    ----------
    device : torch.device
        Where tensors live.
    progress : Progress
        Shown while long loops run.
    checkpoints : CheckpointFolder or None
        Where training can be resumed from.
    checkpoint_every : float
        Seconds between two checkpoints.
    log_every : int
        Steps whose mean makes one row of a loss curve.
    curve : CurveLog or None
        Receives the rows of a loss curve while training goes on.
    stop : StopRequest
        Looked at between steps.
    acceleration : Acceleration
        How networks are run while they are trained.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    progress: Progress = field(default_factory=Silent)
    checkpoints: CheckpointFolder | None = None
    checkpoint_every: float = 60.0
    log_every: int = 50
    curve: CurveLog | None = None
    stop: StopRequest = field(default_factory=StopRequest)
    acceleration: Acceleration = field(default_factory=Acceleration)

    @contextmanager
    def track(self, description: str, total: int, done: int = 0) -> Iterator[Task]:
        """Show the progress of a loop of `total` units; `task.advance` also obeys a wish to stop."""
        task = self.progress.start(description, total, done)
        task.before_advance = self.stop.check
        try:
            yield task
        finally:
            task.close()


def chosen_device(name: str) -> torch.device:
    """The device called `name`: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.

    Raises
    ------
    UserError
        If ``cuda`` is asked for where there is none, or the name is another.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", str(name)):
        raise UserError(f"device {name!r}: is not known; choose auto, cpu or cuda")
    found = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if found else "cpu"
    if name.startswith("cuda") and not found:
        raise UserError(f"device '{name}': no CUDA device is at hand; choose cpu or auto")
    return torch.device(name)


def estimator_session(device: str, progress: bool) -> Session:
    """Surroundings of an estimator that is used from Python: a bar or log lines, or silence; no checkpoints."""
    shown = chosen_progress("auto", logging.getLogger("nm_vqtsg")) if progress else Silent()
    return Session(device=chosen_device(device), progress=shown)
