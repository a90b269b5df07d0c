"""Taking a few files out of a zip that somebody else made."""

import errno
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from nm_vqtsg.datasets.readers import ARCHIVE_SUFFIXES
from nm_vqtsg.errors import DataError
from nm_vqtsg.files import open_file
from nm_vqtsg.npz import ZIP_DAMAGE

MAX_MEMBERS = 100_000
MAX_MEMBER = 2**31  # bytes; the archive's largest file has about 150 MB
MAX_RATIO = 200  # of unpacked to packed size; decimal numbers reach about 20
_CHUNK = 2**20


def extract_pair(archive: Path, name: str, folder: Path) -> None:
    """Write `<name>_TRAIN` and `<name>_TEST` of a zip, wherever they lie in it, into `folder`.

    Nothing else is written, and never outside `folder`.

    Raises
    ------
    DataError
        If the zip is damaged, encrypted or hostile (members that point outside, links, bombs), or lacks the files.
    """
    with _opened(archive) as file:
        for member in _pair(file.infolist(), name, archive):
            _extract(file, member, folder / PurePosixPath(member.filename).name, archive)


def extract_one(archive: Path, name: str, folder: Path) -> Path | None:
    """Write the file `name` of a zip, the one that lies least deep in it, into `folder`; None if there is none.

    Raises
    ------
    DataError
        As of `extract_pair`.
    """
    with _opened(archive) as file:
        paths = [(PurePosixPath(member.filename), member) for member in file.infolist() if not member.is_dir()]
        named = [(len(path.parts), str(path), member) for path, member in paths if path.name == name]
        if not named:
            return None
        _extract(file, min(named)[2], folder / name, archive)
    return folder / name


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    """The zip, none of whose members is hostile by its name; whatever is damaged becomes a `DataError`."""
    try:
        with open_file(archive, DataError) as packed, zipfile.ZipFile(packed) as file:
            members = file.infolist()
            if len(members) > MAX_MEMBERS:
                raise DataError(f"{archive}: has {len(members)} members; do not trust this file")
            for member in members:
                _refuse_hostile(member, archive)
            yield file
    except (*ZIP_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # a fault of the disk instead
            raise
        raise DataError(f"{archive}: the zip file is damaged; delete it, and it is downloaded again") from error


def _refuse_hostile(member: zipfile.ZipInfo, archive: Path) -> None:
    if not member.filename:
        raise DataError(f"{archive}: has a member without a name; do not trust this file")
    path = PurePosixPath(member.filename)
    shown = repr(member.filename[:80])
    outside = path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename
    if outside or "\0" in member.orig_filename:
        raise DataError(f"{archive}: the member {shown} points outside of its folder; do not trust this file")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(f"{archive}: the member {shown} is a link or device; do not trust this file")


def _pair(members: list[zipfile.ZipInfo], name: str, archive: Path) -> tuple[zipfile.ZipInfo, zipfile.ZipInfo]:
    files = {PurePosixPath(member.filename): member for member in members if not member.is_dir()}
    for suffix in ARCHIVE_SUFFIXES:
        trains = [path for path in files if path.name == f"{name}_TRAIN{suffix}"]
        for train in sorted(trains, key=lambda path: (len(path.parts), path)):
            test = train.with_name(f"{name}_TEST{suffix}")
            if test in files:
                return files[train], files[test]
    seen = ", ".join(member.filename[:60] for member in members[:4])
    raise DataError(f"{archive}: holds no {name}_TRAIN and {name}_TEST that can be read; it begins with {seen!r}")


def _extract(file: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, archive: Path) -> None:
    if member.flag_bits & 1:
        raise DataError(f"{archive}: is encrypted; unpack it by hand and name the folder instead")
    bomb = f"{archive}: {member.filename[:80]!r} unpacks to an insane size; do not trust this file"
    if member.file_size > MAX_MEMBER or member.file_size > MAX_RATIO * max(member.compress_size, 1024):
        raise DataError(bomb)
    written = 0
    with file.open(member) as packed, target.open("xb") as unpacked:
        while chunk := packed.read(_CHUNK):
            written += len(chunk)
            if written > member.file_size:
                raise DataError(bomb)
            unpacked.write(chunk)
