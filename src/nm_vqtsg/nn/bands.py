"""The low- and high-frequency bands of a series, by a short-time Fourier transform of four samples.

Transform (paper, section 3.1; TimeVQVAE's settings): n_fft 4, hop 1, periodic Hann window (0, ½, 1, ½), centred
with reflection, divided by √4. A series of L samples has L + 1 frames of 3 bins. LF is bin 0; HF is bins 1 and 2.
Because the window's first weight is zero, each frame reads three samples and each sample is rebuilt from three
frames, so that both directions are convolutions with three fixed weights. The imaginary parts of bins 0 and 2
are always zero and are left out: LF has one coefficient per frame (re 0), HF three (re 1, im 1, re 2).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

# Rows: coefficients; columns: the samples t−1, t, t+1 around the centre of frame t.
_ANALYSIS = {
    "LF": [[0.25, 0.5, 0.25]],
    "HF": [[0.0, -0.5, 0.0], [-0.25, 0.0, 0.25], [-0.25, 0.5, -0.25]],
}
# Rows: coefficients; columns: the frames t−1, t, t+1 that overlap at sample t. The sum of the squared windows
# there is 3/2, and 5/4 at sample 0, which has one frame less.
_SYNTHESIS = {
    "LF": [[0.25, 0.5, 0.25]],
    "HF": [[0.0, -1.0, 0.0], [0.5, 0.0, -0.5], [-0.25, 0.5, -0.25]],
}
_OVERLAP, _OVERLAP_FIRST = 1.5, 1.25
BINS = {"LF": 1, "HF": 2}
SHORTEST = 4  # samples; the reflection needs a few


class Band(nn.Module):
    """One band: from series to its Fourier coefficients and back, both linear and fixed.

    Parameters
    ----------
    name : {"LF", "HF"}
        Which band.

    Attributes
    ----------
    rows : int
        Frequency bins of the band.
    coefficients : int
        Real coefficients per frame and channel.
    """

    analysis: Tensor
    synthesis: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        self.rows = BINS[name]
        self.coefficients = len(_ANALYSIS[name])
        analysis = torch.tensor(_ANALYSIS[name]).unsqueeze(1)
        synthesis = torch.tensor(_SYNTHESIS[name]).unsqueeze(0) / _OVERLAP
        self.register_buffer("analysis", analysis, persistent=False)
        self.register_buffer("synthesis", synthesis, persistent=False)

    def analyse(self, x: Tensor) -> Tensor:
        """Fourier coefficients of series.

        Parameters
        ----------
        x : Tensor
            (B, C, L) with L >= 4.

        Returns
        -------
        Tensor
            (B, C·coefficients, L + 1).
        """
        b, c, length = x.shape
        y = conv1d(pad(x, (1, 2), mode="reflect").reshape(b * c, 1, length + 3), self.analysis.to(x.dtype))
        return y.reshape(b, c * self.coefficients, length + 1)

    def synthesise(self, y: Tensor) -> Tensor:
        """Series of the coefficients `y` (B, C·coefficients, L + 1), with zeros in the other band: (B, C, L).

        `y` need not be the transform of any series.
        """
        b, folded, frames = y.shape
        c = folded // self.coefficients
        x = conv1d(y.reshape(b * c, self.coefficients, frames), self.synthesis.to(y.dtype), padding=1)
        x = x.reshape(b, c, frames)[..., :-1]
        return torch.cat((x[..., :1] * (_OVERLAP / _OVERLAP_FIRST), x[..., 1:]), -1)


def split_bands(x: Tensor) -> tuple[Tensor, Tensor]:
    """The parts of series in the two bands; (B, C, L) each, and their sum is `x`."""
    lf = Band("LF").to(x.device)
    x_l = lf.synthesise(lf.analyse(x))
    return x_l, x - x_l
