"""Stochastic vector quantisation: random tokens instead of the nearest code (paper, Eq. 3.1b).

At every position the code k is drawn with

    P(k) ∝ exp(−‖z_n − z_k‖₂ / τ)

over the **live** codes, those that real data use. Dead codes must stay out: where they sit together near the
origin they are the nearest wrong codes of every latent and would take most of the mass.
"""

from typing import Literal

import torch
from torch import Tensor

from nm_vqtsg.errors import DataError, ParameterError

Distance = Literal["euclidean", "squared"]

# Below this temperature every law is the nearest code to float32 precision, and 0 / tau stays 0.
SMALLEST_TAU = 1e-30


def check_tau(tau: float) -> float:
    """Return `tau` as a float.

    Raises
    ------
    ParameterError
        If it is not a positive number; infinity (the uniform law) is one.
    """
    if isinstance(tau, str) or not tau > 0:
        raise ParameterError(f"tau: {tau!r} is no temperature; it must be a positive number")
    return float(tau)


class StochasticQuantizer:
    """The law (3.1b) of one codebook.

    Parameters
    ----------
    codes : Tensor
        (K, d) float32, the codebook.
    live : Tensor
        (K,) bool, the codes that may be drawn.
    distance : {"euclidean", "squared"}
        The norm of Eq. (3.1b), or its square as in the published code. Their temperatures do not mean the same.

    Raises
    ------
    DataError
        If no code is live.
    """

    def __init__(self, codes: Tensor, live: Tensor, distance: Distance = "euclidean") -> None:
        if not bool(live.any()):
            raise DataError("the codebook has no live code; train the tokeniser on data that it can encode")
        self.n_codes = len(codes)
        self.distance = distance
        self._live = live.nonzero().squeeze(1)  # (K_live,) positions in the codebook
        kept = codes[self._live].float()
        # ‖z − c‖² = [z, 1]·[−2c, ‖c‖²] + ‖z‖²: one product with the transposed codes gives all distances.
        self._factor = torch.cat([-2 * kept, kept.square().sum(1, keepdim=True)], 1).T.contiguous()

    def gaps(self, latents: Tensor) -> Tensor:
        """How much farther each live code is than the nearest one.

        Parameters
        ----------
        latents : Tensor
            (..., d) float32, in code space.

        Returns
        -------
        Tensor
            (..., K_live) float32 >= 0, zero at the nearest code.
        """
        ones = latents.new_ones(*latents.shape[:-1], 1)
        distances = torch.cat([latents, ones], -1) @ self._factor
        if self.distance == "euclidean":
            distances += latents.square().sum(-1, keepdim=True)
            distances.clamp_(min=0).sqrt_()
        return distances.sub_(distances.amin(-1, keepdim=True))

    def weights(self, gaps: Tensor, tau: float, *, overwrite: bool = False) -> Tensor:
        """Unnormalised probabilities exp(−gap / tau), the nearest code's being 1.

        Parameters
        ----------
        gaps : Tensor
            (..., K_live), of `gaps`.
        tau : float
            Temperature in (0, inf].
        overwrite : bool
            Use the memory of `gaps` for the result.
        """
        scaled = gaps.div_(-max(tau, SMALLEST_TAU)) if overwrite else gaps / -max(tau, SMALLEST_TAU)
        return scaled.exp_()

    def probabilities(self, latents: Tensor, tau: float) -> Tensor:
        """P of Eq. (3.1b) over the whole codebook: (..., d) -> (..., K), zero at dead codes."""
        weights = self.weights(self.gaps(latents), check_tau(tau), overwrite=True)
        weights /= weights.sum(-1, keepdim=True)
        whole = weights.new_zeros(*weights.shape[:-1], self.n_codes)
        return whole.index_copy_(-1, self._live, weights)

    def choose(self, weights: Tensor, uniforms: Tensor) -> Tensor:
        """Tokens by the inverse of the cumulated `weights` at `uniforms`.

        Parameters
        ----------
        weights : Tensor
            (..., K_live), of `weights`.
        uniforms : Tensor
            (...) float32 in [0, 1).

        Returns
        -------
        Tensor
            (...) int64, positions in the whole codebook.
        """
        return self._live[invert_cdf(weights, uniforms)]

    def draw(self, latents: Tensor, tau: float, generator: torch.Generator) -> Tensor:
        """Draw z'_q ~ Q'(z, tau) independently at every position: (..., d) -> tokens (...) int64.

        With a `generator` on the CPU the draw is the same on every device; one on the device of `latents` saves
        the transfer.
        """
        uniforms = torch.rand(latents.shape[:-1], generator=generator, device=generator.device).to(latents.device)
        with torch.autocast(latents.device.type, enabled=False):
            return self.choose(self.weights(self.gaps(latents), check_tau(tau), overwrite=True), uniforms)


def invert_cdf(weights: Tensor, uniforms: Tensor) -> Tensor:
    """Index of the category in which a uniform number falls; exact, and never one of weight zero.

    The weights are cumulated over blocks of about √K categories, then inside the one block that matters: this
    reads them once, where a sum over all categories would also write them and `Categorical` is slower still.

    Parameters
    ----------
    weights : Tensor
        (..., K) float32 >= 0, each row with a positive sum.
    uniforms : Tensor
        (...) float32 in [0, 1), multiples of 2⁻²⁴ as `torch.rand` gives them.

    Returns
    -------
    Tensor
        (...) int64 in [0, K).
    """
    shape, k = uniforms.shape, weights.shape[-1]
    width = max(1, round(k**0.5))
    flat = weights.reshape(-1, k)
    padded = torch.nn.functional.pad(flat, (0, -k % width)) if k % width else flat
    blocks = padded.view(len(flat), -1, width)  # (M, K / width, width)

    block, rest = _first_above(blocks.sum(-1), uniforms.reshape(-1))
    inside = blocks[torch.arange(len(blocks), device=blocks.device), block]  # (M, width)
    category, _ = _first_above(inside, rest)
    return (block * width + category).view(shape)


def _first_above(weights: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    """First category whose cumulated weight exceeds uniform × total, and where in it, as a new uniform.

    A float32 in [0, 1) times a total rounds to less than the total, so some category always exceeds it, and the
    first that does has a positive weight.
    """
    cumulated = weights.cumsum(-1)  # (M, k)
    level = uniforms.unsqueeze(1) * cumulated[:, -1:]
    index = torch.searchsorted(cumulated, level, right=True)  # (M, 1)
    weight = weights.gather(1, index)
    below = cumulated.gather(1, index) - weight
    within = ((level - below) / weight).clamp_(0, 1 - 2**-24)
    return index.squeeze(1), within.squeeze(1)
