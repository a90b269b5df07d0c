"""Fuzzing of what reads a study's own YAML: params.yaml, changes of it on the command line, and dvc.lock.

    pip install atheris
    make fuzz                  # ten minutes each; ARGS="-max_total_time=60" for one

The bytes of the fuzzer are no file but say how a sound one is broken: which lines change, and into what. So most
inputs get past the parser. Besides, what is accepted must be read alike by DVC, and be the same after writing it.
Put what it finds into `tests/params/test_broken.py` as text; the bytes mean another thing after an edit here.
"""

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from fuzzing import fuzz, instrumented

with instrumented("nm_vqtsg"):
    from nm_vqtsg.engines.store import read_lock
    from nm_vqtsg.errors import UserError
    from nm_vqtsg.params import OwnData, Params, as_yaml, load_params, override, parse_params
    from nm_vqtsg.yaml12 import dump_yaml, read_yaml

from dvc.utils.serialize import YAMLFileCorruptedError, load_yaml

PARAMS = Params(datasets=("mine", "Crop"), own_data={"mine": OwnData(path="data.csv", label_column="kind")})
FILE = {"path": "data/Crop/raw.npz", "hash": "md5", "md5": "0" * 32, "size": 1}
RECORD = {
    "cmd": "true",
    "deps": [FILE],
    "params": {"params.yaml": {"svq": {"distance": "squared"}}},
    "outs": [FILE],
}
SOUND = {
    "params": [line.split("  #")[0] for line in as_yaml(PARAMS).splitlines()],
    "lock": dump_yaml({"schema": "2.0", "stages": {"download@Crop": RECORD, "tables": RECORD}}).splitlines(),
}
# after the first few, anything that has once made a difference between two readers of YAML
SCALARS = [
    *(
        "0",
        "1",
        "-1",
        "2",
        "0.5",
        "1e-5",
        "5e-3",
        "1e300",
        "1e-320",
        ".5",
        "1.",
        "+3",
        "-0.0",
        "20.0",
        "",
        "~",
        "true",
    ),
    *(
        "FALSE",
        "null",
        "no",
        "text",
        "'1'",
        '"two words"',
        "'it''s'",
        "010",
        "0o7",
        "0x1F",
        "0b1",
        "1_0",
        "1:30",
        "-_",
    ),
    *(
        ".5e3",
        "._",
        "2024-01-01",
        "2024-1-1 1:02:03Z",
        ".inf",
        "-.inf",
        ".nan",
        "1e999",
        "9223372036854775807",
        "<<",
    ),
    *(
        "9223372036854775808",
        "7" * 5000,
        "7" * 5000 + ".5",
        "=",
        "*a",
        "&a 1",
        "&a",
        "!!int abc",
        "!!str 1",
        "!x 1",
    ),
    *(
        "!!python/object:os.system x",
        "!!set {a}",
        "!!binary eA==",
        "!<tag:x> 1",
        "@",
        "`",
        "%",
        "|",
        ">-",
        "|2-",
        "- 1",
    ),
    *(
        "? a",
        "? [a]",
        ": ",
        "a: 1",
        "a: b: c",
        "{}",
        "[]",
        "{a: 1}",
        "{a: 1, a: 2}",
        "{1: 2}",
        "{[a]: 1}",
        "{a}",
        "[1]",
    ),
    *(
        "[1, 1]",
        "[a, b]",
        "[[1], 2]",
        "[0.1, 1e-3]",
        "{path: x.csv}",
        "{mine: {path: x}}",
        "{a: {b: {c: 1}}}",
        "[",
        "{",
    ),
    *(
        '"',
        "'",
        "]",
        "}",
        ",",
        "# x",
        "'#'",
        '"\\x00"',
        '"\\e[1m"',
        '"a\\nb"',
        '"\\ud800"',
        '"\\UFFFFFFFF"',
        '"\\N"',
    ),
    *(
        "é",
        "\u3000",
        "😀",
        "\ufeff",
        "\x85",
        "\u2028",
        "\x00",
        "\x1b[1m",
        "\x7f",
        "\t",
        "\r",
        "x" * 5000,
        "x y" * 400,
    ),
    *(
        "[" * 60,
        "[" * 30_000,
        "{a: " * 60,
        "- " * 60,
        "? " * 60,
        "../x",
        "/",
        "C:\\x",
        "$(id)",
        "${x}",
        "%(x)s",
        "{x}",
    ),
]
KEYS = ["a", "steps", "seeds", "own_data", "mine", "path", "label_column", "cmd", "md5", "stages", "stage1.steps"]
LINES = [
    "---",
    "...",
    "%YAML 1.1",
    "%TAG ! x",
    "<<<<<<< HEAD",
    "=======",
    ">>>>>>> mine",
    "- 1",
    "  - 1",
    "#",
    "\t",
    "a",
]


class Choices:
    """Bytes read as choices; after the last one, always the first of what there is."""

    def __init__(self, data: bytes) -> None:
        self._data, self._next = data, 0

    def __bool__(self) -> bool:
        return self._next < len(self._data)

    def number(self, below: int) -> int:
        """A number of ``range(below)``; ``below <= 2**16``."""
        taken = self._data[self._next : self._next + 2]
        self._next += 2
        return int.from_bytes(taken) % below

    def one(self, values: list[str]) -> str:
        """One of some texts."""
        return values[self.number(len(values))]

    def raw(self) -> str:
        """Up to 32 bytes as they are, one character each."""
        start, self._next = self._next, self._next + 1 + self.number(33)
        return self._data[start : self._next].decode("latin-1")


def broken(lines: list[str], choices: Choices) -> str:
    """The text of `lines` with some of them changed."""
    lines = list(lines)
    while choices and len(lines) > 1:
        place = choices.number(len(lines))
        line = lines[place]
        indent = line[: len(line) - len(line.lstrip(" "))]
        key, colon, value = line.partition(":")
        scalar = choices.one(SCALARS)
        act = choices.number(10)
        if act < 4:
            lines[place] = f"{key}: {scalar}" if colon else f"{indent}- {scalar}"
        elif act == 4:
            lines[place] = f"{indent}{scalar}{colon}{value}"
        elif act == 5:
            lines.insert(place, f"{indent}{choices.one([*KEYS, *SCALARS])}: {scalar}")
        elif act == 6:
            lines.insert(place, choices.one(LINES))
        elif act == 7:
            del lines[place]
        elif act == 8:
            lines.insert(place, lines[choices.number(len(lines))])
        else:
            cut = choices.number(len(line) + 1)
            lines[place] = line[:cut] + choices.raw() + line[cut:]
    return "\n".join(lines) + "\n"


def _read_params(choices: Choices, folder: Path) -> None:
    path = folder / "params.yaml"
    as_utf8 = choices.number(8) < 7
    path.write_bytes(broken(SOUND["params"], choices).encode("utf-8" if as_utf8 else "utf-16"))
    params = load_params(path)
    assert parse_params(as_yaml(params)) == params, "written and read again"
    _same(read_yaml(path), load_yaml(str(path)), "params.yaml")


def _change_params(choices: Choices, folder: Path) -> None:
    keys = [
        "data.source",
        "own_data.mine.path",
        "seeds",
        "stage2.lf.width",
        "stage1.steps.x",
        "generator.x",
        "svq",
        "",
    ]
    keys += [line.partition(":")[0].strip() for line in SOUND["params"]]
    changes = []
    while choices:
        changes.append(choices.one(keys) + choices.one(["=", "=", "=", ""]) + choices.one(SCALARS))
        if choices.number(4) == 0:
            changes[-1] += choices.raw()
    params = override(PARAMS, changes)
    assert parse_params(as_yaml(params)) == params, "written and read again"


def _read_lock(choices: Choices, folder: Path) -> None:
    path = folder / "dvc.lock"
    text = broken(SOUND["lock"], choices)
    path.write_text(text, encoding="utf-8")
    records = read_lock(folder)
    for record in records.values():
        assert isinstance(record["cmd"], str)
        assert all(isinstance(entry["md5"], str) for kind in ("deps", "outs") for entry in record.get(kind, []))
    if any(mark in text for mark in ("|", ">", "\n...")):
        return  # where DVC's reader errs
    try:
        theirs = load_yaml(str(path))
    except YAMLFileCorruptedError:
        return
    _same(records, theirs.get("stages", {}), "dvc.lock")


def _same(ours: object, theirs: object, place: str) -> None:
    assert type(ours) is type(theirs), (place, ours, theirs)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        assert list(ours) == list(theirs), (place, ours, theirs)
        for key, value in ours.items():
            _same(value, theirs[key], f"{place}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        assert len(ours) == len(theirs), (place, ours, theirs)
        for number, value in enumerate(ours):
            _same(value, theirs[number], f"{place}.{number}")
    else:
        assert ours == theirs or (ours != ours and theirs != theirs), (place, ours, theirs)


READERS: dict[str, Callable[[Choices, Path], None]] = {
    "params": _read_params,
    "changes": _change_params,
    "lock": _read_lock,
}


def read_any(data: bytes) -> None:
    """Break a file as the bytes say, and read it; a crash is whatever is not a `UserError` of one line."""
    if not data:
        return
    read = list(READERS.values())[data[0] % len(READERS)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            read(Choices(data[1:]), Path(folder))
        except UserError as error:
            said = str(error).replace(folder, "")
            assert said.isprintable(), "a message is one line"
            assert len(said) < 700, "a message repeats little of the input"


def seeds() -> dict[str, bytes]:
    """For each reader the sound file and some that are broken at random."""
    return dict(_seeds())


def _seeds() -> Iterator[tuple[str, bytes]]:
    source = random.Random(0)
    for index, name in enumerate(READERS):
        yield name, bytes([index])
        for number in range(40):
            yield f"{name}{number}", bytes([index]) + source.randbytes(2 + 6 * source.randint(1, 4))


if __name__ == "__main__":
    fuzz(read_any, seeds())
