"""What surrounds a computation: device, progress, checkpoints and the wish to stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nm_vqtsg.session.curves import CurveLog
from nm_vqtsg.session.device import chosen_device, cpu
from nm_vqtsg.session.progress import Progress, Silent, Task, chosen_progress
from nm_vqtsg.session.stop import StopRequest

if TYPE_CHECKING:
    import torch


@dataclass
class Session:
    """The surroundings of one computation. The default is silent, on the CPU, without checkpoints.

    Attributes
    ----------
    device : torch.device
        Where tensors live.
    progress : Progress
        Shown while long loops run.
    checkpoints : Path or None
        Folder of the checkpoints from which training can be resumed.
    checkpoint_every : float
        Seconds between two checkpoints.
    log_every : int or None
        Steps whose mean makes one row of a loss curve; None leaves it to the training loop.
    curve : CurveLog or None
        Receives the rows of a loss curve while training goes on.
    stop : StopRequest
        Looked at between steps.
    precision : str
        Of training: ``float32`` or ``bfloat16``; see `nm_vqtsg.training.precision`.
    compiler : str or None
        Backend of `torch.compile` for the networks that are trained, such as ``inductor``; None compiles nothing.
    """

    device: "torch.device" = field(default_factory=cpu)
    progress: Progress = field(default_factory=Silent)
    checkpoints: Path | None = None
    checkpoint_every: float = 60.0
    log_every: int | None = None
    curve: CurveLog | None = None
    stop: StopRequest = field(default_factory=StopRequest)
    precision: str = "float32"
    compiler: str | None = None

    @contextmanager
    def track(self, description: str, total: int, done: int = 0) -> Iterator[Task]:
        """Show the progress of a loop of `total` units; `task.advance` also obeys a wish to stop."""
        task = self.progress.start(description, total, done)
        task.before_advance = self.stop.check
        try:
            yield task
        finally:
            task.close()


def estimator_session(device: str, progress: bool) -> Session:
    """Surroundings of an estimator that is used from Python: a bar or log lines, or silence; no checkpoints."""
    return Session(device=chosen_device(device), progress=chosen_progress("auto" if progress else "none"))
