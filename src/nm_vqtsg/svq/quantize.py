"""Stochastic vector quantisation: random tokens instead of the nearest code (paper, Eq. 3.1b).

At every position the code k is drawn with

    P(k) ∝ exp(−‖z_n − z_k‖₂ / τ)

over the **live** codes, those that real data use. Dead codes must stay out: where they sit together near the
origin they are the nearest wrong codes of every latent and would take most of the mass.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from nm_vqtsg.errors import DataError, ParameterError

Distance = Literal["euclidean", "squared"]

# Below this temperature every law is the nearest code to float32 precision, and 0 / tau stays 0.
SMALLEST_TAU = 1e-30

POSITIONS = 1024  # drawn at once on a CPU: their distances to 1024 codes stay in its cache


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

    def gaps(self, latents: Tensor, out: Tensor | None = None) -> Tensor:
        """How much farther each live code is than the nearest one.

        Parameters
        ----------
        latents : Tensor
            (..., d) float32, in code space.
        out : Tensor, optional
            Memory for the result.

        Returns
        -------
        Tensor
            (..., K_live) float32 >= 0, zero at the nearest code.
        """
        ones = latents.new_ones(*latents.shape[:-1], 1)
        distances = torch.matmul(torch.cat([latents, ones], -1), self._factor, out=out)
        if self.distance == "euclidean":
            distances += latents.square().sum(-1, keepdim=True)
            distances.clamp_(min=0).sqrt_()
        return distances.sub_(distances.amin(-1, keepdim=True))

    def weights(self, gaps: Tensor, tau: float, out: Tensor | None = None) -> Tensor:
        """Unnormalised probabilities exp(−gap / tau), the nearest code's being 1.

        Parameters
        ----------
        gaps : Tensor
            (..., K_live), of `gaps`.
        tau : float
            Temperature in (0, inf].
        out : Tensor, optional
            Memory for the result; may be `gaps`.
        """
        # A power of two, since PyTorch's exp takes longer on a CPU.
        return torch.mul(gaps, -math.log2(math.e) / max(tau, SMALLEST_TAU), out=out).exp2_()

    def probabilities(self, latents: Tensor, tau: float) -> Tensor:
        """P of Eq. (3.1b) over the whole codebook: (..., d) -> (..., K), zero at dead codes."""
        gaps = self.gaps(latents)
        weights = self.weights(gaps, check_tau(tau), out=gaps)
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
        return self.draw_each(latents, (tau,), generator)[0]

    @torch.no_grad()
    def draw_each(self, latents: Tensor, taus: Sequence[float], generator: torch.Generator) -> Tensor:
        """Draw at several temperatures with the same random numbers: (..., d) -> tokens (len(taus), ...) int64.

        Those of one temperature are what `draw` gives for it alone; the distances are computed once for all. On a
        CPU a few positions at a time are drawn, in memory that is used again.
        """
        taus = [check_tau(tau) for tau in taus]
        uniforms = torch.rand(latents.shape[:-1], generator=generator, device=generator.device).to(latents.device)
        rows, levels = latents.reshape(-1, latents.shape[-1]), uniforms.reshape(-1)
        at_once = min(POSITIONS, len(rows)) if latents.device.type == "cpu" else len(rows)
        gaps, weights = (rows.new_empty(at_once, len(self._live), dtype=torch.float32) for _ in range(2))
        tokens: list[list[Tensor]] = [[] for _ in taus]
        with torch.autocast(latents.device.type, enabled=False):
            for some, level in zip(rows.float().split(at_once), levels.split(at_once), strict=True):
                self.gaps(some, out=gaps[: len(some)])
                for tau, found in zip(taus, tokens, strict=True):
                    found.append(
                        self.choose(self.weights(gaps[: len(some)], tau, out=weights[: len(some)]), level)
                    )
        return torch.stack([torch.cat(found) for found in tokens]).view(len(taus), *uniforms.shape)


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
