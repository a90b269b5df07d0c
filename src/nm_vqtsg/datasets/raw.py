"""A data set as its source gave it: original units, original labels, before any split or scaling."""

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nm_vqtsg.artifacts import load_npz, save_npz
from nm_vqtsg.errors import ArtifactError, DataError, shown

_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True)
class Rows:
    """What one file holds.

    Attributes
    ----------
    X : (n, C, L) float64, finite
    labels : one text per series, or None
    channels : their names, C of them; empty where the file names none
    notes : what was done to the series, in sentences (see `nm_vqtsg.datasets.mending`)
    """

    X: np.ndarray
    labels: list[str] | None
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawData:
    """All series of a data set, the rows of TRAIN first, in file order.

    Attributes
    ----------
    X : (n, C, L) float64, original units, finite
    labels : (n,) str or None
    n_train : how many of the rows come from the TRAIN file (n where the source knows no split)
    already_split : whether TRAIN and TEST are to stay as they are, because splitting again would leak
    channels : names of the channels; empty where they have none
    notes : what was done to the series when they were read, in sentences; `save` leaves them out
    """

    X: np.ndarray
    labels: np.ndarray | None
    n_train: int
    already_split: bool = False
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 over all series, in float32, and their labels, whatever the order of the rows.

        Equal for the archive's own files, for another split of them and for other file formats, as long as the
        values were not rounded.
        """
        labels = [""] * len(self.X) if self.labels is None else self.labels.tolist()
        values = np.ascontiguousarray(self.X, dtype="<f4")
        rows = sorted(
            hashlib.sha256(f"{label}\0".encode() + row.tobytes()).digest()
            for label, row in zip(labels, values, strict=True)
        )
        shape = f"{self.X.shape}".encode()
        return hashlib.sha256(shape + b"".join(rows)).hexdigest()

    def save(self, path: Path | str) -> None:
        """Write the data as .npz."""
        arrays: dict[str, np.ndarray] = {"X": self.X}
        arrays |= {
            "n_train": np.array(self.n_train, dtype=np.int64),
            "already_split": np.array(self.already_split),
        }
        if self.labels is not None:
            arrays["labels"] = self.labels
        if self.channels:
            arrays["channels"] = np.array(self.channels, dtype=np.str_)
        save_npz(path, **arrays)

    @classmethod
    def load(cls, path: Path | str) -> "RawData":
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or something else.
        """
        arrays = load_npz(path, required=("X", "n_train", "already_split"))
        X, labels = arrays["X"], arrays.get("labels")
        n_train = int(arrays["n_train"])
        fits = X.ndim == 3 and X.dtype == np.float64 and 0 < n_train <= len(X)
        if not fits or (labels is not None and (labels.shape != X.shape[:1] or labels.dtype.kind != "U")):
            raise ArtifactError(f"{path}: its arrays do not fit together; run the download step again")
        channels = channel_names(arrays, X.shape[1], path, "download")
        return cls(X, labels, n_train, bool(arrays["already_split"]), channels)


def channel_names(
    arrays: Mapping[str, np.ndarray], n_channels: int, path: Path | str, step: str
) -> tuple[str, ...]:
    """The names of the channels that an .npz may hold; empty where it has none.

    Raises
    ------
    ArtifactError
        If they are no texts, or not one for each channel; `step` makes the file anew.
    """
    names = arrays.get("channels")
    if names is None:
        return ()
    if names.dtype.kind != "U" or names.shape != (n_channels,):
        raise ArtifactError(f"{path}: channels is not one text for each channel; run the {step} step again")
    return tuple(names.tolist())


def combine(train: Rows, test: Rows | None, *, where: Path | str, already_split: bool = False) -> RawData:
    """Stack TRAIN and TEST rows and settle the spelling of the labels.

    Raises
    ------
    DataError
        If the two differ in channels or length, or only one of them has labels.
    """
    parts = [train] if test is None else [train, test]
    if len(parts) == 2:
        if train.X.shape[1:] != parts[1].X.shape[1:]:
            (c, length), (c2, length2) = train.X.shape[1:], parts[1].X.shape[1:]
            raise DataError(
                f"{where}: TRAIN has {c} channel(s) of length {length}, TEST {c2} of length {length2}; "
                "use files that belong together"
            )
        if (train.labels is None) != (parts[1].labels is None):
            raise DataError(f"{where}: only one of TRAIN and TEST has labels; label both or neither")
        if train.channels and parts[1].channels and train.channels != parts[1].channels:
            names = [", ".join(map(shown, part.channels[:8])) for part in parts]
            raise DataError(
                f"{where}: TRAIN has the channels {names[0]}, TEST {names[1]}; name them alike, in one order"
            )
    X = np.concatenate([part.X for part in parts])
    labels = None
    if train.labels is not None:
        spelling = canonical_labels([label for part in parts for label in part.labels or ()], where)
        labels = np.array(spelling, dtype=np.str_)
    channels = next((part.channels for part in parts if part.channels), ())
    notes = tuple(note for part in parts for note in part.notes)
    return RawData(X, labels, len(train.X), already_split, channels, notes)


def as_number(label: str) -> float | None:
    """Return the label's finite value if it is a number in ASCII digits, else None."""
    if not label.isascii() or "_" in label:
        return None
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def canonical_labels(labels: Sequence[str], where: Path | str) -> list[str]:
    """Give equal numbers one spelling: 1, 1.0 and 1.0000000e+00 are one class, "1".

    A spelling that is plain and the only one of its number stays as it is ("007", "1.0"), and so do all labels
    where at least one is not a number.

    Raises
    ------
    DataError
        If a label is empty or NaN.
    """
    cleaned = [label.strip() for label in labels]
    for row, label in enumerate(cleaned, start=1):
        if not label or label.lower() in ("nan", "none", "null", "na", "?"):
            raise DataError(
                f"{where}: series {row} has no label ({label!r}); label every series or none, "
                "and give a class of that name another one"
            )
        if "\0" in label:
            raise DataError(f"{where}: series {row} has a label with a NUL character; remove it")
    numbers = {label: as_number(label) for label in set(cleaned)}
    if any(value is None for value in numbers.values()):
        return cleaned
    spellings = defaultdict(set)
    for label, value in numbers.items():
        spellings[value].add(label)
    names = {}
    for label, value in numbers.items():
        keep = len(spellings[value]) == 1 and _PLAIN_NUMBER.fullmatch(label)
        names[label] = label if keep else _shortest(value)
    return [names[label] for label in cleaned]


def _shortest(value: float | None) -> str:
    assert value is not None
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def in_class_order(labels: Sequence[str]) -> list[str]:
    """Distinct labels in numeric order where all are numbers (1, 2, ... 10), else in alphabetical order."""
    distinct = sorted(set(labels))
    values = [as_number(label) for label in distinct]
    if any(value is None for value in values):
        return distinct
    return [label for _, label in sorted(zip(values, distinct, strict=True))]
