"""Arrays (.npy, .npz) of unknown origin: no pickles, no pipes, and no more than there is room for."""

import errno
import lzma
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple

from nm_vqtsg.errors import UserError
from nm_vqtsg.files import open_file, size_limit, too_large, unreadable

if TYPE_CHECKING:
    from numpy import ndarray
    from numpy.lib.npyio import NpzFile

# what `zipfile` raises on damaged files, found by fuzzing; it lets OSError of a seek and of bz2 through as well
ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OverflowError,
    RuntimeError,
    ValueError,
)
_MAGIC = b"\x93NUMPY"  # a single array begins so


@contextmanager
def open_npz(path: Path | str, error: type[UserError], *, missing: str, damaged: str) -> Iterator["NpzFile"]:
    """An open .npz whose arrays fit into the limit; whatever keeps them from being read becomes an `error`.

    Parameters
    ----------
    path
        The file.
    error
        Class of the errors.
    missing, damaged
        The remedies for a file that is not there, or cannot be read.

    Raises
    ------
    UserError
        If the file is missing, something else, damaged, too large, or holds pickles.
    """
    import numpy as np

    with _told(path, error, ".npz", missing, damaged), open_file(path, error) as file:
        if file.read(len(_MAGIC)) == _MAGIC:
            raise error(f"{path}: is a single array (.npy), not an .npz; save it with numpy.savez(path, X=X)")
        _check_sizes(file, path, error)
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            if not hasattr(archive, "files"):
                raise error(f"{path}: not an .npz archive; save the arrays with numpy.savez")
            yield archive


def load_npy(path: Path | str, error: type[UserError], *, missing: str, damaged: str) -> "ndarray":
    """The array of an .npy that fits into the limit and is as long as its header says; else an `error`.

    Parameters and errors are those of `open_npz`.
    """
    import numpy as np

    with _told(path, error, ".npy", missing, damaged), open_file(path, error) as file:
        room = _room(file)
        if room is None:
            raise error(f"{path}: not a single array (.npy); {damaged}")
        if room.in_memory > size_limit():
            raise error(too_large(path, room.in_memory))
        if not room.pickled and room.in_file != os.fstat(file.fileno()).st_size - file.tell():
            raise error(f"{path}: is not as long as its header says; {damaged}")
        file.seek(0)
        array: np.ndarray = np.load(file, allow_pickle=False)
        return array


@contextmanager
def _told(path: Path | str, error: type[UserError], kind: str, missing: str, damaged: str) -> Iterator[None]:
    """Turn whatever keeps a file from being read into an `error` in one line."""
    try:
        yield
    except FileNotFoundError as problem:
        raise error(f"{path}: no such file; {missing}") from problem
    except MemoryError as problem:
        raise error(f"{path}: its arrays do not fit into memory; use fewer series") from problem
    except (*ZIP_DAMAGE, OSError) as problem:
        if "allow_pickle" in str(problem):
            raise error(f"{path}: holds pickled objects, which are never loaded; save plain arrays") from problem
        if isinstance(problem, OSError) and problem.errno not in (None, errno.EINVAL):  # not of a damaged file
            raise error(unreadable(path, problem)) from problem
        raise error(f"{path}: not a readable {kind} file; {damaged}") from problem


def _check_sizes(file: BinaryIO, path: Path | str, error: type[UserError]) -> None:
    """Hold what the members say of their sizes against the limit, before anything is unpacked.

    `zipfile` unpacks no more of a member than the directory says. NumPy makes room for what the member's own
    header says, and the readers turn every number into eight bytes.
    """
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        packed = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        if any(member.compress_type not in packed for member in members):
            raise error(f"{path}: is packed in a way that NumPy does not use; save it with numpy.savez")
        total = sum(member.file_size for member in members)
        if total <= size_limit():
            total = sum(max(member.file_size, _unpacked(archive, member)) for member in members)
        if total > size_limit():
            raise error(too_large(path, total))


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Bytes that a member's array takes when it is read and turned into numbers of eight bytes."""
    with archive.open(member) as file:
        room = _room(file)
        return 0 if room is None else room.in_memory


class _Room(NamedTuple):
    """What a header promises: bytes in the file, and in memory as numbers of eight bytes."""

    in_file: int
    in_memory: int
    pickled: bool


def _room(file: IO[bytes]) -> _Room | None:
    """Read the header of an .npy from the beginning; None if it is none."""
    from numpy.lib import format as npy

    if file.read(len(_MAGIC)) != _MAGIC:
        return None
    file.seek(0)
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version}")  # of structures only, whose names are not Latin
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, _, dtype = read(file)
    except (TokenError, SyntaxError, TypeError, RecursionError) as problem:  # of NumPy's parsers, found by fuzzing
        raise ValueError("header") from problem
    n = math.prod(shape)
    return _Room(n * dtype.itemsize, n * max(dtype.itemsize, 8), dtype.hasobject)
