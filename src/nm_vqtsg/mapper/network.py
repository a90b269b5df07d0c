"""The mapper's network: a U-Net on the series itself (paper, section 4.1 and Fig. 6).

Tensors are (B, C, 1, T) in the channels-last layout inside: there a convolution over time is two to four times
faster on a CPU than `Conv1d`, and a pointwise layer needs no copy.
"""

import hashlib
import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nm_vqtsg.nn.layers import Snake

GROUPS = 4  # of the group normalisation; published code
HEADS, HEAD_WIDTH = 2, 16
KEYS = 16  # segments of the series that attention looks at


def time_conv(channels: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """Convolution over time with zero padding: T -> ceil(T / stride), so that any T >= 1 works."""
    return nn.Conv2d(channels, out, (1, kernel), (1, stride), (0, kernel // 2))


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation: of one series alone, so that it maps alike in any batch."""
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


class ResidualBlock(nn.Module):
    """x + conv(snake(norm(x))): (B, channels, 1, T) in and out."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            group_norm(channels), Snake(channels), nn.Dropout(dropout), time_conv(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.branch(x)
        return y


class SegmentAttention(nn.Module):
    """Self-attention of every position to the means of `KEYS` segments of the series.

    Few keys make it linear in the length; what lies within a segment is the convolutions' part. It starts as
    the identity. (B, channels, 1, T) in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = HEADS * HEAD_WIDTH
        self.norm = group_norm(channels)
        self.query = nn.Linear(channels, inner)
        self.key_value = nn.Linear(channels, 2 * inner)
        self.out = nn.Linear(inner, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        segments = functional.adaptive_avg_pool2d(y, (1, KEYS)) if y.shape[-1] > KEYS else y
        query = self._heads(self.query(_positions_last(y)))  # (B, HEADS, T, HEAD_WIDTH)
        key, value = self.key_value(_positions_last(segments)).chunk(2, -1)
        mixed = functional.scaled_dot_product_attention(query, self._heads(key), self._heads(value))
        out = self.out(mixed.transpose(1, 2).flatten(2))  # (B, T, channels)
        return x + out.unsqueeze(1).permute(0, 3, 1, 2)

    @staticmethod
    def _heads(y: Tensor) -> Tensor:
        return y.unflatten(-1, (HEADS, HEAD_WIDTH)).transpose(1, 2)


def _positions_last(y: Tensor) -> Tensor:
    """(B, C, 1, T) -> (B, T, C), a view in the channels-last layout."""
    return y.squeeze(2).transpose(1, 2)


class UNet(nn.Module):
    """Maps series to series of the same shape, x -> x + correction, for any length >= 1.

    At every depth of the way down a residual block and self-attention, at every depth of the way up a
    residual block, two more at the bottom, where they are cheap; each down-sampling halves time, and widths
    are `width` times the multipliers. Skips are added. Two small convolutions with replicate padding smooth
    the result.

    The correction starts at zero and the smoothing as the identity, so that training starts from f(x) = x.

    Parameters
    ----------
    channels : int
        C of the series.
    width : int
        Channels at full resolution.
    multipliers : sequence of int
        Width of each depth over `width`; the number of depths.
    dropout : float
        Inside residual blocks, while training.
    noise : int
        Channels of white noise beside the series: what of the correction the series leaves open may depend on
        them. While training it is drawn from PyTorch's global generator, afterwards it is `noise_of` each series.
    """

    def __init__(
        self, channels: int, width: int, multipliers: Sequence[int], dropout: float = 0.0, noise: int = 0
    ) -> None:
        super().__init__()
        self.noise = noise
        widths = [width * multiplier for multiplier in multipliers]
        steps = list(itertools.pairwise(widths))
        self.stem = time_conv(channels + noise, widths[0], kernel=7)
        self.down = nn.ModuleList(nn.Sequential(ResidualBlock(w, dropout), SegmentAttention(w)) for w in widths)
        self.downsample = nn.ModuleList(time_conv(fine, coarse, stride=2) for fine, coarse in steps)
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, (1, 4), (1, 2), (0, 1)) for fine, coarse in steps
        )
        self.bottom = nn.Sequential(*(ResidualBlock(widths[-1], dropout) for _ in range(2)))
        self.up = nn.ModuleList(ResidualBlock(w, dropout) for w in widths[:-1])
        self.head = nn.Sequential(group_norm(widths[0]), Snake(widths[0]), time_conv(widths[0], channels))
        self.smooth = nn.Sequential(
            *(nn.Conv1d(channels, channels, 3, padding=1, padding_mode="replicate") for _ in range(2))
        )
        self._start_as_identity()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _start_as_identity(self) -> None:
        correction = self.head[-1]
        assert isinstance(correction, nn.Conv2d)
        nn.init.zeros_(correction.weight)
        for layer in (correction, *self.smooth):
            assert isinstance(layer, nn.Conv1d | nn.Conv2d) and layer.bias is not None
            nn.init.zeros_(layer.bias)
            if isinstance(layer, nn.Conv1d):
                nn.init.dirac_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, L)."""
        h = self.stem(self._with_noise(x).unsqueeze(2).contiguous(memory_format=torch.channels_last))
        skips = []
        for depth, block in enumerate(self.down):
            h = block(self.downsample[depth - 1](h) if depth else h)
            skips.append(h)
        h = self.bottom(skips.pop())
        for depth in reversed(range(len(skips))):
            skip = skips[depth]
            h = self.up[depth](skip + self.upsample[depth](h)[..., : skip.shape[-1]])
        corrected: Tensor = self.smooth(x + self.head(h).squeeze(2))
        return corrected

    def _with_noise(self, x: Tensor) -> Tensor:
        if not self.noise:
            return x
        if self.training:
            noise = torch.randn(len(x), self.noise, x.shape[2], device=x.device, dtype=x.dtype)
        else:
            noise = noise_of(x, self.noise)
        return torch.cat([x, noise], 1)


def noise_of(x: Tensor, channels: int) -> Tensor:
    """White noise (B, channels, L) for series x (B, C, L), seeded by the content of each.

    So a series is mapped alike every time and in any batch, and two series get independent noise however alike
    they are.
    """
    rows = x.detach().float().cpu().contiguous().numpy()
    seeds = [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "little") for row in rows]
    drawn = [
        torch.randn(channels, x.shape[2], generator=torch.Generator().manual_seed(seed & (2**63 - 1)))
        for seed in seeds
    ]
    return torch.stack(drawn).to(x.device, x.dtype)
