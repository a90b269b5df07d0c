"""The prior's tokens: the live codes of each band, numbered anew without the dead ones."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from nm_vqtsg.errors import ArtifactError, DataError
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.prior.network import Grid


class Vocabulary:
    """Ids of live codes, and where they stand in the codebooks.

    A code that no training position uses is not in it, so it is never sampled and no probability is lost on it.

    Parameters
    ----------
    grids : sequence of (int, int)
        (frequency rows, columns in time) of each band's tokens, flattened row by row.
    codebooks : sequence of Codebook
        One per band.

    Raises
    ------
    ArtifactError
        If there is no band, or one without a live code.
    """

    def __init__(self, grids: Sequence[Grid], codebooks: Sequence[Codebook]) -> None:
        if not grids or len(grids) != len(codebooks) or not all(bool(book.live.any()) for book in codebooks):
            raise ArtifactError("the prior needs at least one band, and a live code in each; train stage 1 again")
        self.grids: tuple[Grid, ...] = tuple((int(rows), int(columns)) for rows, columns in grids)
        self.live = tuple(book.live.detach().cpu().bool() for book in codebooks)
        self._vectors = tuple(book.codes.detach().cpu() for book in codebooks)
        self._codes = tuple(mask.nonzero().squeeze(1) for mask in self.live)  # ids here -> ids in the codebook

    @property
    def n_tokens(self) -> tuple[int, ...]:
        """N of each band."""
        return tuple(rows * columns for rows, columns in self.grids)

    @property
    def sizes(self) -> tuple[int, ...]:
        """V, the live codes of each band."""
        return tuple(len(codes) for codes in self._codes)

    def vectors(self) -> list[Tensor]:
        """(V, d) vectors of the live codes of each band, on the CPU."""
        return [vectors[live] for vectors, live in zip(self._vectors, self.live, strict=True)]

    def ids(self, tokens: Sequence[Tensor], *, part: bool = False) -> tuple[Tensor, ...]:
        """Ids in the vocabulary, for ids in the codebooks: per band (B, N) int64, on the CPU.

        With `part`, `tokens` may be those of the first bands alone.

        Raises
        ------
        DataError
            If shapes differ from the grids, or a token is not a live code.
        """
        if len(tokens) > len(self.grids) or (len(tokens) < len(self.grids) and not part):
            raise DataError(f"tokens of {len(tokens)} bands were given where {len(self.grids)} are needed")
        found = []
        for band, ids in enumerate(tokens):
            live, n_tokens, ids = self.live[band], self.n_tokens[band], ids.detach().cpu().long()
            if ids.ndim != 2 or ids.shape[1] != n_tokens or len(ids) != len(tokens[0]):
                raise DataError(f"band {band}: tokens have shape {tuple(ids.shape)}, not (n, {n_tokens})")
            if ids.numel() and (ids.min() < 0 or ids.max() >= len(live) or not live[ids].all()):
                raise DataError(f"band {band}: a token is not one of the {int(live.sum())} live codes")
            found.append((live.cumsum(0) - 1)[ids])
        return tuple(found)

    def is_of(self, grids: Sequence[Grid], codebooks: Sequence[Codebook], by_vectors: bool) -> bool:
        """Whether it is that of these grids and codebooks: the same codes live and, `by_vectors`, lie there."""
        if tuple(map(tuple, grids)) != self.grids or len(codebooks) != len(self.live):
            return False
        same = all(torch.equal(book.live.cpu(), live) for book, live in zip(codebooks, self.live, strict=True))
        pairs = zip(codebooks, self._vectors, strict=True)
        return same and not (by_vectors and any(not torch.equal(book.codes.cpu(), own) for book, own in pairs))

    def places(self, device: torch.device) -> list[Tensor]:
        """(K,) of each band: the id in the vocabulary of every live code, whatever stands at the others."""
        return [(live.cumsum(0) - 1).to(device) for live in self.live]

    def codes(self, ids: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Ids in the codebooks, for ids in the vocabulary, on their device."""
        return tuple(codes.to(own.device)[own] for codes, own in zip(self._codes, ids, strict=True))

    def tensors(self, with_vectors: bool) -> dict[str, Tensor]:
        """What is saved: masks of live codes, and the codes' vectors where the networks need them."""
        found = {f"live.{band}": mask for band, mask in enumerate(self.live)}
        if with_vectors:
            found |= {f"codes.{band}": vectors for band, vectors in enumerate(self._vectors)}
        return found


def take_codebooks(
    path: Path | str, n_bands: int, tensors: dict[str, Tensor], with_vectors: bool
) -> list[Codebook]:
    """Take what `Vocabulary.tensors` gave out of those of a file; without vectors the codes have no dimension.

    Raises
    ------
    ArtifactError
        If something is missing or has another form.
    """
    masks = [tensors.pop(f"live.{band}", None) for band in range(n_bands)]
    live = [mask for mask in masks if mask is not None and mask.dtype == torch.bool and mask.ndim == 1]
    if len(live) < n_bands or not all(bool(mask.any()) for mask in live):
        raise ArtifactError(f"{path}: does not say which codes of each band are live; run stage2 again")
    books = []
    for band, mask in enumerate(live):
        vectors = tensors.pop(f"codes.{band}", None) if with_vectors else torch.empty(len(mask), 0)
        if vectors is None or vectors.shape[:-1] != mask.shape:
            raise ArtifactError(f"{path}: does not hold the vectors of each band's codes; run stage2 again")
        books.append(Codebook(vectors, mask))
    return books
