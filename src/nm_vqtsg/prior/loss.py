"""Cross-entropy of many positions over a large vocabulary, from one softmax."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _CrossEntropy(torch.autograd.Function):
    """Value and gradient of one softmax, whose memory takes softmax − one-hot; so `backward` works once.

    PyTorch's own takes the exponential twice and goes through a second matrix of the size of the logits, which is
    zero but at targets. Here log Σ exp is the largest logit minus the log of its probability, which is at least
    1 / V, so nothing under- or overflows.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor) -> Tensor:
        logits32 = logits.float()
        p = logits32.softmax(-1)
        normaliser = logits32.amax(-1) - p.amax(-1).log()
        ctx.save_for_backward(p, target)
        ctx.dtype = logits.dtype
        return (normaliser - logits32.gather(1, target.unsqueeze(1)).squeeze(1)).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        p, target = ctx.saved_tensors
        scale = g / len(target)
        gradient = p.mul_(scale)
        gradient.scatter_add_(1, target.unsqueeze(1), -scale.expand(len(target), 1))
        return gradient.to(ctx.dtype), None


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean of −log softmax(logits) at the targets, as `torch.nn.functional.cross_entropy`.

    Parameters
    ----------
    logits : Tensor
        (M, V).
    target : Tensor
        (M,) int64.

    Returns
    -------
    Tensor
        Scalar float32; may be differentiated once.
    """
    loss: Tensor = _CrossEntropy.apply(logits, target)
    return loss
