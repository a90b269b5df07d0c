"""Activation that the tokeniser and the mapper share."""

import torch
from torch import Tensor, nn

from nm_vqtsg.nn._fast import snake


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
        self.a = nn.Parameter(torch.empty(channels).uniform_(0.2, 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return snake(x, self.a)
