"""Encoder and decoder of one band (paper, section 3.1 and Fig. 6; the form is ours, for speed on CPUs).

Frequency rows are folded into channels, so that every convolution is one-dimensional and plain; they are
two-dimensional modules of height one only because PyTorch's kernels for channels-last images are faster than
those for sequences. Shapes are (B, channels, 1, time) inside.
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from nm_vqtsg.nn.bands import Band
from nm_vqtsg.nn.layers import Snake
from nm_vqtsg.params import Stage1


def halvings(length: int, width: int) -> int:
    """Down-sampling convolutions that bring `length` samples to about `width` positions; at least one.

    The published rule: 2^m nearest to round(length / width) on a logarithmic scale, halves to even.
    """
    rate = round(length / width) if length >= width else 1
    return max(1, round(math.log2(rate)))


@dataclass(frozen=True)
class Shape:
    """Sizes of one band's encoder and decoder.

    Attributes
    ----------
    coefficients : int
        Input channels: coefficients of each frame, times the channels of the series.
    rows : int
        Frequency rows, which share the innermost channels out among them.
    lengths : tuple of int
        Length in time at every depth, from frames to positions.
    widths : tuple of int
        Channels after each halving of time: doubled every time, up to `features`.
    features : int
        Channels of each position and row, D.
    code_dim : int
        Width of a code, d.
    blocks : int
        Residual blocks at each depth.
    dropout : float
        Dropout in them.
    """

    coefficients: int
    rows: int
    lengths: tuple[int, ...]
    widths: tuple[int, ...]
    features: int
    code_dim: int
    blocks: int
    dropout: float

    @classmethod
    def of(cls, config: Stage1, band: Band, in_channels: int, length: int, positions: int) -> Self:
        """Sizes for series (in_channels, length) brought to about `positions` positions in time."""
        n = halvings(length, positions)
        return cls(
            coefficients=in_channels * band.coefficients,
            rows=band.rows,
            lengths=tuple(band.frames(length) >> depth for depth in range(n + 1)),
            widths=tuple(min(config.first_width << depth, config.last_width) for depth in range(n)),
            features=config.last_width,
            code_dim=config.code_dim,
            blocks=config.blocks_per_depth,
            dropout=config.dropout,
        )

    def residual_blocks(self, channels: int) -> list[nn.Module]:
        """The blocks of one depth."""
        return [ResidualBlock(channels, self.dropout) for _ in range(self.blocks)]


def _conv3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, (1, 3), padding=(0, 1))


def _activate(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), Snake(channels))


def _channels_last(layers: list[nn.Module]) -> nn.Sequential:
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class ResidualBlock(nn.Module):
    """Pre-activation residual block x + conv3(Snake(BatchNorm(x))) (He et al. 2016, Fig. 1b)."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.branch = nn.Sequential(_activate(channels), nn.Dropout(dropout), _conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.branch(x)
        return y


class Encoder(nn.Module):
    """From a band's coefficients to the vectors that are quantised.

    At each position and frequency row, D features are scaled to norm 1 and projected to d (published; the narrow
    code space is that of Yu et al. 2022, section 3.1).

    Parameters
    ----------
    shape : Shape
        Sizes.

    Notes
    -----
    (B, coefficients, frames) → (B, rows·W, d), row by row.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        layers: list[nn.Module] = []
        for inputs, outputs in zip((shape.coefficients, *shape.widths), shape.widths, strict=False):
            layers.append(nn.Conv2d(inputs, outputs, (1, 4), stride=(1, 2), padding=(0, 1)))
            layers += shape.residual_blocks(outputs)
        layers += [_activate(shape.widths[-1]), _conv3(shape.widths[-1], shape.rows * shape.features)]
        self.layers = _channels_last(layers)
        self.project = nn.Linear(shape.features, shape.code_dim)

    def forward(self, y: Tensor) -> Tensor:
        h = self.layers(y.unsqueeze(2).contiguous(memory_format=torch.channels_last))  # (B, rows·D, 1, W)
        h = h.squeeze(2).transpose(1, 2).unflatten(2, (self.shape.rows, -1))  # (B, W, rows, D), no copy
        # To project first and divide afterwards saves three passes over the wide features.
        with torch.autocast(h.device.type, enabled=False):
            h = h.float()
            norm = torch.linalg.vector_norm(h, dim=-1, keepdim=True).clamp(min=1e-12)
            z = linear(h, self.project.weight) / norm + self.project.bias
        return z.transpose(1, 2).flatten(1, 2)


class Decoder(nn.Module):
    """The encoder's mirror: from codes to a band's coefficients.

    Its transposed convolutions give back exactly the encoder's lengths.

    Parameters
    ----------
    shape : Shape
        Sizes.

    Notes
    -----
    (B, rows·W, d) → (B, coefficients, frames).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.project = nn.Linear(shape.code_dim, shape.features)
        folded = shape.rows * shape.features
        # Without an activation the two linear layers would be one: it took HF's L1 from .042 to .031 (ECG5000).
        layers: list[nn.Module] = [_activate(folded), _conv3(folded, shape.widths[-1])]
        for depth in reversed(range(len(shape.widths))):
            inputs, outputs = shape.widths[depth], shape.widths[depth - 1] if depth else shape.coefficients
            odd = shape.lengths[depth] - 2 * shape.lengths[depth + 1]
            layers += shape.residual_blocks(inputs)
            if depth == 0:
                layers.append(_activate(inputs))
            layers.append(
                nn.ConvTranspose2d(inputs, outputs, (1, 4), stride=(1, 2), padding=(0, 1), output_padding=(0, odd))
            )
        self.layers = _channels_last(layers)

    def forward(self, codes: Tensor) -> Tensor:
        codes = codes.unflatten(1, (self.shape.rows, -1)).transpose(1, 2)  # (B, W, rows, d)
        h = self.project(codes).flatten(2).transpose(1, 2).unsqueeze(2)  # (B, rows·D, 1, W), channels last
        y: Tensor = self.layers(h).squeeze(2)
        return y
