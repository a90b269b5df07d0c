"""Folders of arrays (N, L, C): ``{train,valid,test}_ts.npy``, ``*_labels.npy`` and ``meta.json``.

The form of ConTSG-Bench and of others that took it over from VerbalTS; GenTS takes the same arrays in Python:

* ``train_ts.npy`` (n, L, C), time before channels; ``valid_ts.npy`` and ``test_ts.npy`` likewise;
* ``train_labels.npy`` (n,), classes 0..K-1; absent without labels;
* ``train_attrs_idx.npy`` (n, A), one column of 0..K-1 (-1: unknown) for each attribute in ``meta.json``;
* ``meta.json``: ``name``, ``n_samples``, ``seq_length``, ``n_var``, ``attr_list``, ``attr_value_maps`` (of each
  attribute: text to index) and ``attr_n_ops`` (K of each);
* ``normalization_stats.npz``: ``mean`` and ``std`` of TRAIN. Without it ConTSG-Bench scales each split by itself.

Captions and their embeddings are not read. Other sets than the three splits may stand in the folder, too, such as
``generated_ts.npy``.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nm_vqtsg.artifacts import load_json, save_json, save_npz
from nm_vqtsg.datasets.arrays import axes_are_turned
from nm_vqtsg.datasets.mending import NO_MENDING, Mending
from nm_vqtsg.datasets.npz_format import check_arrays
from nm_vqtsg.datasets.raw import RawData, Rows, combine, in_class_order
from nm_vqtsg.datasets.text import quote
from nm_vqtsg.errors import ArtifactError, DataError, MissingLabelsError, shown
from nm_vqtsg.files import check_target
from nm_vqtsg.npz import load_npy

SPLITS = ("train", "valid", "test")
SERIES, LABELS, ATTRIBUTES = "_ts.npy", "_labels.npy", "_attrs_idx.npy"
META, STATS = "meta.json", "normalization_stats.npz"
CLASS = "label"  # the attribute that carries the names of the classes
_REMEDIES = {"missing": "correct the path", "damaged": "save it again with numpy.save"}


def splits_of(folder: Path) -> tuple[str, ...]:
    """Those of train, valid and test whose series stand in a folder."""
    return tuple(split for split in SPLITS if os.path.lexists(folder / f"{split}{SERIES}"))


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that `read_split` reads of a ``NAME_ts.npy``, or `read_folder` of a folder, in order."""
    series = [path / f"{split}{SERIES}" for split in splits_of(path)] if path.is_dir() else [path]
    names = [file.name.removesuffix(SERIES) + kind for file in series for kind in (SERIES, LABELS, ATTRIBUTES)]
    folder = series[0].parent
    return tuple(folder / name for name in (*names, META) if os.path.lexists(folder / name))


def choose_split(folder: Path, option: str, split: str | None) -> Path:
    """The file of a folder that an option means.

    Parameters
    ----------
    folder : Path
        With one split at least.
    option : str
        Such as ``--real``, for messages.
    split : str or None
        Which it takes; None: the only one that is there.

    Raises
    ------
    DataError
        If that one is not there, or there are several to choose from.
    """
    there = splits_of(folder)
    listed = ", ".join(f"{name}{SERIES}" for name in there)
    if split is None and len(there) > 1:
        raise DataError(f"{folder}: holds {listed}; name the one that {option} means")
    if split is not None and split not in there:
        raise DataError(
            f"{folder}: {option} takes its {split}{SERIES}, but it holds {listed} alone; name the file you mean"
        )
    return folder / f"{split or there[0]}{SERIES}"


def read_split(path: Path, label: str | None = None, mending: Mending = NO_MENDING) -> Rows:
    """Read one ``NAME_ts.npy`` (n, L, C) or (n, L), with its labels.

    Parameters
    ----------
    path : Path
        The file; labels and ``meta.json`` are looked for beside it.
    label : str, optional
        An attribute of ``meta.json`` that gives the classes; ``NAME_labels.npy`` by default, if it is there.

    Raises
    ------
    DataError
        If an array is no plain one of that shape, or does not fit to the others or to ``meta.json``.
    """
    if not path.name.endswith(SERIES):
        raise DataError(
            f"{path}: the order of its axes is not known; call it NAME{SERIES} if they are (series, length, "
            "channels), or save (series, channels, length) as X in an .npz"
        )
    X = load_npy(path, DataError, **_REMEDIES)
    X = X[:, :, None] if X.ndim == 2 else X
    if X.ndim != 3:
        raise DataError(f"{path}: has shape {X.shape}; it must be (series, length, channels) or (series, length)")
    X = X.transpose(0, 2, 1)
    if axes_are_turned(X.shape):
        raise DataError(
            f"{path}: its axes seem to be (series, channels, length), and must be (series, length, channels); use "
            "X.transpose(0, 2, 1)"
        )
    meta = _meta(path.parent / META)
    for key, what, size in (("seq_length", "length", X.shape[2]), ("n_var", "channels", X.shape[1])):
        if meta.get(key, size) != size:
            raise DataError(
                f"{path}: has {what} {size}, and {META} beside it says {key} {shown(meta[key])}; correct either"
            )
    rows = check_arrays(X, _ids(path, label, meta), path, mending)
    words = _words(meta, label or CLASS)
    if rows.labels is None or not set(rows.labels) <= set(words):
        return rows
    return replace(rows, labels=[words[text] for text in rows.labels])


def _meta(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        return {}
    try:
        meta = load_json(path)
    except ArtifactError as error:
        raise DataError(f"{path}: not readable as JSON; correct it, or take it away") from error
    if not isinstance(meta, dict):
        raise DataError(f"{path}: is no JSON object; correct it, or take it away")
    return meta


def _ids(path: Path, attribute: str | None, meta: Mapping[str, Any]) -> np.ndarray | None:
    """The labels as they stand in the file beside `path`."""
    stem = path.name.removesuffix(SERIES)
    file = path.with_name(f"{stem}{LABELS if attribute is None else ATTRIBUTES}")
    if attribute is None:
        if not os.path.lexists(file):
            return None
        ids = load_npy(file, DataError, **_REMEDIES)
        return ids[:, 0] if ids.ndim == 2 and ids.shape[1] == 1 else ids
    listed = meta.get("attr_list")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    if attribute not in names or not os.path.lexists(file):
        there = ", ".join(map(quote, names[:8])) or "none"
        raise MissingLabelsError(
            f"{path}: has no attribute {quote(attribute)} in {META} and {file.name}; {META} lists {there}"
        )
    columns = load_npy(file, DataError, **_REMEDIES)
    if columns.ndim != 2 or columns.shape[1] != len(names):
        raise DataError(
            f"{file}: has shape {columns.shape}, and {META} lists {len(names)} attribute(s); give each a column"
        )
    chosen: np.ndarray = columns[:, names.index(attribute)]
    return chosen


def _words(meta: Mapping[str, Any], attribute: str) -> dict[str, str]:
    """Index, as text, to the text of an attribute's values; nothing where they are not told apart by it."""
    maps = meta.get("attr_value_maps")
    values = maps.get(attribute) if isinstance(maps, dict) else None
    if not isinstance(values, dict):
        return {}
    words = {str(index): str(word) for word, index in values.items()}
    return words if len(words) == len(values) else {}


def read_folder(
    folder: Path, label: str | None = None, *, keep_split: bool = False, mending: Mending = NO_MENDING
) -> RawData:
    """Read all splits of a folder.

    Without `keep_split` they are put together, to be split anew. With it, ``train`` is TRAIN and ``test`` is TEST,
    and ``valid`` is left out: it belongs to neither.

    Raises
    ------
    DataError
        See `read_split`; or if there is no split to keep.
    """
    there = splits_of(folder)
    if keep_split:
        for split in ("train", "test"):
            if split not in there:
                raise DataError(f"{folder}: has no {split}{SERIES}, so there is no split to keep; add it")
        there = ("train", "test")
    parts = [read_split(folder / f"{split}{SERIES}", label, mending) for split in there]
    whole = parts[0]
    for split, part in zip(there[1:], parts[1:], strict=True):
        last = combine(whole, part, where=folder / f"{split}{SERIES}", already_split=keep_split)
        whole = Rows(last.X, None if last.labels is None else last.labels.tolist(), notes=last.notes)
    n_train = len(parts[0].X) if len(parts) > 1 else len(whole.X)
    together = combine(whole, None, where=folder)
    return replace(together, n_train=n_train, already_split=keep_split)


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written anew, before any work.

    Raises
    ------
    DataError
        If something stands there already.
    """
    check_target(folder / META, DataError)
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder}: is not empty; name a new folder")


def write_folder(
    folder: Path,
    sets: Mapping[str, tuple[np.ndarray, Sequence[str] | None]],
    name: str,
    classes: Sequence[str] | None = None,
) -> None:
    """Write sets of series as such a folder, all of it or nothing.

    Numbers are float32. Classes are numbered in the order of `classes` in all sets alike; their names stand in
    ``meta.json`` as values of the attribute ``label``, where `read_split` finds them.

    Parameters
    ----------
    folder : Path
        New or empty.
    sets : mapping of name to (series, labels)
        ``train``, ``valid``, ``test`` or any other: series (n, C, L) in the units of the data, and a label of each
        or None.
    name : str
        Of the data.
    classes : sequence of str, optional
        All labels; by default those of `sets`, in order.

    Raises
    ------
    DataError, ArtifactError
        If sets differ in channels or length, or the folder cannot be written.
    """
    check_folder(folder)
    shapes = {X.shape[1:] for X, _ in sets.values()}
    if len(shapes) != 1:
        raise DataError(
            f"{folder}: sets of {len(shapes)} shapes (channels, length) cannot stand in one folder: "
            f"{', '.join(map(str, sorted(shapes)))}; give series of one data set"
        )
    ordered = list(classes or in_class_order([text for _, labels in sets.values() for text in labels or ()]))
    index = {label: place for place, label in enumerate(ordered)}
    channels, length = shapes.pop()
    meta: dict[str, Any] = {
        "name": name,
        "n_samples": sum(len(X) for X, _ in sets.values()),
        "seq_length": length,
        "n_var": channels,
    }
    if ordered:
        meta |= {"attr_list": [CLASS], "attr_value_maps": {CLASS: index}, "attr_n_ops": [len(ordered)]}
    folder = Path(os.path.realpath(folder))  # a link to an empty folder is kept
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=".partial") as aside:
        inner = Path(aside) / "folder"
        inner.mkdir()
        save_json(inner / META, meta)
        for split, (X, labels) in sets.items():
            series = np.ascontiguousarray(X.transpose(0, 2, 1), dtype=np.float32)
            np.save(inner / f"{split}{SERIES}", series, allow_pickle=False)
            if split == "train":
                moments = {"mean": series.mean((0, 1), keepdims=True), "std": series.std((0, 1), keepdims=True)}
                moments["std"] = np.where(moments["std"] == 0, np.float32(1), moments["std"])
                save_npz(inner / STATS, **moments)
            if labels is not None:
                y = np.array([index[label] for label in labels], dtype=np.int64)
                np.save(inner / f"{split}{LABELS}", y, allow_pickle=False)
                np.save(inner / f"{split}{ATTRIBUTES}", y[:, None], allow_pickle=False)
        inner.replace(folder)
