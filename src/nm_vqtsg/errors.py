"""Mistakes that a user can mend.

Each message is one line that names the file, the field and the remedy. The command line prints it and
exits with status 1; anything else that is raised is a defect of ours and keeps its traceback.
"""

import errno
import re
import reprlib
import unicodedata

_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3
MAX_MESSAGE = 1000  # characters; what is echoed may be a path or a cell of any length
_UNSEEN = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")  # control, bidi and other marks, surrogates, line separators


def shortened(text: str, limit: int = 80) -> str:
    """`text` as a message may repeat it: on one line, strange characters escaped, at most about `limit` long."""
    escaped = repr(text[: limit + 1])[1:-1]
    return escaped if len(escaped) <= limit else f"{escaped[:limit]}…"


def shown(value: object, limit: int = 80) -> str:
    """Any value as a message may repeat it, a text in quotes; see `shortened`."""
    if isinstance(value, str):
        return f"'{shortened(value, limit)}'"
    try:
        return shortened(" ".join(_SHORT.repr(value).split()), limit)
    except ValueError:  # Python prints no integer of more than 4300 digits
        return "a number of thousands of digits"


def one_line(text: str) -> str:
    """`text` as it may stand in a line on a terminal.

    Control characters, marks that turn the direction of text, and lone surrogates are written as escapes; of a
    very long text the middle is left out, since what is wrong stands first and the remedy last.
    """
    if not text.isprintable():
        text = "".join(
            mark.encode("unicode_escape").decode() if unicodedata.category(mark) in _UNSEEN else mark
            for mark in text
        )
    if len(text) > MAX_MESSAGE:
        text = f"{text[: MAX_MESSAGE // 3]}[...]{text[-MAX_MESSAGE // 3 :]}"
    return text


class UserError(Exception):
    """Base of all errors that a user can mend; its text is as `one_line` writes it, whatever it repeats."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class ParameterError(UserError):
    """A parameter is missing, misspelt or impossible."""


class DataError(UserError):
    """A data set cannot be fetched or read, or is not what it claims to be."""


class MissingLabelsError(DataError):
    """A file does not hold the labels that were named."""


class ArtifactError(UserError):
    """A file of the pipeline is missing, damaged or belongs to something else."""


class TrainingError(UserError):
    """Training cannot go on, for example because a loss is not finite."""


class MachineError(UserError):
    """The machine refused something: space, a write, memory."""


_REFUSALS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; mount it for writing or use another folder",
    errno.EACCES: "not allowed; mend the permissions",
    errno.EPERM: "not allowed; mend the permissions",
    errno.EFBIG: "files may not be that large here; raise the limit (ulimit -f) or use another file system",
    errno.ENOLCK: "the file system has no locks left, or none at all; mount it with locks",
    errno.EIO: "the disk failed; look at the machine's logs",
    errno.ESTALE: "the network file system lost the file; mount it again",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n)",
    errno.ENAMETOOLONG: "the name is too long; use a shorter one",
    errno.ENOTDIR: "a file stands where a folder is needed; correct the path",
    errno.EISDIR: "is a folder where a file is needed; correct the path",
    errno.ELOOP: "symbolic links lead in a circle; correct the path",
}
_UNITS = {"bytes": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "bad_alloc", "could not create a mem")


def machine_error(error: BaseException) -> MachineError | None:
    """What the machine refused, with the remedy; None where the error is something else, such as a defect."""
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        where = f"{error.filename}: " if error.filename else ""
        return MachineError(f"{where}{_REFUSALS[error.errno]} and run the same command again")
    # torch and its libraries know no type of their own for it on the CPU
    if (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY))
    ):
        return MachineError(
            f"memory ran out{_numbers(error)}; use a smaller batch_size or fewer samples, or a machine with more "
            "memory, and run the same command again"
        )
    return None


def _numbers(error: BaseException) -> str:
    """How much was asked for, as far as the error says so, and what this process has."""
    from nm_vqtsg.memory import in_use

    gpu = re.search(r"\b(cuda|hip)\b", str(error), re.IGNORECASE)
    where = "on the GPU" if gpu else in_use()
    asked = re.search(r"allocate ([\d.]+) ?(bytes|B|KiB|MiB|GiB|TiB)", str(error))
    if asked is None:
        return f" {where}" if gpu else f": {where}"
    gigabytes = float(asked[1].rstrip(".")) * _UNITS[asked[2]] / 1e9
    return f": {gigabytes:.3g} GB more were asked for {where if gpu else f'where {where}'}"
