"""Activation that the tokeniser and the mapper share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

SMALLEST_FREQUENCY = 1e-4  # below it Snake is the identity to float precision; 1 / a amplifies rounding


class _SnakeFunction(torch.autograd.Function):
    """Snake with a hand-written gradient, which reads each activation once instead of six times.

    With y = x + sin²(ax)/a and incoming gradient g: dx = g (1 + sin 2ax), and
    da = Σ g (x sin 2ax − sin²(ax)/a)/a = (Σ dx·x − Σ g·y)/a, so that nothing but x and y is kept.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor) -> Tensor:
        # The frequency may pass through zero while it is trained; the clamp lets the gradient through.
        a = torch.where(a < 0, a.clamp(max=-SMALLEST_FREQUENCY), a.clamp(min=SMALLEST_FREQUENCY))
        a = a.view(1, -1, *(1,) * (x.ndim - 2))
        y = torch.sin(x * a).square_().div_(a).add_(x)
        ctx.save_for_backward(x, a, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        x, a, y = ctx.saved_tensors
        dx = (x * (2 * a)).sin_().mul_(g).add_(g)
        others = [i for i in range(x.ndim) if i != 1]
        da = torch.addcmul(g * y, dx, x, value=-1).sum(others) / -a.flatten()
        return dx, da


class Snake(nn.Module):
    """Periodic activation x + sin²(a x) / a with one learned frequency a per channel.

    Source: Ziyin et al. 2020, Eq. 3; the paper's networks use it throughout (Fig. 6). The start,
    a ~ U(0.2, 0.5), is the published code's.

    Parameters
    ----------
    channels
        Size of axis 1 of the input.

    Notes
    -----
    Input and output: (B, channels, ...) of any rank. First derivatives only.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the start values."""
        nn.init.uniform_(self.a, 0.2, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _SnakeFunction.apply(x, self.a)
        return y
