"""Which rows make up which batch, as a pure function of seed and step.

Nothing needs to be stored to resume: epoch ``e`` is the permutation drawn from (seed, e), and epochs are laid
end to end, so that every batch has the same size.
"""

import torch
from torch import Tensor

from nm_vqtsg.training.seeds import new_rng


class BatchOrder:
    """Shuffled batches of equal size.

    Parameters
    ----------
    n : int
        Rows of the training set.
    batch_size : int
        Rows in each batch; may exceed `n`, then permutations repeat inside a batch.
    seed : int
        Seed of the order.
    device : torch.device, optional
        Where the rows are wanted; an epoch's order is drawn on the CPU and moved there at once.
    """

    def __init__(self, n: int, batch_size: int, seed: int, device: torch.device | None = None) -> None:
        self.n, self.batch_size, self.seed, self.device = n, batch_size, seed, device
        self._epoch = -1
        self._permutation = torch.empty(0, dtype=torch.int64)

    def _epoch_rows(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            order = torch.randperm(self.n, generator=new_rng(self.seed, "epoch", epoch))
            self._permutation, self._epoch = order.to(self.device), epoch
        return self._permutation

    def rows(self, step: int) -> Tensor:
        """Rows of batch `step` (counted from 0): (batch_size,) int64."""
        start, stop = step * self.batch_size, (step + 1) * self.batch_size
        pieces = []
        while start < stop:
            epoch, offset = divmod(start, self.n)
            piece = self._epoch_rows(epoch)[offset : offset + stop - start]
            pieces.append(piece)
            start += len(piece)
        return torch.cat(pieces)
