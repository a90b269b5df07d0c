"""The loop that every trained network shares: budget, order of the data, checkpoints, precision, health."""

from nm_vqtsg.training.budget import Budget
from nm_vqtsg.training.loop import Callback, StepLoss, fit

__all__ = ["Budget", "Callback", "StepLoss", "fit"]
