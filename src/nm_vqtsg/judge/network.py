"""The judge's network: a fully convolutional classifier whose features FID is measured in.

Architecture of Wang, Yan and Oates (2017), "Time series classification from scratch with deep neural
networks", in the wider form of supervised-FCN-2 that the paper's figures use.
"""

import torch
from torch import Tensor, nn

from nm_vqtsg.judge._fast import ByteDropout, frugal

FEATURES = 128
LARGE = 2**15  # times in a batch from which memory is saved: about half of it
BLOCKS = ((128, 8), (256, 5), (256, 5), (256, 5), (256, 5), (FEATURES, 5))


class FCN(nn.Module):
    """Six same-padded convolutions, global average pooling, one linear layer.

    The convolutions are two-dimensional with a height of one: in the channels-last layout oneDNN runs exactly
    the same sums about 1.4 times faster than Conv1d on a CPU.

    Parameters
    ----------
    in_channels : int
        C.
    n_classes : int
        Number of logits.
    dropout : float
        Between blocks.
    """

    def __init__(self, in_channels: int, n_classes: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = in_channels
        for index, (out, kernel) in enumerate(BLOCKS):
            if index:
                layers.append(ByteDropout(dropout))
            if kernel % 2 == 0:  # "same" padding puts the odd zero on the right
                layers.append(nn.ZeroPad2d(((kernel - 1) // 2, kernel // 2, 0, 0)))
            padding = (0, kernel // 2) if kernel % 2 else (0, 0)
            layers += [nn.Conv2d(width, out, (1, kernel), padding=padding), nn.BatchNorm2d(out), nn.ReLU()]
            width = out
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, n_classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def features(self, x: Tensor) -> Tensor:
        """x (B, C, L) float32, z-scored -> (B, 128), pooled over time."""
        plane = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        if not torch.is_grad_enabled() or x.shape[0] * x.shape[2] < LARGE:
            return self.blocks(plane).mean((2, 3))
        return frugal(self.blocks, plane).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, L) -> logits (B, n_classes)."""
        return self.head(self.features(x))
