"""Stochastic variants x̃' of real series (paper, Eq. 3.1a)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from nm_vqtsg.errors import DataError
from nm_vqtsg.nn.batches import BATCH
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.params import Svq
from nm_vqtsg.svq.quantize import StochasticQuantizer, check_tau


class Codec(Protocol):
    """The part of a `VQGenerator` that variants need: everything but sampling."""

    @property
    def codebooks(self) -> tuple[Codebook, ...]: ...
    def encode(self, x: Tensor) -> tuple[Tensor, ...]: ...
    def decode(self, tokens: Sequence[Tensor]) -> Tensor: ...


class StochasticVariants:
    """Draws x̃' = D(Q'(E(x), τ)) for fixed series x.

    The encoder is frozen, so its latents are computed once: a variant costs a draw and the decoder.

    Parameters
    ----------
    generator : Codec
        A `VQGenerator`, or its tokeniser alone.
    x : Tensor
        (n, C, L) float32, z-scored.
    svq : Svq, optional
        Distance and unit of the temperatures; the paper's by default. With the unit ``spacing`` the temperature of
        a band is τ times the spacing of its codes at the latents of `x` (`StochasticQuantizer.spacing`), so that
        the same τ changes about as many tokens in either band and in any data set.

    Raises
    ------
    DataError
        If the generator makes series of another shape.
    """

    def __init__(self, generator: Codec, x: Tensor, svq: Svq | None = None) -> None:
        svq = svq or Svq()
        self.x = x
        self._decode = generator.decode
        self._quantizers = [StochasticQuantizer(*codebook, svq.distance) for codebook in generator.codebooks]
        with torch.no_grad():
            batches = [generator.encode(rows) for rows in x.split(BATCH)]
        self.latents = tuple(torch.cat(band) for band in zip(*batches, strict=True))  # per band (n, N, d)
        self._units = [1.0] * len(self.latents)
        if svq.unit == "spacing":
            bands = zip(self._quantizers, self.latents, strict=True)
            self._units = [quantizer.spacing(latents) for quantizer, latents in bands]
        variant = self.draw(slice(0, 1), 1.0, torch.Generator().manual_seed(0))
        for axis, what in ((1, "channels"), (2, "length")):
            if variant.shape[axis] != x.shape[axis]:
                raise DataError(
                    f"X has {what} {x.shape[axis]} where the generator makes {what} {variant.shape[axis]}"
                )

    def __len__(self) -> int:
        return len(self.x)

    def draw(self, rows: Tensor | slice, tau: float, rng: torch.Generator) -> Tensor:
        """One fresh variant of each of the `rows`: (B, C, L). `rng` lives on the CPU or on the device."""
        return self._decoded(self.tokens(rows, tau, rng))

    def tokens(self, rows: Tensor | slice, tau: float, rng: torch.Generator) -> tuple[Tensor, ...]:
        """The tokens of what `draw` gives: per band (B, N) int64, positions in the codebook."""
        return tuple(drawn[0] for drawn in self._tokens(rows, (tau,), rng))

    def _tokens(self, rows: Tensor | slice, taus: Sequence[float], rng: torch.Generator) -> list[Tensor]:
        """Of each band (len(taus), B, N) int64."""
        return [
            quantizer.draw_each(latents[rows], [check_tau(tau) * unit for tau in taus], rng)
            for quantizer, latents, unit in zip(self._quantizers, self.latents, self._units, strict=True)
        ]

    def batches(self, tau: float, rng: torch.Generator) -> Iterator[Tensor]:
        """One fresh variant of every series, in order and in batches (B, C, L)."""
        for rows in self._slices():
            yield self.draw(rows, tau, rng)

    def batches_at(self, taus: Sequence[float], rng: torch.Generator) -> Iterator[Iterator[Tensor]]:
        """For each temperature what `batches` yields for it with such an `rng`; distances are computed once."""
        drawn = [self._tokens(rows, taus, rng) for rows in self._slices()]
        for number in range(len(taus)):
            yield (self._decoded([band[number] for band in bands]) for bands in drawn)

    def _slices(self) -> list[slice]:
        return [slice(start, start + BATCH) for start in range(0, len(self), BATCH)]

    @torch.no_grad()
    def _decoded(self, tokens: Sequence[Tensor]) -> Tensor:
        return self._decode(tokens).float()


def token_draws(
    generator: Codec, x: Tensor, tau: float
) -> Callable[[Tensor, torch.Generator], tuple[Tensor, ...]] | None:
    """Draws of the tokens of fixed series at one temperature, for a prior to learn from; None at `tau` 0.

    A prior that has learnt the tokens of variants x̃'(τ) samples what a mapper trained at that τ takes in.

    Parameters
    ----------
    generator, x
        As for `StochasticVariants`.
    tau : float
        Temperature >= 0, in absolute units; 0 stands for the nearest codes, which need no draw.
    """
    if not tau:
        return None
    variants = StochasticVariants(generator, x)
    return lambda rows, rng: variants.tokens(rows, tau, rng)
