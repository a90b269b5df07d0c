"""The tokeniser (Lee et al. 2023; paper, section 3.1): one or more bands, each with its own codebook."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from nm_vqtsg.artifacts import load_model, load_state, save_model
from nm_vqtsg.errors import ArtifactError, DataError
from nm_vqtsg.nn.bands import SHORTEST
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.nn.quantizer import Codebook, Quantizer
from nm_vqtsg.params import Stage1
from nm_vqtsg.session import Session
from nm_vqtsg.tokenizer.network import Decoder, Encoder, Shape
from nm_vqtsg.tokenizer.plan import BandPlan
from nm_vqtsg.training import Budget

KIND = "tokenizer"


class BandTokenizer(nn.Module):
    """Encoder, quantiser and decoder of one band.

    Parameters
    ----------
    plan : BandPlan
        The band.
    config : Stage1
        Sizes of networks and codebook.
    in_channels, length : int
        C and L of the series.
    """

    def __init__(self, plan: BandPlan, config: Stage1, in_channels: int, length: int) -> None:
        super().__init__()
        self.plan, self.band = plan, plan.band
        self.shape = Shape.of(config, plan.band, in_channels, length, getattr(config, plan.width))
        self.encoder = Encoder(self.shape)
        self.quantizer = Quantizer(config.codebook_size, config.code_dim, config.ema_decay)
        self.decoder = Decoder(self.shape)

    @property
    def grid(self) -> tuple[int, int]:
        """Frequency rows and positions in time; a series has rows × positions tokens, row by row."""
        return self.shape.rows, self.shape.lengths[-1]

    def encode(self, x: Tensor) -> Tensor:
        """Vectors to be quantised: (B, C, L) → (B, N, d)."""
        z: Tensor = self.encoder(self.band.analyse(x))
        return z

    def decode(self, codes: Tensor) -> Tensor:
        """The band's part of the series: (B, N, d) → (B, C, L)."""
        return self.band.synthesise(self.decoder(codes))

    def decode_tokens(self, tokens: Tensor) -> Tensor:
        """The band's part of the series, in evaluation mode: (B, N) int64 → (B, C, L)."""
        return self.band.synthesise(self.decoder.of_tokens(tokens, self.quantizer.codes))


class Tokenizer(nn.Module):
    """Turns series into tokens of its bands, and tokens into series.

    Parameters
    ----------
    config : Stage1
        Sizes of networks and codebooks.
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
    >>> from nm_vqtsg.training import Budget
    >>> X = np.random.default_rng(0).standard_normal((64, 1, 24)).astype("float32")
    >>> tokenizer = timevqvae.KIND.build(Stage1(codebook_size=16), in_channels=1, length=24)
    >>> curve = tokenizer.fit(X, Budget(steps=3, batch_size=16, learning_rate=5e-3, learning_rate_min=5e-4))
    >>> [tuple(t.shape) for t in tokenizer.tokens(torch.from_numpy(X))]
    [(64, 6), (64, 24)]
    """

    def __init__(self, config: Stage1, in_channels: int, length: int, plans: Sequence[BandPlan]) -> None:
        super().__init__()
        if length < SHORTEST:
            raise DataError(f"series of {length} samples are too short for the tokeniser; at least {SHORTEST}")
        self.config, self.in_channels, self.length = config, in_channels, length
        self.plans = tuple(plans)
        for plan in self.plans:
            self.add_module(plan.name, BandTokenizer(plan, config, in_channels, length))
        self.eval()

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
        return tuple(rows * width for rows, width in self.grids)

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """Codes (K, d) and live mask (K,) of the bands."""
        return tuple(band.quantizer.codebook for band in self.bands)

    def fit(
        self, X: Tensor | np.ndarray, budget: Budget, seed: int = 0, session: Session | None = None
    ) -> list[dict[str, float]]:
        """Train from scratch on series `X` (n, C, L), z-scored; return the loss curve.

        Raises
        ------
        DataError
            If the shape of `X` is not that of the tokeniser.
        TrainingError
            If a loss is not finite.
        """
        from nm_vqtsg.tokenizer.train import fit_tokenizer

        return fit_tokenizer(self, self._checked(X), budget, seed, session or Session())

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """Vectors before quantisation: (B, C, L) → (B, N, d) of each band."""
        return self._in_batches(lambda x: tuple(band.encode(x) for band in self.bands), (x,))

    def tokens(self, x: Tensor) -> tuple[Tensor, ...]:
        """Nearest live codes: (B, C, L) → (B, N) int64 of each band."""

        def nearest(x: Tensor) -> tuple[Tensor, ...]:
            return tuple(band.quantizer.nearest(band.encode(x)) for band in self.bands)

        return self._in_batches(nearest, (x,))

    def decode_bands(self, tokens: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Parts of the series in the bands: (B, N) int64 of each band → (B, C, L) of each band."""

        def decode(*tokens: Tensor) -> tuple[Tensor, ...]:
            return tuple(band.decode_tokens(of_band) for band, of_band in zip(self.bands, tokens, strict=True))

        return self._in_batches(decode, tokens)

    def decode(self, tokens: Sequence[Tensor]) -> Tensor:
        """Series of tokens: (B, N) int64 of each band → (B, C, L)."""
        return reduce(torch.add, self.decode_bands(tokens))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Series after encoding, quantising and decoding: (B, C, L) → (B, C, L)."""
        return self.decode(self.tokens(x))

    def save(self, path: Path | str, facts: Mapping[str, Any] | None = None) -> None:
        """Write weights, codebooks and configuration; `facts` (JSON) go into the header, too."""
        config = {
            "kind": KIND,
            "bands": [plan.name for plan in self.plans],
            "config": self.config.model_dump(mode="json"),
            "in_channels": self.in_channels,
            "length": self.length,
            **(facts or {}),
        }
        save_model(path, self.state_dict(), config)

    @classmethod
    def load(cls, path: Path | str, plans: Sequence[BandPlan], device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote, of a tokeniser with these bands.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or no tokeniser, or has other bands.
        """
        tensors, header = load_model(path)
        if header.get("kind") != KIND:
            raise ArtifactError(f"{path}: holds no tokeniser; run stage1")
        found, wanted = header["bands"], [plan.name for plan in plans]
        if found != wanted:
            raise ArtifactError(
                f"{path}: holds a tokeniser of the bands {', '.join(found)} where {', '.join(wanted)} are needed; "
                "run stage1 again"
            )
        config = Stage1.model_validate(header["config"], strict=False)
        tokenizer = cls(config, header["in_channels"], header["length"], plans)
        load_state(tokenizer, tensors, path)
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
