"""Instance normalisation: what is the same in every series of TRAIN is given to every series that is made.

Most data sets of the UCR archive hold series that were z-scored one by one, so that each has mean 0 and standard
deviation 1 over time. A decoder that is trained by squared error gives less: it shrinks what it cannot foretell.
"""

import logging

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)

TOLERANCE = 1e-3  # by which means (over the standard deviation) and standard deviations of series may differ
SMALLEST = 1e-6  # standard deviation of an input, below which it is constant and stays so


class InstanceNorm(nn.Module):
    """Gives each channel of each series the mean and standard deviation over time that all series of TRAIN have.

    Where those of TRAIN differ among each other, it changes nothing. Until `learn` was called, neither.

    Parameters
    ----------
    channels : int
        C of the series.
    """

    active: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("active", torch.zeros((), dtype=torch.bool))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def learn(self, x: Tensor) -> None:
        """Take what the series (n, C, L) have in common; a channel in which they differ switches all off."""
        means, stds = x.double().mean(-1), x.double().std(-1, correction=0)
        mean, std = means.median(0).values, stds.median(0).values
        same = (means - mean).abs().max() <= TOLERANCE * std.min() and (
            (stds - std).abs() <= TOLERANCE * std
        ).all()
        self.active.fill_(bool(same) and bool((std > SMALLEST).all()))
        self.mean.copy_(mean)
        self.std.copy_(std)
        if not self.active:
            log.info("series of TRAIN differ in mean or standard deviation over time, so none is rescaled")

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, L)."""
        centred = x - x.mean(-1, keepdim=True)
        spread = centred.square().mean(-1, keepdim=True).clamp(min=SMALLEST**2).sqrt()
        rescaled = centred * (self.std[:, None] / spread) + self.mean[:, None]
        return torch.where(self.active, rescaled, x)  # without waiting for a GPU to say which
