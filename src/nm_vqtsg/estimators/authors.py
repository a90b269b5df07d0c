"""TimeVQVAE as its authors published it, the package ``timevqvae``, as a generator that the mapper can work with.

The package is not imported here: its objects are made, trained or loaded by the user and handed over. Checked with
release 1.0.1 (https://pypi.org/project/timevqvae/1.0.1/).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg.datasets.arrays import as_series
from nm_vqtsg.errors import DataError, UserError
from nm_vqtsg.nn.batches import BATCH
from nm_vqtsg.nn.quantizer import Codebook, nearest_code
from nm_vqtsg.params.estimator import NotFitted
from nm_vqtsg.session import Session

BANDS = ("lf", "hf")
_NEEDED = ("vqvae", "iterative_decoding", "decode_token_ind_to_timeseries", "n_classes")


class AuthorsGenerator:
    """A `VQGenerator` around the package's `MaskGIT`, which holds its `VQVAE`.

    Codes that no position of TRAIN picks are marked as dead. In the package most are: they lie near the origin,
    where they would be the nearest wrong codes of every latent and dominate stochastic vector quantisation.

    Parameters
    ----------
    maskgit : timevqvae.maskgit.MaskGIT
        Trained, with a trained `VQVAE` inside. It is put into evaluation mode at every call.
    x : array-like
        (n, C, L) the series that both were trained on, in the units of that training (z-scored, as a rule); the
        mapper works in these units, too.

    Raises
    ------
    UserError
        If `maskgit` is something else, or (`NotFitted`) was not trained yet.
    DataError
        If `x` does not fit its networks.
    """

    def __init__(self, maskgit: Any, x: Any) -> None:
        absent = [name for name in _NEEDED if not hasattr(maskgit, name)]
        if absent:
            raise UserError(
                f"{type(maskgit).__name__} has no {absent[0]}; give a MaskGIT of the package timevqvae"
            )
        self.maskgit, self._vqvae = maskgit, maskgit.vqvae
        self._encoders = (self._vqvae.encoder_l, self._vqvae.encoder_h)
        self._quantizers = (self._vqvae.vq_model_l, self._vqvae.vq_model_h)
        if not all(bool(quantizer._codebook.initted) for quantizer in self._quantizers):
            raise NotFitted("the VQVAE of this MaskGIT was not trained yet; train it, or load its weights first")
        wanted = (int(self._vqvae.decoder_l.x_channels), int(self._vqvae.input_length))
        series = as_series(x, *wanted, name="x", fitted="the VQVAE")
        self.codebooks = self._find_codebooks(torch.from_numpy(series.astype(np.float32)))

    def _find_codebooks(self, series: Tensor) -> tuple[Codebook, ...]:
        """The codes, and which of them TRAIN picks; as everywhere, the choice is among all codes."""
        codes = [quantizer._codebook.embed.detach().clone() for quantizer in self._quantizers]
        picked = [torch.zeros(len(each), dtype=torch.bool, device=each.device) for each in codes]
        for rows in series.split(BATCH):
            for latents, each, live in zip(self.encode(rows), codes, picked, strict=True):
                live[nearest_code(latents, each).flatten()] = True
        return tuple(map(Codebook, codes, picked))

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        return next(self.maskgit.parameters()).device

    @torch.no_grad()
    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, C, L) -> of LF and HF (B, N, d), latents after the projection to the width of the codes."""
        self.maskgit.eval()
        x = x.to(self.device)
        latents = []
        for encoder, quantizer in zip(self._encoders, self._quantizers, strict=True):
            features = encoder(x).flatten(2).transpose(1, 2)  # (B, D, H, W) -> (B, N, D), row by row
            latents.append(quantizer.project_in(features))
        return tuple(latents)

    @torch.no_grad()
    def decode(self, tokens: Sequence[Tensor]) -> Tensor:
        """(B, N) int64 of LF and HF -> (B, C, L)."""
        self.maskgit.eval()
        decode: Callable[..., Tensor] = self.maskgit.decode_token_ind_to_timeseries
        low, high = (decode(ids.to(self.device), band) for ids, band in zip(tokens, BANDS, strict=True))
        return low + high

    def sample(
        self,
        n: int,
        y: Tensor | int | None = None,
        *,
        rng: torch.Generator,
        session: Session | None = None,
    ) -> Tensor:
        """Draw `n` series (n, C, L); of class(es) `y`, (n,) int64 or one for all, where given.

        The package draws from torch's global generator. It is seeded from `rng` for the time of the call.

        Raises
        ------
        DataError
            If `n` is not positive, or `y` has another length or an unknown class.
        """
        classes = self._classes(n, y)
        seed = int(torch.randint(2**62, (1,), generator=rng))
        self.maskgit.eval()
        parts = []
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(cuda), (session or Session()).track("sampling", n) as task:
            torch.manual_seed(seed)
            for rows in torch.arange(n).split(BATCH):
                wanted = max(2, len(rows))  # a batch of one loses its first axis in the package
                given = None if classes is None else classes[rows].expand(wanted)
                tokens = self.maskgit.iterative_decoding(wanted, class_condition=given, device=self.device)
                parts.append(self.decode(tokens)[: len(rows)])
                task.advance(len(rows))
        return torch.cat(parts)

    def _classes(self, n: int, y: Tensor | int | None) -> Tensor | None:
        if n < 1:
            raise DataError(f"{n} series cannot be drawn; ask for at least 1")
        if y is None:
            return None
        classes = torch.as_tensor(y).cpu().long()
        classes = classes.expand(n) if classes.ndim == 0 else classes
        if classes.shape != (n,):
            raise DataError(f"{len(classes)} labels were given for {n} series; give one label for each")
        if classes.min() < 0 or classes.max() >= self.maskgit.n_classes:
            raise DataError(f"a class is outside 0..{self.maskgit.n_classes - 1}, which the MaskGIT knows")
        return classes
