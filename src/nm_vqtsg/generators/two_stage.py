"""A generator made of a tokeniser and a prior over its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.params import Sample
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.session import Session
from nm_vqtsg.tokenizer.model import Tokenizer


@dataclass(frozen=True)
class TwoStageGenerator:
    """Draws tokens from a prior and decodes them with a tokeniser (a `VQGenerator`).

    Attributes
    ----------
    tokenizer : Tokenizer
        Stage 1.
    prior : Prior
        Stage 2, trained on the tokens of that tokeniser.
    sampling : Sample
        How tokens are drawn.

    Raises
    ------
    ArtifactError
        If tokeniser and prior do not belong together.
    """

    tokenizer: Tokenizer
    prior: Prior
    sampling: Sample = field(default_factory=Sample)

    def __post_init__(self) -> None:
        live = tuple(codebook.live.cpu() for codebook in self.tokenizer.codebooks)
        same_grids = tuple(map(tuple, self.tokenizer.grids)) == self.prior.grids
        if not same_grids or not all(map(torch.equal, live, self.prior.live)):
            raise ArtifactError("the prior was trained on another tokeniser's codes; run stage 2 again")

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """Codes and live codes of each band."""
        return self.tokenizer.codebooks

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, C, L) -> per band (B, N, d) latents in the space of the codes."""
        return self.tokenizer.encode(x)

    def decode(self, tokens: Sequence[Tensor]) -> Tensor:
        """Per band (B, N) ids in the codebook -> (B, C, L)."""
        return self.tokenizer.decode(tokens)

    def sample_tokens(
        self,
        n: int,
        y: Tensor | int | None = None,
        *,
        rng: torch.Generator,
        session: Session | None = None,
    ) -> tuple[Tensor, ...]:
        """Draw the tokens of `n` series: per band (n, N) int64."""
        return self.prior.sample(n, y, rng=rng, config=self.sampling, session=session)

    def sample(
        self,
        n: int,
        y: Tensor | int | None = None,
        *,
        rng: torch.Generator,
        session: Session | None = None,
    ) -> Tensor:
        """Draw `n` series (n, C, L); of class(es) `y`, (n,) int64 or one for all, where given."""
        return self.decode(self.sample_tokens(n, y, rng=rng, session=session))
