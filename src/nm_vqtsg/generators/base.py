"""What a generator must offer so that the mapper and the evaluation can work with it."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.session import Session


class VQGenerator(Protocol):
    """A trained generator of series that works through tokens of one or more vector-quantised bands.

    Series are float32 (B, C, L), z-scored by the statistics of TRAIN. Nothing here needs a gradient, and all
    networks are in eval mode.
    """

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """Codes and live codes of each band; for TimeVQVAE (LF, HF)."""
        ...

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, C, L) -> per band (B, N, d): latents in the space of the codes, before quantisation."""
        ...

    def decode(self, tokens: Sequence[Tensor]) -> Tensor:
        """Per band (B, N) int64 ids in the codebook -> (B, C, L)."""
        ...

    def sample(
        self,
        n: int,
        y: Tensor | int | None = None,
        *,
        rng: torch.Generator,
        session: Session | None = None,
    ) -> Tensor:
        """Draw `n` series, (n, C, L), of class(es) `y` or unconditionally; chance comes from `rng`."""
        ...
