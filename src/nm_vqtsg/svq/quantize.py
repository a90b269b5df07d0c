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
from nm_vqtsg.nn.inverse_cdf import invert_cdf

Distance = Literal["euclidean", "squared"]

# Below this temperature every draw is the nearest code to float32 precision, and 0 / tau stays 0.
SMALLEST_TAU = 1e-30

POSITIONS = 1024  # drawn at once on a CPU: their distances to 1024 codes stay in its cache
SPACING_POSITIONS = 8192  # looked at for the spacing of the codes, at most


def check_tau(tau: float) -> float:
    """Return `tau` as a float.

    Raises
    ------
    ParameterError
        If it is not a positive number; infinity (equal probabilities) is one.
    """
    if isinstance(tau, str) or not tau > 0:
        raise ParameterError(f"tau: {tau!r} is no temperature; it must be a positive number")
    return float(tau)


class StochasticQuantizer:
    """The distribution (3.1b) over one codebook.

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

    @torch.no_grad()
    def spacing(self, latents: Tensor) -> float:
        """How much farther the second nearest live code is than the nearest: the median over positions.

        Of many positions some thousands are looked at, evenly spread. 1 where there is a single live code; where
        codes coincide never 0, which would be no temperature.

        Parameters
        ----------
        latents : Tensor
            (..., d) float32, in code space.
        """
        if len(self._live) < 2:
            return 1.0
        rows = latents.reshape(-1, latents.shape[-1]).float()
        chosen = rows[:: -(-len(rows) // SPACING_POSITIONS)]
        with torch.autocast(latents.device.type, enabled=False):
            second = [self.gaps(some).kthvalue(2, dim=-1).values for some in chosen.split(POSITIONS)]
        return max(float(torch.cat(second).median()), SMALLEST_TAU)

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

    def draw(self, latents: Tensor, tau: float, rng: torch.Generator) -> Tensor:
        """Draw z'_q ~ Q'(z, tau) independently at every position: (..., d) -> tokens (...) int64.

        With an `rng` on the CPU the draw is the same on every device; one on the device of `latents` saves
        the transfer.
        """
        return self.draw_each(latents, (tau,), rng)[0]

    @torch.no_grad()
    def draw_each(self, latents: Tensor, taus: Sequence[float], rng: torch.Generator) -> Tensor:
        """Draw at several temperatures with the same random numbers: (..., d) -> tokens (len(taus), ...) int64.

        Those of one temperature are what `draw` gives for it alone; the distances are computed once for all. On a
        CPU a few positions at a time are drawn, in memory that is used again.
        """
        taus = [check_tau(tau) for tau in taus]
        uniforms = torch.rand(latents.shape[:-1], generator=rng, device=rng.device).to(latents.device)
        rows, levels = latents.reshape(-1, latents.shape[-1]), uniforms.reshape(-1)
        at_once = min(POSITIONS, len(rows)) if latents.device.type == "cpu" else len(rows)
        gaps, weights = (rows.new_empty(at_once, len(self._live), dtype=torch.float32) for _ in range(2))
        tokens: list[list[Tensor]] = [[] for _ in taus]
        with torch.autocast(latents.device.type, enabled=False):
            for some, level in zip(rows.float().split(at_once), levels.split(at_once), strict=True):
                self.gaps(some, out=gaps[: len(some)])
                for tau, drawn in zip(taus, tokens, strict=True):
                    drawn.append(
                        self.choose(self.weights(gaps[: len(some)], tau, out=weights[: len(some)]), level)
                    )
        return torch.stack([torch.cat(drawn) for drawn in tokens]).view(len(taus), *uniforms.shape)
