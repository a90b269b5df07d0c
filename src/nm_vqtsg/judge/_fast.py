"""Dropout from random bytes, and blocks that keep less for the way back: the FCN's time and memory on a CPU."""

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


class ByteDropout(nn.Module):
    """Dropout that spends one random byte per element instead of one Mersenne-Twister draw.

    On one CPU thread this takes a fifth off the time of a training step. The probability is rounded to 1/256,
    which leaves the usual 0.5 exact. On a GPU it is ordinary dropout.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of `x` (any dense layout) while training."""
        if not self.training or self.p == 0:
            return x
        if x.is_cuda:
            return F.dropout(x, self.p)
        dropped = round(256 * self.p)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        keep = words.view(torch.uint8)[: x.numel()] >= dropped
        scale = keep.to(x.dtype).mul_(256 / (256 - dropped))
        return x * scale.as_strided(x.shape, x.stride())


def frugal(blocks: nn.Sequential, plane: Tensor) -> Tensor:
    """What `blocks` gives, keeping of each convolution its output alone; the same numbers, to the last bit.

    What lies between two convolutions is computed again on the way back, for little time; the convolution
    behind it is not, since the recomputation ends where the last value that is missing has been found.
    """
    normed = [index for index, layer in enumerate(blocks) if isinstance(layer, nn.BatchNorm2d)]
    h: Tensor = blocks[: normed[0]](plane)
    for start, stop in itertools.pairwise([*normed, len(blocks)]):
        norm = blocks[start]
        assert isinstance(norm, nn.BatchNorm2d)
        contexts = partial(_contexts, norm)
        h = checkpoint(blocks[start:stop], h, use_reentrant=False, context_fn=contexts)
    return h


def _contexts(norm: nn.BatchNorm2d) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Surroundings of the first computation and of the second one."""
    return nullcontext(), _without_statistics(norm)


@contextmanager
def _without_statistics(norm: nn.BatchNorm2d) -> Iterator[None]:
    """Forward passes inside the block leave the running statistics alone: they have seen the batch already."""
    momentum, seen = norm.momentum, norm.num_batches_tracked
    assert seen is not None
    norm.momentum, norm.num_batches_tracked = 0.0, seen.clone()
    try:
        yield
    finally:
        norm.momentum, norm.num_batches_tracked = momentum, seen
