"""Shortcuts to what the prior's networks give at some positions: nothing is computed for the others after the last
attention, and the loss takes one softmax."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from nm_vqtsg.prior.network import BandTransformer, Block, PriorNetwork


def hidden_at(
    transformer: BandTransformer, tokens: Tensor, classes: Tensor, context: Tensor | None, positions: Tensor
) -> Tensor:
    """`BandTransformer.hidden` at positions (B, M): (B, M, W)."""
    x = transformer.sequence(tokens, classes, context)
    x, last = _before_last(transformer, x)
    return _block_at(last, x, positions + 1)  # the class comes first in the sequence


def _before_last(transformer: BandTransformer, x: Tensor) -> tuple[Tensor, Block]:
    """What the last block reads, and that block."""
    *blocks, last = transformer.blocks
    for block in blocks:
        x = block(x)
    assert isinstance(last, Block)
    return x, last


def _block_at(block: Block, x: Tensor, positions: Tensor) -> Tensor:
    normed, width = block.attention_norm(x), x.shape[-1]
    (q,) = block.heads_of(functional.linear(_rows_at(normed, positions), block.qkv.weight[:width]), 1)
    k, v = block.heads_of(functional.linear(normed, block.qkv.weight[width:]), 2)
    return block.finish(_rows_at(x, positions), block.attend(q, k, v))


def _rows_at(x: Tensor, positions: Tensor) -> Tensor:
    """Rows of (B, N, W) at positions (B, M): (B, M, W)."""
    return x.gather(1, positions.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


def masked_logits(
    network: PriorNetwork, tokens: Sequence[Tensor], classes: Tensor, band: int, masked: Tensor
) -> tuple[Tensor, Tensor]:
    """Logits and targets at hidden positions of one band.

    Parameters
    ----------
    network : PriorNetwork
        All bands' networks.
    tokens : sequence of Tensor
        (B, N_i) true tokens of the bands up to `band`.
    classes : Tensor
        (B,) int64.
    band : int
        The band to predict.
    masked : Tensor
        (B, N) bool.

    Returns
    -------
    logits, target : Tensor
        (M, V) float and (M,) int64 with M masked positions in row-major order.
    """
    target, transformer = tokens[band], network.band(band)
    where = (
        masked.flatten().nonzero().squeeze(1).to(classes.device, non_blocking=True)
    )  # no wait if drawn on the CPU
    visible = target.flatten().index_fill(0, where, network.n_codes[band]).view_as(target)
    x = transformer.sequence(visible, classes, network.context(band, tokens[:band]))
    x, last = _before_last(transformer, x)
    rows = where + where.div(target.shape[1], rounding_mode="floor") + 1  # a class before each series
    return transformer.head(_block_rows(last, x, rows)), target.flatten()[where]


def _block_rows(block: Block, x: Tensor, rows: Tensor) -> Tensor:
    """A block's output at rows (R,) of the flattened (B, N, W): (R, W)."""
    attended = block.attend(*block.heads_of(block.qkv(block.attention_norm(x)), 3))
    return block.finish(*(every.flatten(0, 1).index_select(0, rows) for every in (x, attended)))


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
