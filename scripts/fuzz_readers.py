"""Fuzzing of everything that reads files of others: CSV, .ts, the archive's text, .npy, .npz and zip archives.

    pip install atheris
    make fuzz                  # ten minutes each; ARGS="-max_total_time=60" for one

Put a crash into tests/datasets/crashes, where `tests/datasets/test_crashes.py` reads it again.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from fuzzing import fuzz, instrumented

with instrumented("nm_vqtsg", "zipfile"):
    from nm_vqtsg.datasets.readers import read_archive_folder, read_own
    from nm_vqtsg.datasets.zips import extract_pair
    from nm_vqtsg.errors import UserError


def _own(suffix: str, **options: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        path = folder / f"x{suffix}"
        path.write_bytes(data)
        return read_own(path, name="x", **options)  # type: ignore[arg-type]

    return read


def _folder(suffix: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        for split in ("TRAIN", "TEST"):
            (folder / f"x_{split}{suffix}").write_bytes(data)
        return read_archive_folder(folder, "x")

    return read


def _zip(data: bytes, folder: Path) -> object:
    archive, out = folder / "x.zip", folder / "out"
    archive.write_bytes(data)
    out.mkdir()
    return extract_pair(archive, "x", out)


READERS: dict[str, Callable[[bytes, Path], object]] = {
    "csv": _own(".csv"),
    "long": _own(".csv", layout="long"),
    "ts": _own(".ts"),
    "npz": _own(".npz"),
    "tsv": _folder(".tsv"),
    "gz": _folder(".tsv.gz"),
    "txt": _folder(".txt"),
    "zip": _zip,
    "npy": _own("_ts.npy"),
}


def read_any(data: bytes) -> None:
    """Read bytes by the reader that the first byte chooses; a crash is whatever is not a `UserError`."""
    if not data:
        return
    read = list(READERS.values())[data[0] % len(READERS)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            read(data[1:], Path(folder))
        except UserError as error:
            assert "\n" not in str(error), "a message is one line"


def seeds() -> dict[str, bytes]:
    """A small sound file for each reader, from which the fuzzer sets out."""
    import gzip
    import io
    import zipfile

    import numpy as np

    X = np.arange(24.0).reshape(3, 8)
    text = b"\n".join(b"1\t" + b"\t".join(b"%g" % value for value in row) for row in X) + b"\n"
    single, arrays, archive = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(single, X)
    np.savez(arrays, X=X, y=np.array(["a", "b", "a"]))
    with zipfile.ZipFile(archive, "w") as file:
        for split in ("TRAIN", "TEST"):
            file.writestr(f"x/x_{split}.tsv", text)
    sound = {
        "csv": b"label," + b",".join(b"t%d" % i for i in range(8)) + b"\n" + text.replace(b"\t", b","),
        "long": b"series,time,v,label\na,0,1,x\na,1,2,x\nb,0,3,y\nb,1,4,y\n",
        "ts": b"@problemName x\n@univariate true\n@classLabel true a b\n@data\n1,2,3:a\n4,5,6:b\n",
        "npz": arrays.getvalue(),
        "tsv": text,
        "gz": gzip.compress(text, mtime=0),
        "txt": text.replace(b"\t", b"  "),
        "zip": archive.getvalue(),
        "npy": single.getvalue(),
    }
    return {name: bytes([index]) + sound[name] for index, name in enumerate(READERS)}


if __name__ == "__main__":
    fuzz(read_any, seeds())
