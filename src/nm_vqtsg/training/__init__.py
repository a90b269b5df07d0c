"""The loop that every trained stage shares: schedule, checkpoints, progress and health."""

from nm_vqtsg.training.budget import Budget
from nm_vqtsg.training.loop import Callback, StepLoss, fit
from nm_vqtsg.training.session import Session, Task

__all__ = ["Budget", "Callback", "Session", "StepLoss", "Task", "fit"]
