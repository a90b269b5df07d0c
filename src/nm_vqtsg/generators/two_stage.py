"""A generator made of a tokeniser and a prior over its tokens."""

import logging
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

log = logging.getLogger(__name__)


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
    class_counts : sequence of int
        Series of each class in TRAIN, for `Sample.unconditional` "mixture"; empty where they are not known.

    Raises
    ------
    ArtifactError
        If tokeniser and prior do not belong together, or the classes are not the prior's.
    """

    tokenizer: Tokenizer
    prior: Prior
    sampling: Sample = field(default_factory=Sample)
    class_counts: Sequence[int] = ()

    def __post_init__(self) -> None:
        if len(self.class_counts) not in (0, self.prior.n_classes):
            raise ArtifactError(
                f"{len(self.class_counts)} classes were counted, where the prior knows {self.prior.n_classes}; "
                "run stage 2 again"
            )
        if not self.prior.is_of(self.tokenizer.grids, self.tokenizer.codebooks):
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

    def draw_classes(self, n: int, rng: torch.Generator) -> Tensor | None:
        """The classes that `n` series without a given class are to have: (n,) int64 on the CPU.

        None where they are to have none: with `Sample.unconditional` "null_class", and without labels. With
        "mixture" each is drawn by the frequencies of the classes in TRAIN, so that p(x) = Σ p(y) p(x | y) whatever
        the prior has learnt of series without a class.
        """
        if self.sampling.unconditional == "null_class":
            return None
        if not sum(self.class_counts):
            reason = "TRAIN's class frequencies are not known" if self.prior.n_classes else "there are no classes"
            log.warning("sample.unconditional: mixture is not possible, since %s; null_class is used", reason)
            return None
        weights = torch.tensor(self.class_counts, dtype=torch.float64, device=rng.device)
        return torch.multinomial(weights, n, replacement=True, generator=rng).cpu()

    def sample_tokens(
        self,
        n: int,
        y: Tensor | int | None = None,
        *,
        rng: torch.Generator,
        session: Session | None = None,
    ) -> tuple[Tensor, ...]:
        """Draw the tokens of `n` series: per band (n, N) int64; without `y`, of `draw_classes`."""
        y = self.draw_classes(n, rng) if y is None else y
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

    def redraw(
        self, x: Tensor, y: Tensor | None = None, *, rng: torch.Generator, session: Session | None = None
    ) -> Tensor:
        """Series (B, C, L) with a part of their tokens drawn anew by the prior: real ones with its errors.

        `y` (B,) int64 are their classes, and the share of the tokens is `Sample.redraw_fraction`. The nearest live
        codes stand for what is not drawn.
        """
        tokens = self.tokenizer.tokens(x.to(self.prior.device))
        return self.decode(self.prior.redraw(tokens, y, rng=rng, config=self.sampling, session=session))
