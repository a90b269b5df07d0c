"""How fast to train, and with what (paper, section 4.1: AdamW, linear warm-up, cosine)."""

import math

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from nm_vqtsg.params import Training


def rate_factor(budget: Training, step: int) -> float:
    """Learning rate of `step` (from 0) over the peak: linear rise, then a cosine to the minimum.

    The first step already has a positive rate, and the last one has exactly the minimum.
    """
    warmup = int(budget.warmup_fraction * budget.steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    floor = budget.learning_rate_min / budget.learning_rate
    progress = min(1.0, (step - warmup) / max(1, budget.steps - 1 - warmup))
    return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


def make_optimizer(module: nn.Module, budget: Training) -> AdamW:
    """AdamW over all parameters that want a gradient, in its fused form."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return AdamW(parameters, lr=budget.learning_rate, weight_decay=budget.weight_decay, fused=True)


def make_schedule(optimizer: Optimizer, budget: Training) -> LambdaLR:
    """The schedule of `rate_factor`: a closed form, so that it can be resumed at any step exactly."""
    return LambdaLR(optimizer, lambda step: rate_factor(budget, step))
