"""Files that others name: opened only when they are plain files, written only where a plain file may stand.

A pipe, a device or a socket would block, never end, or do something when it is opened; so what a path is, is asked
first. How much may be read is limited, since a small file can unpack to more than any memory holds.
"""

import math
import os
import stat
from pathlib import Path
from typing import BinaryIO

from nm_vqtsg.errors import ArtifactError, ParameterError, UserError

LIMIT_VARIABLE = "NM_VQTSG_MAX_GIB"
LIMIT_GIB = 4.0  # the largest set of the archive, StarLightCurves, has 0.07

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def open_file(path: Path | str, error: type[UserError] = ArtifactError) -> BinaryIO:
    """Open a plain file for reading, as bytes.

    Raises
    ------
    UserError
        Of class `error`, if the path leads to anything else, such as a pipe.
    OSError
        If it cannot be opened; `FileNotFoundError` if there is nothing.
    """
    check_kind(os.stat(path).st_mode, path, error)
    # what the path leads to may have been exchanged since; opened so, a pipe does not wait for a writer
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        check_kind(os.fstat(handle).st_mode, path, error)
    except UserError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def check_target(path: Path | str, error: type[UserError] = ArtifactError) -> None:
    """Refuse a path that no file can be written to; what stands there already must be a plain file.

    Raises
    ------
    UserError
        Of class `error`.
    """
    path = Path(path)
    if path.absolute().parent == Path("/dev"):  # such as /dev/stdout, which may lead to a plain file
        raise error(f"{path}: is a device, not a file; name a file")
    try:
        check_kind(path.stat().st_mode, path, error)
    except (FileNotFoundError, NotADirectoryError):
        _check_parents(path, error)
    except PermissionError:
        pass  # writing says more of it
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"{path}: cannot be written ({reason}); name another file") from problem


def _check_parents(path: Path, error: type[UserError]) -> None:
    """The nearest folder above that is there must be one, for those between to be made."""
    for parent in path.absolute().parents:
        if parent.is_dir():
            return
        if os.path.lexists(parent):
            raise error(f"{path}: cannot be written, since {parent} is not a folder; name another place")


def check_readable(path: Path | str, error: type[UserError] = ArtifactError) -> None:
    """Refuse a file or folder that is there and may not be read.

    Raises
    ------
    UserError
        Of class `error`.
    """
    if Path(path).exists() and not os.access(path, os.R_OK):
        raise error(f"{path}: cannot be read; mend its permissions and run the same command again")


def check_writable(path: Path | str, error: type[UserError] = ArtifactError) -> None:
    """Refuse a file that may not be written, since its folder, or the nearest above that is there, takes none.

    Raises
    ------
    UserError
        Of class `error`.
    """
    folder = next(parent for parent in Path(path).parents if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        raise error(
            f"{folder}: cannot be written to; mend its permissions, or mount it for writing, and run the same "
            "command again"
        )


def check_kind(mode: int, path: Path | str, error: type[UserError] = ArtifactError) -> None:
    """Refuse what is no plain file, by the `st_mode` of its status, as an `error`."""
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise error(f"{path}: is {kind}, not a file; name a file")


def unreadable(path: Path | str, problem: OSError | ValueError) -> str:
    """What to say of a file that cannot be opened or read."""
    reason = getattr(problem, "strerror", None) or problem
    remedy = "mend its permissions" if isinstance(problem, PermissionError) else "correct the path"
    return f"{path}: cannot be read ({reason}); {remedy}"


def size_limit() -> int:
    """Bytes of numbers that one file may hold: `LIMIT_GIB`, or what the environment's ``NM_VQTSG_MAX_GIB`` says.

    Raises
    ------
    ParameterError
        If the variable is no positive number.
    """
    text = os.environ.get(LIMIT_VARIABLE) or str(LIMIT_GIB)
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not 0 < limit < 2**20:
        raise ParameterError(f"{LIMIT_VARIABLE}: '{text}' is no number of GiB; set it to one, such as 16")
    return int(limit * 2**30)


def too_large(path: Path | str, size: int) -> str:
    """What to say of a file that holds more than `size_limit` allows."""
    return (
        f"{path}: holds {size / 2**30:.3g} GiB of numbers or more, and {size_limit() / 2**30:.3g} are the "
        f"limit; if you trust the file and have the memory, set {LIMIT_VARIABLE} to a higher limit in GiB"
    )
