"""The bands that a series is split into: low and high frequencies, or the series itself as the only one.

Low and high frequencies come from a short-time Fourier transform of four samples (paper, section 3.1; TimeVQVAE's
settings): n_fft 4, hop 1, periodic Hann window (0, ½, 1, ½), centred with reflection, divided by √4. A series of
L samples has L + 1 frames of 3 bins. LF is bin 0; HF is bins 1 and 2. Because the window's first weight is zero,
each frame reads three samples and each sample is rebuilt from three frames; both directions are written out below,
with the window, the root and the overlap multiplied in. The imaginary parts of bins 0 and 2 are always zero and
are left out.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

SHORTEST = 4  # samples; the reflection needs a few
# Squared windows that overlap at a sample sum to 3/2, but to 5/4 at the first sample, which has a frame less.
FIRST_SAMPLE_GAIN = 1.5 / 1.25


class Band(ABC):
    """One band: from series to coefficients and back, both fixed and without weights.

    Attributes
    ----------
    rows : int
        Frequency rows, each with tokens of its own.
    coefficients : int
        Real coefficients of each frame and channel, r.
    """

    rows: int = 1
    coefficients: int = 1

    def frames(self, length: int) -> int:
        """Frames F of a series of `length` samples."""
        return length

    @abstractmethod
    def analyse(self, x: Tensor) -> Tensor:
        """Coefficients (B, C·r, F) of series (B, C, L), L >= 4."""

    @abstractmethod
    def synthesise(self, y: Tensor) -> Tensor:
        """The band's part (B, C, L) of the series with coefficients (B, C·r, F)."""


class WholeBand(Band):
    """The series itself, sample by sample, as the only band."""

    def analyse(self, x: Tensor) -> Tensor:
        """The series, (B, C, L)."""
        return x

    def synthesise(self, y: Tensor) -> Tensor:
        """The series, (B, C, L)."""
        return y


class FourierBand(Band):
    """Some bins of the Fourier transform; F = L + 1."""

    def frames(self, length: int) -> int:
        """One more than samples, since frames are centred and both ends have one."""
        return length + 1

    def analyse(self, x: Tensor) -> Tensor:
        """Fourier coefficients (B, C·r, L + 1) of series (B, C, L), L >= 4."""
        x = pad(x, (1, 2), mode="reflect")
        return torch.stack(self._frames(x[..., :-2], x[..., 1:-1], x[..., 2:]), 2).flatten(1, 2)

    def synthesise(self, y: Tensor) -> Tensor:
        """Series (B, C, L) of coefficients (B, C·r, L + 1), with zeros in the other band.

        `y` need not be the transform of any series.
        """
        y = pad(y.unflatten(1, (-1, self.coefficients)), (1, 0))
        x = self._samples(y[..., :-2], y[..., 1:-1], y[..., 2:])
        return torch.cat((x[..., :1] * FIRST_SAMPLE_GAIN, x[..., 1:]), -1)

    @abstractmethod
    def _frames(self, before: Tensor, here: Tensor, after: Tensor) -> list[Tensor]:
        """Coefficients of frames from the samples around their centres, (B, C, L + 1) each."""

    @abstractmethod
    def _samples(self, before: Tensor, here: Tensor, after: Tensor) -> Tensor:
        """Samples (B, C, L) from the frames around them, (B, C, r, L) each."""


class LowBand(FourierBand):
    """LF: bin 0, one coefficient (real)."""

    rows, coefficients = 1, 1

    def _frames(self, before: Tensor, here: Tensor, after: Tensor) -> list[Tensor]:
        return [(before + after) / 4 + here / 2]

    def _samples(self, before: Tensor, here: Tensor, after: Tensor) -> Tensor:
        return ((before + after) / 6 + here / 3).squeeze(2)


class HighBand(FourierBand):
    """HF: bins 1 and 2, three coefficients (real 1, imaginary 1, real 2)."""

    rows, coefficients = 2, 3

    def _frames(self, before: Tensor, here: Tensor, after: Tensor) -> list[Tensor]:
        return [here / -2, (after - before) / 4, here / 2 - (before + after) / 4]

    def _samples(self, before: Tensor, here: Tensor, after: Tensor) -> Tensor:
        centre = (here[:, :, 2] - 2 * here[:, :, 0]) / 3
        sides = 2 * (before[:, :, 1] - after[:, :, 1]) - before[:, :, 2] - after[:, :, 2]
        return centre + sides / 6


def split_bands(x: Tensor, bands: Sequence[Band] = (LowBand(), HighBand())) -> tuple[Tensor, ...]:
    """The parts of series in the bands, (B, C, L) each; the last is what the others leave, so their sum is `x`."""
    parts: list[Tensor] = []
    rest = x
    for band in bands[:-1]:
        parts.append(band.synthesise(band.analyse(x)))
        rest = rest - parts[-1]
    return *parts, rest
