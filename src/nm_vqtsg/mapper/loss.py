"""What the mapper minimises: L1 (paper, Algorithm 1) and, where it is asked for, distances of spectra."""

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from nm_vqtsg.errors import ParameterError
from nm_vqtsg.params import Stage3

WINDOWS = (8, 16, 32, 64)  # samples
LOG_SHARE = 0.1  # of the distance of logarithms
SMALLEST = 1e-7  # squared magnitude, below which logarithms and their slopes would run away; as published


class SpectralLoss(nn.Module):
    """Distance of the magnitudes of short-time Fourier transforms, at several resolutions at once.

    L1 between series rewards a blur where the exact course cannot be foretold; magnitudes say how much of each
    frequency there is and leave open when. For each window of `WINDOWS` that the series are long enough for: the
    mean of ||X| − |Y|| and a tenth of that of |log|X| − log|Y||; then the mean over windows.

    Source: the multi-resolution STFT loss of Yamamoto et al. 2020, "Parallel WaveGAN". Ours differs in that L1 of
    magnitudes stands in place of their spectral convergence, a ratio of norms, and in that logarithms count a
    tenth. Hann windows a quarter apart, centred with reflection; magnitudes are divided by the root of the
    window's energy, so that those of white noise are about its standard deviation under every window, and the loss
    is in the units of L1.

    Parameters
    ----------
    length : int
        L of the series.
    option : str
        The parameter that asks for it, for the message.

    Raises
    ------
    ParameterError
        If the series are shorter than the shortest window.
    """

    def __init__(self, length: int, option: str = "stft_weight") -> None:
        super().__init__()
        self.windows = tuple(window for window in WINDOWS if window <= length)
        if not self.windows:
            raise ParameterError(
                f"stage3.{option}: series of {length} samples are shorter than the shortest window, "
                f"{WINDOWS[0]}; set it to 0"
            )
        for window in self.windows:
            shape = torch.hann_window(window, dtype=torch.float64)
            self.register_buffer(f"hann{window}", (shape / shape.square().sum().sqrt()).float())

    def magnitudes(self, x: Tensor) -> list[Tensor]:
        """Of series (B, C, L), for each window (B·C, bins, frames)."""
        return [self._magnitude(x.flatten(0, 1), window) for window in self.windows]

    def _magnitude(self, x: Tensor, window: int) -> Tensor:
        shape = self.get_buffer(f"hann{window}").to(x.dtype)
        bins = torch.stft(x, window, window // 4, window=shape, pad_mode="reflect", return_complex=True)
        return torch.view_as_real(bins).square().sum(-1).clamp(min=SMALLEST).sqrt()

    def forward(self, mapped: Tensor, x: Tensor) -> Tensor:
        """A scalar >= 0 of series (B, C, L); gradients reach `mapped` alone."""
        with torch.no_grad():
            wanted = self.magnitudes(x)
        distances = [
            l1_loss(own, other) + LOG_SHARE * l1_loss(own.log(), other.log())
            for own, other in zip(self.magnitudes(mapped.to(x.dtype)), wanted, strict=True)
        ]
        return torch.stack(distances).mean()


class MapperLoss:
    """L1, plus `stft_weight` times `SpectralLoss`.

    Parameters
    ----------
    config : Stage3
        The weight.
    length : int
        L of the series.
    device : torch.device
        Where they live.
    """

    def __init__(self, config: Stage3, length: int, device: torch.device) -> None:
        self.weight = config.stft_weight
        self.spectral = SpectralLoss(length).to(device) if self.weight else None

    def __call__(self, mapped: Tensor, x: Tensor) -> dict[str, Tensor]:
        """``loss`` of series (B, C, L) and, where it has several parts, these: ``l1`` and ``stft``."""
        l1 = l1_loss(mapped, x)
        if self.spectral is None:
            return {"loss": l1}
        stft = self.spectral(mapped, x)
        return {"loss": l1 + self.weight * stft, "l1": l1, "stft": stft}
