"""Downloads from a site of our own, which does all that a real one might."""

import hashlib
import http.server
import io
import os
import stat
import threading
import time
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from nm_vqtsg.datasets import fetch as fetching
from nm_vqtsg.datasets.fetch import Site, check_size, default_cache, download, fetch
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.zips import extract_pair
from nm_vqtsg.errors import DataError

ITALY = fetch("ItalyPowerDemand", "sktime")


def as_tsv(X: np.ndarray, labels: np.ndarray) -> bytes:
    lines = ["\t".join([c, *map(repr, x.tolist())]) for x, c in zip(X[:, 0], labels, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()


def italy(n_train: int, folder: str = "") -> bytes:
    X, labels = ITALY.X, ITALY.labels
    return zipped(
        {
            "__MACOSX/._ItalyPowerDemand_TRAIN.tsv": b"\0",
            f"{folder}ItalyPowerDemand_TRAIN.tsv": as_tsv(X[:n_train], labels[:n_train]),
            f"{folder}ItalyPowerDemand_TEST.tsv": as_tsv(X[n_train:], labels[n_train:]),
        }
    )


GOOD = italy(67)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_args):
        pass

    def answer(self, body: bytes, status: int = 200, length: int | None = -1, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        page = self.path.strip("/")
        count = self.server.hits[page] = self.server.hits.get(page, 0) + 1
        match page:
            case "good":
                self.answer(GOOD)
            case "unsized":
                self.answer(GOOD, length=None)
            case "changes":
                self.answer(GOOD if count == 1 else italy(66))
            case "html":
                self.answer(b"<html>Please log in</html>")
            case "text":
                self.answer(b"go away")
            case "empty":
                self.answer(b"")
            case "cut":
                self.answer(GOOD[:5000], length=len(GOOD))
            case "flaky":
                self.answer(GOOD[:5000] if count == 1 else GOOD, length=len(GOOD))
            case "busy":
                self.answer(*((b"busy", 503) if count == 1 else (GOOD, 200)))
            case "broken":
                self.answer(b"", status=500)
            case "forbidden":
                self.answer(b"no", status=403)
            case "moved":
                self.answer(b"", status=302, Location="/good")
            case "loop":
                self.answer(b"", status=302, Location="/loop")
            case "away":
                self.answer(b"", status=302, Location="http://127.0.0.1:9/")
            case "slow":
                time.sleep(1)
                self.answer(GOOD)
            case "damaged":
                self.answer(GOOD[:-3000] + bytes(3000))
            case "resplit":
                self.answer(italy(876, "UCR/ItalyPowerDemand/"))
            case _:
                self.answer(b"", status=404)


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        site.hits = {}
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield site
        site.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def get(server, tmp_path):
    server.hits.clear()

    def get(page: str, **options):
        options = {"retries": 0, "timeouts": (1, 0.5)} | options
        return download(f"http://127.0.0.1:{server.server_port}/{page}", tmp_path / "x.zip", **options)

    return get


@pytest.mark.parametrize("page", ["good", "unsized", "moved"])
def test_a_download_is_kept_and_recorded(get, page, server, tmp_path):
    path = get(page)
    assert path.read_bytes() == GOOD
    assert (tmp_path / "x.zip.sha256").read_text() == f"{hashlib.sha256(GOOD).hexdigest()}  x.zip\n"
    get(page)
    assert server.hits[page] == 1


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("nothing", "answers 404"),
        ("forbidden", "answers 403"),
        ("broken", "cannot be downloaded"),
        ("html", "a web page instead of a zip"),
        ("text", "something else instead of a zip"),
        ("empty", "an empty file"),
        ("cut", "the connection broke"),
        ("loop", "redirects without end"),
        ("away", "cannot be reached"),
        ("slow", "did not answer in time"),
    ],
)
def test_a_failed_download_says_what_to_do_and_leaves_nothing(get, page, message, tmp_path):
    with pytest.raises(DataError, match=message) as error:
        get(page)
    text = str(error.value)
    assert "\n" not in text and text.startswith("http://127.0.0.1") and "name it as data.source" in text
    assert [path.name for path in tmp_path.iterdir()] == [".x.zip.lock"]


@pytest.mark.parametrize("page", ["flaky", "busy"])
def test_a_broken_download_is_tried_again(get, page):
    assert get(page, retries=1).read_bytes() == GOOD


def test_a_file_that_changed_is_refused(get, tmp_path):
    get("changes")
    (tmp_path / "x.zip").unlink()
    with pytest.raises(DataError, match=r"SHA-256 is not the one recorded in .*x\.zip\.sha256; if the publisher"):
        get("changes")
    assert not (tmp_path / "x.zip").exists()


def test_a_damaged_copy_is_fetched_again(get, tmp_path):
    get("good")
    (tmp_path / "x.zip").write_bytes(b"PK damaged")
    assert get("good").read_bytes() == GOOD


def test_a_damaged_record_is_named(get, tmp_path):
    get("good")
    (tmp_path / "x.zip.sha256").write_text("oops\n")
    with pytest.raises(DataError, match="holds no SHA-256; delete it"):
        get("good")


def test_without_a_network(tmp_path):
    with pytest.raises(DataError, match="cannot be reached; check the network and try again, or put"):
        download("http://127.0.0.1:9/x.zip", tmp_path / "x.zip", retries=0)


def test_a_cache_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written to; set NM_VQTSG_CACHE"):
        download("http://127.0.0.1:9/x.zip", tmp_path / "file" / "x.zip", retries=0)


def test_progress_is_shown_and_can_stop_the_download(get, tmp_path):
    seen = []

    @contextmanager
    def track(description, total):
        class Task:
            def advance(self, units=1):
                seen.append((description, total, units))
                if len(seen) > 1:
                    raise KeyboardInterrupt

        yield Task()

    get("good", track=track)
    assert seen == [("downloading x.zip, MiB", 1, 1)]
    (tmp_path / "x.zip").unlink()
    with pytest.raises(KeyboardInterrupt):
        get("good", track=track)
    assert not (tmp_path / "x.zip").exists()


def test_two_processes_download_once(get, server):
    threads = [threading.Thread(target=get, args=("good",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.hits["good"] == 1


def test_the_authors_archive_keeps_its_split(server, tmp_path, monkeypatch, caplog):
    url = f"http://127.0.0.1:{server.server_port}/resplit"
    monkeypatch.setitem(fetching.SITES, "figshare", Site(url, "all.zip", True))
    raw = fetch("ItalyPowerDemand", "figshare", cache=tmp_path)
    assert raw.already_split and raw.n_train == 876
    assert raw.digest() == ITALY.digest() and not caplog.records
    with pytest.raises(DataError, match="holds no Yoga_TRAIN and Yoga_TEST"):
        fetch("Yoga", "figshare", cache=tmp_path)


def test_timeseriesclassification(server, tmp_path, monkeypatch):
    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setitem(fetching.SITES, "timeseriesclassification", Site(address + "good", "{name}.zip", False))
    raw = fetch("ItalyPowerDemand", "timeseriesclassification", cache=tmp_path)
    assert (raw.n_train, raw.already_split) == (67, False)
    np.testing.assert_array_equal(raw.X, ITALY.X)


def test_a_damaged_zip_is_named(server, tmp_path, monkeypatch):
    site = Site(f"http://127.0.0.1:{server.server_port}/damaged", "x.zip", False)
    monkeypatch.setitem(fetching.SITES, "timeseriesclassification", site)
    with pytest.raises(DataError, match=r"x\.zip: the zip file is damaged; delete it"):
        fetch("ItalyPowerDemand", "timeseriesclassification", cache=tmp_path)


def test_sizes_that_are_wrong(caplog):
    less = RawData(ITALY.X[1:], ITALY.labels[1:], 66)
    with pytest.raises(DataError, match="series 1095 instead of 1096, TRAIN series 66 instead of 67; use another"):
        check_size(less, "ItalyPowerDemand", official=True)
    check_size(less, "ItalyPowerDemand", official=False)
    assert "results will not compare" in caplog.text
    half = RawData(ITALY.X, ITALY.labels, 548, already_split=True)
    with pytest.raises(DataError, match="TRAIN series 548 instead of 877"):
        check_size(half, "ItalyPowerDemand", official=True)
    check_size(RawData(ITALY.X, ITALY.labels, 877, already_split=True), "ItalyPowerDemand", official=True)


def test_values_that_differ_are_warned_about(caplog):
    check_size(RawData(ITALY.X + 1e-3, ITALY.labels, 67), "ItalyPowerDemand", official=True)
    assert "values differ" in caplog.text


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("../x", "sktime", "cannot name a data set"),
        ("Mine", "sktime", "not one of the UCR archive's 128"),
        ("Yoga", "sktime", "not among the data sets in sktime's wheel; use another"),
        ("Yoga", "nowhere", "'nowhere' is neither a folder nor one of figshare, timeseriesclassification, sktime"),
    ],
)
def test_requests_that_cannot_be_met(name, source, message):
    with pytest.raises(DataError, match=message):
        fetch(name, source)


def test_the_cache_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("NM_VQTSG_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("NM_VQTSG_CACHE")
    assert default_cache().name == "nm-vqtsg"


# hostile archives

TRAIN, TEST = "X_TRAIN.tsv", "X_TEST.tsv"
PLAIN = {TRAIN: b"1\t2\n", TEST: b"1\t3\n"}


def linked() -> bytes:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        for name, data in PLAIN.items():
            archive.writestr(name, data)
    return file.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped(PLAIN))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            data[at + offset] |= 1
    return bytes(data)


HOSTILE = {
    "member above": (zipped({"../evil": b"", **PLAIN}), "'../evil' points outside"),
    "member above, deep": (zipped({"a/../../evil": b"", **PLAIN}), "points outside"),
    "absolute member": (zipped({"/tmp/evil": b"", **PLAIN}), "points outside"),
    "Windows path": (zipped({"..\\evil": b"", **PLAIN}), "points outside"),
    "drive": (zipped({"C:evil": b"", **PLAIN}), "points outside"),
    "symbolic link": (linked(), "'link' is a link or device"),
    "bomb": (zipped({TRAIN: bytes(10**7), TEST: b""}), "unpacks to an insane size"),
    "encrypted": (encrypted(), "is encrypted; unpack it by hand"),
    "one of the two": (zipped({TRAIN: b""}), "holds no X_TRAIN and X_TEST"),
    "in two folders": (zipped({f"a/{TRAIN}": b"", f"b/{TEST}": b""}), "holds no X_TRAIN and X_TEST"),
    "no zip": (b"PK, or is it?", "zip file is damaged"),
    "cut": (zipped(PLAIN)[:-30], "zip file is damaged"),
    "wrong checksum": (zipped(PLAIN, zipfile.ZIP_STORED).replace(b"1\t2", b"9\t9", 1), "zip file is damaged"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused(case, tmp_path):
    data, message = HOSTILE[case]
    archive, folder = tmp_path / "x.zip", tmp_path / "deep" / "out"
    archive.write_bytes(data)
    folder.mkdir(parents=True)
    with pytest.raises(DataError, match=message) as error:
        extract_pair(archive, "X", folder)
    assert "\n" not in str(error.value) and "; " in str(error.value)
    assert {path.name for path in tmp_path.rglob("*")} <= {"x.zip", "deep", "out", TRAIN}
    assert not os.path.exists("/tmp/evil")


def test_only_the_pair_is_taken_from_an_archive(tmp_path):
    archive, folder = tmp_path / "x.zip", tmp_path / "out"
    archive.write_bytes(zipped({f"UCR/X/{name}": data for name, data in PLAIN.items()} | {"UCR/X/readme.md": b""}))
    folder.mkdir()
    extract_pair(archive, "X", folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == PLAIN
