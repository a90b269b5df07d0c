"""Paths that lead to no plain file, files that unpack to more than there is room for, and what messages echo."""

import io
import os
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from nm_vqtsg.artifacts import atomic_path, load_config, load_json, load_model, load_npz, save_json
from nm_vqtsg.commands.evaluate_files import evaluate_files
from nm_vqtsg.datasets.fetch import download
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.datasets.writers import write_series
from nm_vqtsg.errors import ArtifactError, ParameterError, UserError, machine_error, one_line
from nm_vqtsg.files import LIMIT_VARIABLE, check_target, open_file, size_limit

X = np.random.default_rng(0).standard_normal((20, 1, 8))


@contextmanager
def pipe(path: Path) -> Iterator[None]:
    os.mkfifo(path)
    yield


@contextmanager
def unix_socket(path: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        yield


@contextmanager
def device(path: Path) -> Iterator[None]:
    path.symlink_to("/dev/zero")
    yield


@contextmanager
def folder(path: Path) -> Iterator[None]:
    path.mkdir()
    yield


KINDS = {"a pipe": pipe, "a socket": unix_socket, "a device": device, "a folder": folder}
READERS: dict[str, Callable[[Path], object]] = {
    ".npz": load_npz,
    ".json": load_json,
    ".safetensors": load_model,
    ".csv": lambda path: read_own(path, name="x"),
    ".ts": lambda path: read_own(path, name="x"),
    "-own.npz": lambda path: read_own(path, name="x"),
    "-evaluate.npz": lambda path: evaluate_files(path, path),
    "-evaluate.csv": lambda path: evaluate_files(path, path),
    "-config.safetensors": load_config,
}


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_refused_before_it_is_read(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    with KINDS[kind](path), pytest.raises(UserError) as error:
        READERS[suffix](path)
    if kind == "a folder" and suffix in (".csv", ".ts", "-own.npz", "-evaluate.npz", "-evaluate.csv"):
        return  # which may hold a data set of the archive
    assert f"{path.name}: is {kind}, not a file; name a file" in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_a_file_is_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.csv"
    with KINDS[kind](path):
        before = os.lstat(path).st_ino
        for write in (lambda: write_series(path, X), lambda: save_json(path, {})):
            with pytest.raises(UserError, match=f"is {kind}, not a file"):
                write()
        assert os.lstat(path).st_ino == before and [entry.name for entry in tmp_path.iterdir()] == ["x.csv"]


def test_devices_by_name_are_refused_whatever_they_lead_to() -> None:
    for name in ("/dev/stdout", "/dev/null", "/dev/x.csv"):
        with pytest.raises(UserError, match="is a device|not a file"):
            check_target(name)


@pytest.mark.parametrize(
    "name", ["file/x.csv", "file/deep/er/x.csv", "a" * 300 + ".csv", "x" * 5000 + ".csv", "l/x.csv"]
)
def test_no_file_can_be_written_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "l").symlink_to("l")
    for write in (lambda: write_series(tmp_path / name, X), lambda: save_json(tmp_path / name, {})):
        with pytest.raises(UserError) as error:
            write()
        words = str(error.value)
        assert "; name another" in words or "; use a shorter one" in words
        assert len(words) < 1000 and "\n" not in words
    assert sorted(os.listdir(tmp_path)) == ["file", "l"]


def test_a_name_that_only_the_temporary_file_makes_too_long_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="name is too long"), atomic_path(tmp_path / ("a" * 250)):
        pass
    assert not os.listdir(tmp_path)


def test_a_pipe_among_the_leftovers_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".x.json.abc.partial")
    save_json(tmp_path / "x.json", {"a": 1})
    assert load_json(tmp_path / "x.json") == {"a": 1}


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".ts", ""])
def test_paths_beyond_the_system_s_limits_are_one_line(tmp_path: Path, suffix: str) -> None:
    loop = tmp_path / f"loop{suffix}"
    loop.symlink_to(loop)
    (tmp_path / "file").write_text("")
    for path in (Path("x" * 5000 + suffix), loop, tmp_path / "file" / f"x{suffix}", tmp_path / f"nothing{suffix}"):
        with pytest.raises(UserError, match="; correct the path") as error:
            read_own(path, name="x")
        assert len(str(error.value)) < 1000
        with pytest.raises(UserError):
            evaluate_files(path, path)


def test_a_download_is_not_read_from_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.zip")
    with pytest.raises(UserError, match="is a pipe"):
        download("http://127.0.0.1:9/", tmp_path / "x.zip")


def test_a_file_that_is_exchanged_for_a_pipe_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, true_stat = tmp_path / "x", os.stat
    path.write_text("")
    state = true_stat(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda *_, **__: state)
    with pytest.raises(ArtifactError, match="is a pipe"):
        open_file(path)


def zeros(
    path: Path, count: int, name: str = "X.npy", descr: str = "<f4", shape: tuple[int, ...] | None = None
) -> Path:
    """An .npz with one member of `count` bytes of zeros behind a header."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": descr, "fortran_order": False, "shape": shape or (count // 4 // 1024, 1024)}
    )
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as file,
    ):
        file.write(header.getvalue())
        chunk = bytes(2**20)
        for _ in range(count // len(chunk)):
            file.write(chunk)
    return path


NPZ_READERS = {"load_npz": load_npz, "read_own": lambda path: read_own(path, name="x")}


@pytest.mark.parametrize("read", NPZ_READERS)
def test_zeros_without_end_are_refused_before_they_are_unpacked(
    tmp_path: Path, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "0.03")
    path = zeros(tmp_path / "x.npz", 2**25)
    assert path.stat().st_size < 2**16
    monkeypatch.setattr(np, "load", None)  # nothing may get so far
    with pytest.raises(
        UserError, match=r"x\.npz: holds 0\.0\d+ GiB .* 0\.03 are the limit; .*set NM_VQTSG_MAX_GIB"
    ):
        NPZ_READERS[read](path)


@pytest.mark.parametrize("read", NPZ_READERS)
def test_the_limit_can_be_raised_and_counts_numbers_as_they_are_used(
    tmp_path: Path, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zeros(tmp_path / "x.npz", 2**20)  # 1 MiB of float32 takes 2 MiB as float64
    monkeypatch.setenv(LIMIT_VARIABLE, str(1.5 / 1024))
    with pytest.raises(UserError, match="GiB"):
        NPZ_READERS[read](path)
    monkeypatch.setenv(LIMIT_VARIABLE, str(2.5 / 1024))
    NPZ_READERS[read](path)


HEADERS = {
    "more than is there": ("<f4", (2**50, 1024), "GiB .* the limit"),
    "labels without width": ("<U0", (2**45,), "GiB .* the limit"),
    "a little more than is there": ("<f4", (1000, 1000), "not a readable"),
    "sizes below nothing": ("<f4", (-5, 1024), "not a readable"),
    "objects": ("|O", (3,), "pickled objects"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_lies_is_refused(tmp_path: Path, case: str) -> None:
    descr, shape, words = HEADERS[case]
    path = zeros(tmp_path / "x.npz", 2**20, descr=descr, shape=shape)
    for read in NPZ_READERS.values():
        with pytest.raises(UserError, match=words):
            read(path)


def test_a_directory_that_lies_about_sizes_unpacks_no_more_than_it_says(tmp_path: Path) -> None:
    path = zeros(tmp_path / "x.npz", 2**22)
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02")
    true = struct.unpack_from("<L", data, place + 24)[0]
    assert true > 2**22
    struct.pack_into("<L", data, place + 24, 200)
    path.write_bytes(data)
    for read in NPZ_READERS.values():
        with pytest.raises(UserError, match="not a readable"):
            read(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_packings_that_numpy_does_not_use_are_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w", method) as archive:
        archive.writestr("X.npy", b"x")
    for read in NPZ_READERS.values():
        with pytest.raises(UserError, match="packed in a way that NumPy does not use"):
            read(tmp_path / "x.npz")


def test_a_single_array_under_the_name_of_an_archive(tmp_path: Path) -> None:
    with open(tmp_path / "x.npz", "wb") as file:
        np.save(file, X)
    for read in NPZ_READERS.values():
        with pytest.raises(
            UserError, match=r"is a single array \(\.npy\), not an \.npz; save it with numpy\.savez"
        ):
            read(tmp_path / "x.npz")


@pytest.mark.parametrize("suffix", [".csv", ".ts", ".tsv.gz"])
def test_texts_have_the_same_limit(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    monkeypatch.setenv(LIMIT_VARIABLE, str(0.5 / 1024))
    rows = {
        ".csv": b"1,2,3.5\n" * 100_000,
        ".ts": b"@univariate true\n@data\n" + b"1,2,3.5\n" * 100_000,
        ".tsv.gz": gzip.compress(b"1\t2\t3.5\n" * 100_000),
    }
    place = tmp_path if suffix == ".tsv.gz" else tmp_path / f"x{suffix}"
    for name in ("x_TRAIN", "x_TEST") if suffix == ".tsv.gz" else ("x",):
        (tmp_path / f"{name}{suffix}").write_bytes(rows[suffix])
    with pytest.raises(UserError, match="are the limit; .*NM_VQTSG_MAX_GIB"):
        read_own(place, name="x")


@pytest.mark.parametrize("text", ["much", "-1", "nan", "0", "1e99"])
def test_a_limit_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    with pytest.raises(ParameterError, match=f"{LIMIT_VARIABLE}: '{text}' is no number of GiB"):
        size_limit()


def test_the_limit_is_four_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)
    assert size_limit() == 4 * 2**30


def test_messages_are_one_line_without_control_characters_and_of_bounded_length() -> None:
    assert str(UserError("a\nb\x1b[2J\u202e\ud800c")) == r"a\nb\x1b[2J\u202e\ud800c"
    assert str(UserError("Ärger 5\u00a0% 時系列")) == "Ärger 5\u00a0% 時系列"
    long = str(UserError(f"{'x' * 10**6}: no such file; correct the path"))
    assert len(long) < 1000 and long.endswith("xx: no such file; correct the path") and "[...]" in long
    assert one_line("plain") == "plain"


@pytest.mark.parametrize("kind", [IsADirectoryError, NotADirectoryError])
def test_paths_of_the_wrong_kind_are_known_wherever_they_are_met(kind: type[OSError]) -> None:
    import errno

    number = {IsADirectoryError: errno.EISDIR, NotADirectoryError: errno.ENOTDIR}[kind]
    known = machine_error(OSError(number, "x", "a\nb"))
    assert known is not None and str(known).startswith(r"a\nb: ") and "correct the path" in str(known)
