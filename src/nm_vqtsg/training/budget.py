"""How long and how fast to train (paper, section 4.1: AdamW, linear warm-up, cosine)."""

import math
from dataclasses import dataclass

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from nm_vqtsg.params import Training


@dataclass(frozen=True)
class Budget:
    """Optimisation budget of one stage.

    Attributes
    ----------
    steps : int
        Optimiser steps, > 0.
    batch_size : int
        Series in a batch, > 0.
    learning_rate, learning_rate_min : float
        Peak after the warm-up, and the value at the last step.
    warmup_fraction : float
        Share of the steps, in [0, 1), over which the rate rises linearly.
    weight_decay : float
        AdamW's decoupled decay.
    """

    steps: int
    batch_size: int
    learning_rate: float
    learning_rate_min: float
    warmup_fraction: float = 0.05
    weight_decay: float = 0.01

    @classmethod
    def of(cls, parameters: Training) -> "Budget":
        """The budget that a stage's parameters describe."""
        return cls(**{name: getattr(parameters, name) for name in Training.model_fields})

    def rate_factor(self, step: int) -> float:
        """Learning rate of `step` (from 0) over the peak: linear rise, then a cosine to the minimum.

        The first step already has a positive rate, and the last one has exactly the minimum.
        """
        warmup = int(self.warmup_fraction * self.steps)
        if step < warmup:
            return (step + 1) / (warmup + 1)
        floor = self.learning_rate_min / self.learning_rate
        progress = min(1.0, (step - warmup) / max(1, self.steps - 1 - warmup))
        return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


def make_optimizer(module: nn.Module, budget: Budget) -> AdamW:
    """AdamW over all parameters that want a gradient, in its fused form."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return AdamW(parameters, lr=budget.learning_rate, weight_decay=budget.weight_decay, fused=True)


def make_schedule(optimizer: Optimizer, budget: Budget) -> LambdaLR:
    """The schedule of `Budget.rate_factor`: a closed form, so that it can be resumed at any step exactly."""
    return LambdaLR(optimizer, budget.rate_factor)
