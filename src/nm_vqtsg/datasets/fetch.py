"""Where the archive's data sets come from: two web sites, sktime's wheel, or a folder.

The sites publish no checksums. The SHA-256 of a file is recorded beside it at the first download
(`<file>.sha256`, as `sha256sum -c` reads it) and every later use or download is held against the record.
"""

import importlib.util
import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from nm_vqtsg.artifacts import PARTIAL_SUFFIX, save_text
from nm_vqtsg.datasets.archive import CERTAIN, DIGESTS, SIZES, check_name
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.readers import find_pair, read_archive_folder
from nm_vqtsg.datasets.zips import extract_pair
from nm_vqtsg.errors import DataError
from nm_vqtsg.files import check_kind

log = logging.getLogger(__name__)

CACHE_VARIABLE = "NM_VQTSG_CACHE"
TIMEOUTS = (10.0, 60.0)  # seconds to connect, and between two pieces of an answer
RETRIES = 2
MAX_DOWNLOAD = 2**33  # bytes
_CHUNK = 2**20
_OTHERWISE = "or put the archive's files into a folder and name it as data.source"


@dataclass(frozen=True)
class Site:
    """A place on the web; `{name}` in the address and the file name stands for the data set."""

    url: str
    file: str
    already_split: bool


SITES = {
    # the authors' archive, split 80/20 already: figshare article 26206355, linked in the paper's section 4
    "figshare": Site("https://figshare.com/ndownloader/files/47494442", "figshare_47494442.zip", True),
    "timeseriesclassification": Site(
        "https://timeseriesclassification.com/aeon-toolkit/{name}.zip", "tsc_{name}.zip", False
    ),
}
BUNDLED = "sktime"


class Task(Protocol):
    """A shown task: `advance` may raise in order to stop."""

    def advance(self, units: int = 1) -> Any:
        """Count units as done."""


Track = Callable[[str, int], AbstractContextManager[Task]]


class _Unseen:
    def advance(self, units: int = 1) -> None:
        """Show nothing."""


def _no_track(_description: str, _total: int) -> AbstractContextManager[Task]:
    return nullcontext(_Unseen())


def default_cache() -> Path:
    """The folder for downloads: `$NM_VQTSG_CACHE`, or the system's cache folder of this project."""
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    import pooch

    return Path(pooch.os_cache("nm-vqtsg"))


def fetch(name: str, source: str, *, cache: Path | None = None, track: Track = _no_track) -> RawData:
    """Get one of the archive's data sets and check its size.

    Parameters
    ----------
    name
        One of the archive's 128 names.
    source
        `figshare`, `timeseriesclassification`, `sktime` (the few sets inside its wheel; no network), or a folder
        that holds the archive in its layout.
    cache
        Where downloads are kept.
    track
        Shows progress: `track(description, total)` is a context manager that gives a `Task`.

    Raises
    ------
    DataError
        If the data cannot be had, cannot be read or are not what the source promises.
    """
    check_name(name)
    if name not in SIZES:
        raise DataError(f"{name}: is not one of the UCR archive's 128 data sets; correct 'datasets'")
    if source in SITES:
        raw = _from_site(SITES[source], name, cache or default_cache(), track)
    elif source == BUNDLED:
        raw = _bundled(name)
    elif Path(source).is_dir():
        raw = read_archive_folder(Path(source), name)
    else:
        raise DataError(
            f"data.source: {source!r} is neither a folder nor one of {', '.join([*SITES, BUNDLED])}; correct it"
        )
    check_size(raw, name, official=source in SITES or source == BUNDLED)
    return raw


def _bundled(name: str) -> RawData:
    spec = importlib.util.find_spec("sktime")  # finds the folder without the seconds that importing it takes
    if spec is None or not spec.submodule_search_locations:
        raise DataError("data.source: sktime is not installed; install it, or use another source")
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "data"
    if find_pair(folder, name) is None:
        raise DataError(f"{name}: is not among the data sets in sktime's wheel; use another data.source")
    return read_archive_folder(folder, name)


def _from_site(site: Site, name: str, cache: Path, track: Track) -> RawData:
    file = site.file.format(name=name)
    archive = download(site.url.format(name=name), cache / file, track=track)
    with tempfile.TemporaryDirectory(prefix="nm-vqtsg-") as folder:
        extract_pair(archive, name, Path(folder))
        try:
            return read_archive_folder(Path(folder), name, already_split=site.already_split)
        except DataError as error:
            raise DataError(str(error).replace(folder, str(archive))) from error


def check_size(raw: RawData, name: str, *, official: bool) -> None:
    """Hold series, length and classes against the archive's, and the values against known digests.

    Raises
    ------
    DataError
        If an official source's data of certain size differ. Other differences are logged as warnings.
    """
    size = SIZES[name]
    n, channels, length = raw.X.shape
    n_classes = 0 if raw.labels is None else len(set(raw.labels.tolist()))
    sizes = {"series": n, "channels": channels, "classes": n_classes}
    wanted = {"series": size.n_train + size.n_test, "channels": 1, "classes": size.n_classes}
    if size.length is not None:
        sizes["length"], wanted["length"] = length, size.length
    if not raw.already_split:
        sizes["TRAIN series"], wanted["TRAIN series"] = raw.n_train, size.n_train
    elif abs(raw.n_train - 0.8 * n) > size.n_classes:  # rounding by class moves at most one series a class
        sizes["TRAIN series"], wanted["TRAIN series"] = raw.n_train, round(0.8 * n)
    wrong = [f"{key} {sizes[key]} instead of {wanted[key]}" for key in wanted if sizes[key] != wanted[key]]
    if wrong:
        message = f"{name}: the data are not the archive's: {', '.join(wrong)}"
        if official and name in CERTAIN:
            raise DataError(f"{message}; use another data.source")
        log.warning("%s; results will not compare with the paper's", message)
    elif name in DIGESTS:
        if raw.digest() == DIGESTS[name]:
            log.info("%s: the values are those of the archive's original files", name)
        else:
            log.warning(
                "%s: sizes are right but values differ from the archive's original files; "
                "they may have been rounded or changed",
                name,
            )


def download(
    url: str,
    path: Path,
    *,
    track: Track = _no_track,
    timeouts: tuple[float, float] = TIMEOUTS,
    retries: int = RETRIES,
    otherwise: str = _OTHERWISE,
) -> Path:
    """Download a zip once; verify it by its recorded SHA-256 at every call.

    Two processes that want the same file wait for each other. A broken connection is tried again `retries` times,
    from the start; only a whole file gets its final name. Errors name what to do `otherwise`.

    Raises
    ------
    DataError
        If the site cannot be reached, answers with something else, or the file is not the recorded one.
    """
    import pooch

    record = path.with_name(path.name + ".sha256")
    pooch.get_logger().setLevel("WARNING")
    with _alone(path.with_name(f".{path.name}.lock"), track):
        for file in (path, record):
            if file.exists():
                check_kind(file.stat().st_mode, file, DataError)
        recorded = _recorded(record)
        if not path.exists() or recorded not in (None, pooch.file_hash(str(path))):
            downloader = _Downloader(path.name, track, timeouts, otherwise)
            _fetch_whole(url, path, recorded, record, downloader, retries)
        if recorded is None:
            save_text(record, f"{pooch.file_hash(str(path))}  {path.name}\n")
    return path


def _fetch_whole(
    url: str, path: Path, recorded: str | None, record: Path, downloader: "_Downloader", retries: int
) -> None:
    """Download into a folder of its own, which also holds what a killed process left, then move it to `path`."""
    import pooch
    import requests

    workshop = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
    shutil.rmtree(workshop, ignore_errors=True)
    shelf = pooch.create(
        path=workshop,
        base_url="",
        registry={path.name: recorded},
        urls={path.name: url},
        retry_if_failed=retries,
    )
    try:
        shelf.fetch(path.name, downloader=downloader)
        (workshop / path.name).replace(path)
    except ValueError as error:
        raise DataError(
            f"{url}: the file's SHA-256 is not the one recorded in {record}; if the publisher changed the "
            "file on purpose, delete that record"
        ) from error
    except requests.exceptions.RequestException as error:
        raise DataError(
            f"{url}: {_reason(error)}; check the network and try again, {downloader.otherwise}"
        ) from error
    except PermissionError as error:
        raise DataError(f"{path.parent}: cannot be written to; set {CACHE_VARIABLE} to another folder") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _recorded(record: Path) -> str | None:
    if not record.exists():
        return None
    digest = record.read_text(encoding="utf-8", errors="replace").split()[:1]
    if not digest or len(digest[0]) != 64 or set(digest[0]) - set("0123456789abcdef"):
        raise DataError(f"{record}: holds no SHA-256; delete it, and the next download is recorded anew")
    return digest[0]


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.exceptions.Timeout):
        return "did not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "cannot be reached"
    if isinstance(error, requests.exceptions.TooManyRedirects):
        return "redirects without end"
    return "cannot be downloaded"


class _Downloader:
    """What pooch calls to get a file: with limits, progress, and a look at what came."""

    def __init__(self, name: str, track: Track, timeouts: tuple[float, float], otherwise: str) -> None:
        self.name, self.track, self.timeouts, self.otherwise = name, track, timeouts, otherwise

    def __call__(self, url: str, output_file: str, _pooch: Any, check_only: bool = False) -> None:
        import requests

        with requests.get(url, stream=True, timeout=self.timeouts) as answer:
            if answer.status_code >= 500:
                answer.raise_for_status()  # may be over soon: pooch tries again
            if answer.status_code != 200:
                raise DataError(
                    f"{url}: answers {answer.status_code} {answer.reason}; try again later, {self.otherwise}"
                )
            if url.startswith("https:") and not answer.url.startswith("https:"):
                raise DataError(f"{url}: redirects to an address without encryption; download the file by hand")
            length = int(answer.headers.get("content-length") or 0)
            self._receive(answer.iter_content(_CHUNK), url, output_file, length)

    def _receive(self, chunks: Iterator[bytes], url: str, output_file: str, length: int) -> None:
        received = 0
        with (
            self.track(f"downloading {self.name}, MiB", math.ceil(length / _CHUNK)) as task,
            open(output_file, "wb") as file,
        ):
            for chunk in chunks:
                if not received and not chunk.startswith(b"PK"):
                    what = "a web page" if chunk.lstrip()[:1] == b"<" else "something else"
                    raise DataError(
                        f"{url}: answers with {what} instead of a zip file; try again later, {self.otherwise}"
                    )
                received += len(chunk)
                if received > MAX_DOWNLOAD:
                    raise DataError(f"{url}: sends more than {MAX_DOWNLOAD >> 30} GiB; do not trust this file")
                file.write(chunk)
                task.advance(1)
            if not received:
                raise DataError(f"{url}: answers with an empty file; try again later, {self.otherwise}")


@contextmanager
def _alone(lock: Path, track: Track) -> Iterator[None]:
    """Let one process at a time into the block; the system frees the lock when a process dies."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise DataError(f"{lock.parent}: cannot be written to; set {CACHE_VARIABLE} to another folder") from error
    with file:
        if not _locked(file):
            with track(f"waiting for another download of {lock.name[1:-5]}", 1) as task:
                while not _locked(file):
                    task.advance(0)
                    time.sleep(0.2)
        yield


def _locked(file: IO[str]) -> bool:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
