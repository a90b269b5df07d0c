"""Encoder and decoder of one band (paper, section 3.1 and Fig. 6; the form is ours, for speed on CPUs).

Frequency rows are folded into channels, so that every convolution is one-dimensional and plain; they are
two-dimensional modules of height one only because PyTorch's kernels for channels-last images are faster than
those for sequences. Shapes are (B, channels, 1, time) inside.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from nm_vqtsg.nn.layers import Snake


def halvings(length: int, width: int) -> int:
    """Down-sampling convolutions that bring `length` samples to about `width` positions; at least one.

    The published rule: 2^m nearest to round(length / width) on a logarithmic scale, halves to even.
    """
    rate = round(length / width) if length >= width else 1
    return max(1, round(math.log2(rate)))


def time_lengths(frames: int, n_halvings: int) -> list[int]:
    """Lengths at every depth, from `frames` down to the number of positions."""
    return [frames >> depth for depth in range(n_halvings + 1)]


def channel_widths(first: int, last: int, n_halvings: int) -> list[int]:
    """Channels after each down-sampling: doubled every time, at most `last`."""
    return [min(first << depth, last) for depth in range(n_halvings)]


def _conv3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, (1, 3), padding=(0, 1))


def _activate(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), Snake(channels))


class ResidualBlock(nn.Module):
    """Pre-activation residual block x + conv3(Snake(BatchNorm(x))) (He et al. 2016, Fig. 1b)."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.branch = nn.Sequential(_activate(channels), nn.Dropout(dropout), _conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.branch(x)
        return y


def _blocks(channels: int, count: int, dropout: float) -> list[nn.Module]:
    return [ResidualBlock(channels, dropout) for _ in range(count)]


class Encoder(nn.Module):
    """From a band's coefficients to unit vectors, one per frequency row and position.

    Parameters
    ----------
    coefficients : int
        Input channels: coefficients per frame, times the channels of the series.
    rows : int
        Frequency rows, which share the last layer's channels out among them.
    widths : sequence of int
        Channels after each halving of time.
    last_width : int
        Features of each position, D.
    blocks, dropout
        Residual blocks per depth, and their dropout.

    Notes
    -----
    (B, coefficients, frames) → (B, rows·W, last_width), row by row, with norm 1 over the features.
    """

    def __init__(
        self, coefficients: int, rows: int, widths: Sequence[int], last_width: int, blocks: int, dropout: float
    ) -> None:
        super().__init__()
        self.rows = rows
        layers: list[nn.Module] = []
        for inputs, outputs in zip((coefficients, *widths), widths, strict=False):
            layers.append(nn.Conv2d(inputs, outputs, (1, 4), stride=(1, 2), padding=(0, 1)))
            layers += _blocks(outputs, blocks, dropout)
        layers += [_activate(widths[-1]), _conv3(widths[-1], rows * last_width)]
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, y: Tensor) -> Tensor:
        h = self.layers(y.unsqueeze(2).to(memory_format=torch.channels_last))  # (B, rows·D, 1, W)
        h = h.squeeze(2).unflatten(1, (self.rows, -1))  # (B, rows, D, W)
        return normalize(h.transpose(2, 3).flatten(1, 2), dim=-1)  # (B, rows·W, D)


class Decoder(nn.Module):
    """The encoder's mirror: from features of positions to a band's coefficients.

    Its transposed convolutions give back exactly the encoder's lengths.

    Parameters
    ----------
    coefficients, rows, widths, last_width, blocks, dropout
        As for `Encoder`.
    lengths : sequence of int
        `time_lengths` of the encoder.

    Notes
    -----
    (B, rows·W, last_width) → (B, coefficients, frames).
    """

    def __init__(
        self,
        coefficients: int,
        rows: int,
        widths: Sequence[int],
        last_width: int,
        blocks: int,
        dropout: float,
        lengths: Sequence[int],
    ) -> None:
        super().__init__()
        self.rows = rows
        layers: list[nn.Module] = [_conv3(rows * last_width, widths[-1])]
        for depth in reversed(range(len(widths))):
            inputs, outputs = widths[depth], widths[depth - 1] if depth else coefficients
            odd = lengths[depth] - 2 * lengths[depth + 1]
            layers += _blocks(inputs, blocks, dropout)
            if depth == 0:
                layers.append(_activate(inputs))
            layers.append(
                nn.ConvTranspose2d(
                    inputs, outputs, (1, 4), stride=(1, 2), padding=(0, 1), output_padding=(0, odd)
                )
            )
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, h: Tensor) -> Tensor:
        b, _, d = h.shape
        h = h.view(b, self.rows, -1, d).transpose(2, 3).reshape(b, self.rows * d, 1, -1)
        y: Tensor = self.layers(h.contiguous(memory_format=torch.channels_last)).squeeze(2)
        return y
