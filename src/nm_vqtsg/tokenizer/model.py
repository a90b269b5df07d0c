"""The tokeniser (Lee et al. 2023; paper, section 3.1): one or more bands, each with its own codebook."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from nm_vqtsg.errors import ArtifactError, DataError, shortened
from nm_vqtsg.nn.bands import SHORTEST
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.nn.instance import InstanceNorm
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.nn.saved import Channels, Header, filled, read, write
from nm_vqtsg.params import Stage1
from nm_vqtsg.session import Session
from nm_vqtsg.tokenizer.band import BandTokenizer
from nm_vqtsg.tokenizer.plan import BandPlan
from nm_vqtsg.tokenizer.train import train
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.seeds import derive_seed, seeded


class TokenizerHeader(Header):
    """Header of a saved tokeniser: what it is built from."""

    kind: Literal["tokenizer"] = "tokenizer"
    bands: tuple[str, ...]
    config: Stage1
    in_channels: Channels
    length: Annotated[int, Field(ge=SHORTEST, le=2**24)]


class Tokenizer(nn.Module):
    """Turns series into tokens of its bands, and tokens into series.

    Parameters
    ----------
    config : Stage1
        Sizes of networks and codebooks, and the budget.
    in_channels, length : int
        C and L of the series; any C >= 1 and L >= 4.
    plans : sequence of BandPlan
        The bands; see `nm_vqtsg.tokenizer.kinds`.

    Raises
    ------
    DataError
        If the series are too short.

    Notes
    -----
    Everything is per band, in the order of the plans: (LF, HF) for TimeVQVAE. All methods but `fit` work in
    evaluation mode, without gradients, on any number of series, in batches. Series are z-scored by TRAIN.

    Examples
    --------
    >>> import numpy as np
    >>> from nm_vqtsg.params import Stage1
    >>> from nm_vqtsg.tokenizer.kinds import timevqvae
    >>> X = np.random.default_rng(0).standard_normal((64, 1, 24)).astype("float32")
    >>> tokenizer = timevqvae.KIND.build(Stage1(steps=3, codebook_size=16), in_channels=1, length=24)
    >>> curve = tokenizer.fit(X, seed=0)
    >>> [tuple(t.shape) for t in tokenizer.tokens(torch.from_numpy(X))]
    [(64, 6), (64, 24)]
    """

    def __init__(self, config: Stage1, in_channels: int, length: int, plans: Sequence[BandPlan]) -> None:
        super().__init__()
        if length < SHORTEST:
            raise DataError(f"series of {length} samples are too short for the tokeniser; at least {SHORTEST}")
        self.config, self.in_channels, self.length = config, in_channels, length
        self.plans = tuple(plans)
        self.instance = InstanceNorm(in_channels) if config.instance_norm else None
        seeded(0, self._build)
        self.eval()

    def _build(self) -> None:
        """Networks with their first weights, in the place of those there are."""
        for plan in self.plans:
            self.add_module(plan.name, self.build_band(plan))

    def build_band(self, plan: BandPlan) -> BandTokenizer:
        """The networks of one band; a subclass with others overrides this."""
        return BandTokenizer(plan, self.config, self.in_channels, self.length)

    @property
    def bands(self) -> tuple[BandTokenizer, ...]:
        """The bands in their order."""
        return tuple(cast(BandTokenizer, self.get_submodule(plan.name)) for plan in self.plans)

    @property
    def grids(self) -> tuple[tuple[int, int], ...]:
        """(rows, positions in time) of the bands' tokens."""
        return tuple(band.grid for band in self.bands)

    @property
    def n_tokens(self) -> tuple[int, ...]:
        """Tokens of the bands."""
        return tuple(band.n_tokens for band in self.bands)

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """Codes (K, d) and live mask (K,) of the bands."""
        return tuple(band.quantizer.codebook for band in self.bands)

    def fit(self, X: Tensor | np.ndarray, seed: int = 0, session: Session | None = None) -> list[Row]:
        """Train from scratch on series `X` (n, C, L), z-scored; return the loss curve.

        Raises
        ------
        DataError
            If the shape of `X` is not that of the tokeniser.
        TrainingError
            If a loss is not finite.
        """
        session = session or Session()
        x = self._checked(X).to(session.device)
        seeded(derive_seed(seed, "weights"), self._build)
        self.to(session.device)
        if self.instance is not None:
            self.instance.learn(x)
        curve = train(self, self.bands, x, self.config, seed, session)
        self._mark_live(x)
        return curve

    def _mark_live(self, x: Tensor) -> None:
        """Mark the codes that positions of `x` pick under the present encoder, chosen among all codes."""
        for band in self.bands:
            band.quantizer.live.fill_(True)
        for band, tokens in zip(self.bands, self.tokens(x), strict=True):
            band.quantizer.set_live(torch.bincount(tokens.flatten(), minlength=len(band.quantizer.codes)))

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """Vectors before quantisation: (B, C, L) → (B, N, d) of each band."""
        return self._in_batches(lambda x: tuple(band.encode(x) for band in self.bands), (self._checked(x),))

    def tokens(self, x: Tensor) -> tuple[Tensor, ...]:
        """Nearest live codes: (B, C, L) → (B, N) int64 of each band."""

        def nearest(x: Tensor) -> tuple[Tensor, ...]:
            return tuple(band.quantizer.nearest(band.encode(x)) for band in self.bands)

        return self._in_batches(nearest, (self._checked(x),))

    def decode_bands(self, tokens: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Parts of the series in the bands: (B, N) int64 of each band → (B, C, L) of each band."""

        def decode(*tokens: Tensor) -> tuple[Tensor, ...]:
            return tuple(band.decode_tokens(of_band) for band, of_band in zip(self.bands, tokens, strict=True))

        return self._in_batches(decode, tokens)

    def decode(self, tokens: Sequence[Tensor]) -> Tensor:
        """Series of tokens: (B, N) int64 of each band → (B, C, L)."""
        return self.joined(self.decode_bands(tokens))

    def joined(self, bands: Sequence[Tensor]) -> Tensor:
        """Series of their parts, (B, C, L) in each band: the sum, with `Stage1.instance_norm` normalised."""
        x = reduce(torch.add, bands)
        return x if self.instance is None else self.instance(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Series after encoding, quantising and decoding: (B, C, L) → (B, C, L)."""
        return self.decode(self.tokens(x))

    def save(self, path: Path | str, facts: Mapping[str, Any] | None = None) -> None:
        """Write weights, codebooks and configuration; `facts` (JSON) go into the header, too."""
        header = TokenizerHeader(
            bands=tuple(plan.name for plan in self.plans),
            config=self.config,
            in_channels=self.in_channels,
            length=self.length,
            facts=dict(facts or {}),
        )
        write(path, header, self.state_dict())

    @classmethod
    def load(cls, path: Path | str, plans: Sequence[BandPlan], device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote, of a tokeniser with these bands.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or no tokeniser, or has other bands.
        """
        header, tensors = read(path, TokenizerHeader, "run stage1")
        needed = tuple(plan.name for plan in plans)
        if header.bands != needed:
            raise ArtifactError(
                f"{path}: holds a tokeniser of the bands {shortened(', '.join(header.bands))} where "
                f"{', '.join(needed)} are needed; run stage1 again"
            )
        tokenizer = filled(path, lambda: cls(header.config, header.in_channels, header.length, plans), tensors)
        if not all(bool(book.live.any()) for book in tokenizer.codebooks):
            raise ArtifactError(f"{path}: a codebook has no live code; run stage1 again")
        return tokenizer.to(device)

    def _checked(self, X: Tensor | np.ndarray) -> Tensor:
        x = torch.as_tensor(X, dtype=torch.float32)
        if x.ndim != 3 or not len(x) or x.shape[1:] != (self.in_channels, self.length):
            raise DataError(
                f"series of shape {tuple(x.shape)} do not fit a tokeniser of series "
                f"(n, {self.in_channels}, {self.length})"
            )
        return x

    @torch.no_grad()
    def _in_batches(
        self, function: Callable[..., tuple[Tensor, ...]], inputs: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """`function` of batches of the inputs' rows, joined; in evaluation mode."""
        was_training = self.training
        self.eval()
        parts = [function(*rows) for rows in in_batches(self.length, *inputs)]
        self.train(was_training)
        return tuple(torch.cat(outputs) for outputs in zip(*parts, strict=True))
