"""What other people's files may hold: refused in one line, accepted as it is, or warned about."""

import gzip
import io

import numpy as np
import pytest

from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import DataError
from nm_vqtsg.params import OwnData, Params
from nm_vqtsg.steps import download, resplit
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 8)).round(3)
Y = ["a", "b"] * 10


def csv(X=X, y=Y, header=True, mark=",", end="\n") -> bytes:
    lines = [mark.join([*(f"t{i}" for i in range(len(X[0]))), "label"])] if header else []
    lines += [mark.join([*map(str, x), *([c] if c is not None else [])]) for x, c in zip(X, y, strict=True)]
    return (end.join(lines) + end).encode()


def edit(row: int, field: int, value: str, **options) -> bytes:
    """The table with one cell changed; row 1 is the header."""
    lines = csv(**options).decode().splitlines()
    cells = lines[row - 1].split(",")
    cells[field - 1] = value
    lines[row - 1] = ",".join(cells)
    return ("\n".join(lines) + "\n").encode()


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def ts(*lines: str, tags: str = "@classLabel true a b") -> bytes:
    return "\n".join(["@problemName x", "@univariate true", tags, "@data", *lines]).encode()


def archive_tsv(X=X, y=("1", "2") * 10, mark="\t") -> bytes:
    return ("\n".join(mark.join([c, *map(str, x)]) for x, c in zip(X, y, strict=True)) + "\n").encode()


def pair(train: bytes, test: bytes = archive_tsv(), suffix: str = ".tsv") -> dict[str, bytes]:
    return {f"mine_TRAIN{suffix}": train, f"mine_TEST{suffix}": test}


def run(tmp_path, content, options) -> tuple[RawData, Series, Series]:
    """Both steps on the user's data; content is {file: bytes} for a folder, or (file, bytes)."""
    if isinstance(content, dict):
        path = tmp_path / "folder"
        path.mkdir()
        for name, data in content.items():
            (path / name).write_bytes(data)
    else:
        path = tmp_path / content[0]
        if content[1] is not None:
            path.write_bytes(content[1])
    own = OwnData(path=str(path), **options)
    params = Params(datasets=("mine",), own_data={"mine": own})
    paths = Paths(tmp_path / "study", "mine")
    download.run(StepContext("download", params, paths))
    resplit.run(StepContext("resplit", params, paths))
    return RawData.load(paths.raw), Series.load(paths.train), Series.load(paths.test)


LONG = b"series,time,v,label\n" + b"".join(
    f"s{s},{t},{s + t * t},{s % 2}\n".encode() for s in range(8) for t in range(9)
)

DAYS = b"home,day,kW\n" + b"".join(f"{s},{t},{s + t * t}\n".encode() for s in range(8) for t in range(9))
COUNTED = [f"{row},{line}" for row, line in enumerate(csv(header=False).decode().splitlines())]


def bomb() -> bytes:
    """An .npz of 70 kB that unpacks to 64 MiB of zeros."""
    file = io.BytesIO()
    np.savez_compressed(file, X=np.zeros((2**14, 2**9)))
    return file.getvalue()


REFUSED = {
    "missing file": (("x.csv", None), {}, ["x.csv", "no such file"]),
    "unknown kind of file": (("x.xlsx", b"PK"), {}, [".xlsx", "use .csv"]),
    "pickle": (("x.pkl", b"\x80\x04."), {}, [".pkl", "use .csv"]),
    "empty file": (("x.csv", b""), {}, ["x.csv", "empty"]),
    "blank lines only": (("x.csv", b"\n \n\n"), {}, ["x.csv", "empty"]),
    "header only": (("x.csv", b"a,b,label\n"), {}, ["no series"]),
    "wrong separator": (("x.csv", csv(mark="|")), {}, ["row 2", "not a number"]),
    "decimal commas": (("x.csv", csv(mark=";").replace(b".", b",")), {}, ["row 2, field 1", "with a point"]),
    "ragged row": (("x.csv", csv()[:-9] + b"\n"), {}, ["row 21", "fields"]),
    "cell too many": (("x.csv", edit(5, 3, "1,2")), {}, ["row 5", "10 fields", "row 1 has 9"]),
    "not a number": (("x.csv", edit(4, 2, "high")), {}, ["row 4, field 2", "'high'"]),
    "number with an underscore": (("x.csv", edit(4, 2, "1_0")), {}, ["row 4, field 2", "'1_0'"]),
    "NaN": (("x.csv", edit(4, 2, "nan")), {}, ["row 4, field 2", "missing"]),
    "empty cell": (("x.csv", edit(4, 2, "")), {}, ["row 4, field 2", "missing"]),
    "infinite": (("x.csv", edit(4, 2, "-inf")), {}, ["row 4, field 2", "finite"]),
    "overflowing number": (("x.csv", edit(4, 2, "1e999")), {}, ["row 4, field 2", "finite"]),
    "too large to scale": (("x.csv", edit(4, 2, "1e300")), {}, ["channel 1", "too large"]),
    "empty label": (("x.csv", edit(4, 9, "")), {}, ["row 4, field 9", "label"]),
    "NaN label": (("x.csv", edit(4, 9, "NaN")), {}, ["series 3", "no label"]),
    "UTF-16": (("x.csv", csv().decode().encode("utf-16")), {}, ["row 1", "UTF-8"]),
    "Latin-1": (("x.csv", edit(4, 9, "x").replace(b"x", b"\xe9")), {}, ["row 4", "UTF-8"]),
    "NUL bytes": (("x.csv", edit(4, 2, "\0")), {}, ["row 4", "NUL"]),
    "web page": (("x.csv", b"<!DOCTYPE html>\n<html></html>"), {}, ["web page", "download"]),
    "open quote": (("x.csv", edit(4, 2, '"1')), {}, ["not CSV", "quotes"]),
    "one huge cell": (("x.csv", b"1" * 1_000_000), {}, ["not CSV", "separators"]),
    "index column": (("x.csv", csv().replace(b"t0", b"", 1)), {}, ["column 1", "index=False"]),
    "two columns of one name": (("x.csv", csv().replace(b"t0", b"t1", 1)), {}, ["'t1'", "rename"]),
    "no such label column": (("x.csv", csv()), {"label_column": "kind"}, ["'kind'", "label"]),
    "no such label position": (("x.csv", csv()), {"label_column": 9}, ["label column 9", "9"]),
    "undeclared labels": (
        ("x.csv", csv(y=["1", "2"] * 10).replace(b"label", b"kind")),
        {},
        ["column 9 ('kind') seems to hold labels", "label_column: 'kind'"],
    ),
    "undeclared labels in words": (
        ("x.csv", csv().replace(b"label", b"kind")),
        {},
        ["row 2, field 9", "'a'", "label_column"],
    ),
    "undeclared labels without header": (
        ("x.csv", csv(y=["1", "2"] * 10, header=False)),
        {},
        ["column 9 seems to hold labels", "label_column: 8"],
    ),
    "row numbers": (
        ("x.csv", "\n".join(COUNTED).encode()),
        {"label_column": 9},
        ["column 1 counts the rows", "drop"],
    ),
    "a column of ids": (
        ("x.csv", csv().replace(b"t0", b"id", 1)),
        {},
        ["column 1 ('id') seems to hold ids", "drop"],
    ),
    "a column of times": (
        ("x.csv", csv().replace(b"t0", b"date", 1)),
        {},
        ["column 1 ('date') seems to hold times", "layout: long"],
    ),
    "labels and nothing else": (("x.csv", b"label\na\nb\n"), {}, ["row 2", "no values"]),
    "one series": (("x.csv", csv(X[:1], [None], header=False)), {}, ["1 series", "at least"]),
    "one class": (("x.csv", csv(y=["a"] * 20)), {}, ["'a'", "remove the labels"]),
    "class with one member": (("x.csv", csv(y=[*Y[:-1], "z"])), {}, ["'z'", "single series"]),
    "more classes than TEST has series": (
        ("x.csv", csv(y=[str(i // 2) for i in range(20)])),
        {},
        ["fewer series than the 10 classes"],
    ),
    "too short": (("x.csv", csv(X[:, :5])), {}, ["length 5", "data.min_length 8"]),
    "constant data": (("x.csv", csv(np.full((20, 8), 0.1))), {}, ["TRAIN: channel 1 is constant", "remove"]),
    "long as wide": (("x.csv", LONG), {}, ["layout: long"]),
    "long under other names": (
        ("x.csv", DAYS),
        {},
        ["('home')", "('day')", "layout: long, series_column: 'home', time_column: 'day'"],
    ),
    "long without header": (
        ("x.csv", DAYS.partition(b"\n")[2]),
        {},
        ["column 1 and column 2", "add a header", "layout: long"],
    ),
    "columns of the long layout for a wide file": (
        ("x.csv", csv()),
        {"series_column": "home"},
        ["series_column", "layout: long"],
    ),
    "long with undeclared labels": (
        ("x.csv", LONG.replace(b"label", b"kind")),
        {"layout": "long"},
        ["'kind' would be a channel", "label_column: 'kind'"],
    ),
    "long without its column": (("x.csv", LONG), {"layout": "long", "time_column": "t"}, ["'t'", "'time'"]),
    "long with a time twice": (
        ("x.csv", LONG.replace(b"s1,3,", b"s1,2,")),
        {"layout": "long"},
        ["row 14", "repeats time '2'", "'s1'"],
    ),
    "long with a gap": (
        ("x.csv", LONG.replace(b"s1,8,65,1\n", b"")),
        {"layout": "long"},
        ["row 11 has length 8", "--length 8 --fit-length crop"],
    ),
    "long with two labels": (
        ("x.csv", LONG.replace(b"s1,8,65,1", b"s1,8,65,0")),
        {"layout": "long"},
        ["row 19", "'s1'"],
    ),
    "long with label position": (
        ("x.csv", LONG),
        {"layout": "long", "label_column": 3},
        ["name the label column"],
    ),
    "a file's split to keep": (("x.csv", csv()), {"keep_split": True}, ["no split to keep", "folder"]),
    "npz that is text": (("x.npz", b"1,2,3"), {}, ["x.npz", "numpy.savez"]),
    "npz that is a single array": (
        ("x.npz", b"\x93NUMPY\x01\0"),
        {},
        ["x.npz", "single array (.npy)", "numpy.savez"],
    ),
    "npz that unpacks to gigabytes": (("x.npz", bomb()), {}, ["0.0625 GiB", "the limit", "NM_VQTSG_MAX_GIB"]),
    "npz of channels last": (
        ("x.npz", npz(X=np.ones((5, 100, 3)))),
        {},
        ["(5, 100, 3)", "X.transpose(0, 2, 1)"],
    ),
    "npz cut short": (("x.npz", npz(X=X)[:-50]), {}, ["x.npz", "numpy.savez"]),
    "npz without X": (("x.npz", npz(data=X)), {}, ["no array 'X'", "data"]),
    "npz of one series": (("x.npz", npz(X=X[0])), {}, ["shape (8,)"]),
    "npz of four axes": (("x.npz", npz(X=X[None, None])), {}, ["shape"]),
    "npz of no series": (("x.npz", npz(X=X[:0])), {}, ["shape (0, 1, 8)"]),
    "npz of complex numbers": (("x.npz", npz(X=X + 1j)), {}, ["complex128"]),
    "npz of text": (("x.npz", npz(X=X.astype(str))), {}, ["not real numbers"]),
    "npz with NaN": (("x.npz", npz(X=np.where(X[3, 2] == X, np.nan, X))), {}, ["series 4", "NaN"]),
    "npz with labels of another shape": (("x.npz", npz(X=X, y=[1, 2])), {}, ["labels have shape (2,)"]),
    "npz with a NaN label": (("x.npz", npz(X=X, y=[1.0] * 19 + [np.nan])), {}, ["series 20", "no label"]),
    "ts without data": (("x.ts", ts()), {}, ["no series"]),
    "ts that is CSV": (("x.ts", csv()), {}, ["row 1", "@data"]),
    "ts with time stamps": (("x.ts", ts("(0,1),(1,2):a", tags="@timestamps true")), {}, ["time stamps"]),
    "ts of a regression": (("x.ts", ts("1,2:0.5", tags="@targetlabel true")), {}, ["regression"]),
    "ts with an unknown class": (("x.ts", ts("1,2:c")), {}, ["row 5", "'c'"]),
    "ts with a gap": (("x.ts", ts("1,?:a")), {}, ["row 5, field 2", "missing"]),
    "ts with a channel too many": (("x.ts", ts("1,2:3,4:a")), {}, ["row 5", "2 channels"]),
    "ts with uneven channels": (("x.ts", ts("1,2:3:a").replace(b"@univariate true", b"#")), {}, ["[1, 2]"]),
    "folder without the files": ({"other.tsv": b""}, {}, ["mine_TRAIN", ".tsv"]),
    "folder without TEST": ({"mine_TRAIN.tsv": archive_tsv()}, {}, ["mine_TRAIN", "TEST"]),
    "tsv with commas": (pair(archive_tsv(mark=",")), {}, ["row 1", "tabs"]),
    "tsv of varying lengths": (
        pair(archive_tsv(X=np.where(X[1, 7] == X, np.nan, X))),
        {},
        ["row 2, field 9", "missing"],
    ),
    "TRAIN and TEST of two lengths": (pair(archive_tsv(X[:, :7])), {}, ["length 7", "length 8"]),
    "class of TEST only": (
        pair(archive_tsv(), archive_tsv(y=["1", "3"] * 10)),
        {"keep_split": True},
        ["'3'", "TRAIN has no series"],
    ),
    "truncated gzip": (
        pair(gzip.compress(archive_tsv())[:-20], gzip.compress(archive_tsv()), ".tsv.gz"),
        {},
        ["gzip"],
    ),
    "gzip that is none": (pair(archive_tsv(), archive_tsv(), ".tsv.gz"), {}, ["gzip", "download"]),
    "gzip with a wrong checksum": (
        pair(gzip.compress(archive_tsv())[:-8] + bytes(8), gzip.compress(archive_tsv()), ".tsv.gz"),
        {},
        ["gzip", "damaged"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, tmp_path, monkeypatch):
    monkeypatch.setenv("NM_VQTSG_MAX_GIB", "0.05")  # as if gigabytes were meant
    content, options, fragments = REFUSED[case]
    with pytest.raises(DataError) as error:
        run(tmp_path, content, options)
    message = str(error.value)
    assert all(fragment in message for fragment in fragments), message
    assert "\n" not in message and len(message) < 400
    assert "; " in message, "a remedy follows a semicolon"
    assert not list(tmp_path.rglob("train.npz")) and not list(tmp_path.rglob("*.partial"))


def test_pickles_are_refused_without_being_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    np.savez(tmp_path / "x.npz", X=np.array([Evil()], dtype=object))
    with pytest.raises(DataError, match="pickled objects, which are never loaded"):
        run(tmp_path, ("x.npz", None), {})
    assert not (tmp_path / "ran").exists()


ACCEPTED = {
    "labels as words": (("x.csv", csv(y=["Ärger", "on off"] * 10)), {}, ["on off", "Ärger"]),
    "labels -1 and 1": (("x.csv", csv(y=["1", "-1"] * 10)), {}, ["-1", "1"]),
    "labels as floats": (("x.csv", csv(y=["0.5", "1.5"] * 10)), {}, ["0.5", "1.5"]),
    "labels with gaps": (("x.csv", csv(y=["10", "2"] * 10)), {}, ["2", "10"]),
    "labels with leading zeros": (("x.csv", csv(y=["010", "002"] * 10)), {}, ["002", "010"]),
    "labels in quotes": (("x.csv", csv(y=['"a,b"', '"c"'] * 10)), {}, ["a,b", "c"]),
    "labels with a byte-order mark": (("x.csv", b"\xef\xbb\xbf" + csv()), {}, ["a", "b"]),
    "labels in another column": (
        ("x.csv", csv().replace(b"label", b"kind")),
        {"label_column": "kind"},
        ["a", "b"],
    ),
    "labels that begin with an apostrophe": (("x.csv", csv(y=["'tis", "'-1"] * 10)), {}, ["'-1", "'tis"]),
    "labels as this project writes formulas": (("x.csv", csv(y=["'=1+1", "''=2"] * 10)), {}, ["'=2", "=1+1"]),
    "labels of two lines": (
        ("x.csv", csv(y=['"a\nb"', '"c  \n\nd"'] * 10)),
        {},
        ["a\nb", "c  \n\nd"],
    ),
    "labels without header": (("x.csv", csv(header=False)), {"label_column": -1}, ["a", "b"]),
    "semicolons": (("x.csv", csv(mark=";")), {}, ["a", "b"]),
    "tabs": (("x.csv", csv(mark="\t")), {}, ["a", "b"]),
    "Windows line ends": (("x.csv", csv(end="\r\n")), {}, ["a", "b"]),
    "no final line end": (("x.csv", csv()[:-1]), {}, ["a", "b"]),
    "blank lines between": (("x.csv", csv(end="\n\n")), {}, ["a", "b"]),
    "no labels": (("x.csv", csv(y=[None] * 20, header=False)), {}, None),
    "long": (("x.csv", LONG), {"layout": "long"}, ["0", "1"]),
    "npz with words": (("x.npz", npz(X=X, y=Y)), {}, ["a", "b"]),
    "npz with truth values": (("x.npz", npz(X=X, y=np.array([True, False] * 10))), {}, ["False", "True"]),
    "a folder": (pair(archive_tsv()), {}, ["1", "2"]),
    "a split to keep": (pair(archive_tsv()), {"keep_split": True}, ["1", "2"]),
    "labels of the archive's text": (
        pair(archive_tsv(y=["1.0000000e+00", "-1.0000000e+00"] * 10, mark="  "), suffix=".txt")
        | {"mine_TEST.txt": archive_tsv(y=["1.0000000e+00", "-1.0000000e+00"] * 10, mark="  ")},
        {},
        ["-1", "1"],
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted_and_round_tripped(case, tmp_path):
    content, options, labels = ACCEPTED[case]
    raw, train, test = run(tmp_path, content, options)
    assert len(train.X) + len(test.X) == len(raw.X)
    if labels is None:
        assert raw.labels is None and train.y is None and train.n_classes == 0
        return
    assert train.labels.tolist() == test.labels.tolist() == labels
    back = np.concatenate([train.labels[train.y], test.labels[test.y]])
    assert sorted(back) == sorted(raw.labels)


def test_a_line_of_a_million_characters(tmp_path):
    line = b",".join([b"1.5", b"-2.25"] * 100_000)
    assert len(line) == 999_999
    raw, _, _ = run(tmp_path, ("x.csv", line + b"\n" + line.replace(b"1", b"3")), {})
    assert raw.X.shape == (2, 1, 200_000)


WARNED = {
    "constant series": (csv(np.where(np.arange(20)[:, None] == 3, 1.0, X)), "1 of 20 series are constant"),
    "duplicates": (csv(X[np.arange(20) % 5]), "15 series repeat another one exactly"),
    "class with few members": (csv(y=["a"] * 17 + ["b"] * 3), "fewer than 2 TEST series"),
}


@pytest.mark.parametrize("case", WARNED)
def test_warned(case, tmp_path, caplog):
    content, message = WARNED[case]
    run(tmp_path, ("x.csv", content), {})
    assert [record.levelname for record in caplog.records if message in record.message] == ["WARNING"]


def test_the_tables_are_as_long_as_promised():
    assert len(REFUSED) >= 40
