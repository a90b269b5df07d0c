"""Whatever a params.yaml holds, the command answers with one line that names file, place and remedy."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from nm_vqtsg import cli, yaml12
from nm_vqtsg.params import Params, as_yaml

TEXT = as_yaml(Params())
STEPS = "  steps: 20000 "
LINE = 1 + TEXT[: TEXT.index(STEPS)].count("\n")
LONG = "x" * 100_000


def with_steps(value: str) -> str:
    return TEXT.replace(STEPS, f"  steps: {value} ", 1)


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join(lines)


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "must hold keys"),
    "only a comment": ("# nothing\n", "must hold keys"),
    "a list": ("- 1\n", "must hold keys"),
    "a text": ("text", "must hold keys"),
    "a number": ("5", "must hold keys"),
    "a key that is a number": (TEXT + "5: 1\n", "the key 5 is no text; put it into quotes"),
    "a key that is nothing": (TEXT + "~: 1\n", "is no text; put it into quotes"),
    "a key that is a truth": (TEXT + "true: 1\n", "the key true is no text; put it into quotes"),
    "a key that is a list": (TEXT + "[1, 2]: 1\n", "a key must be a text"),
    "a key that is a mapping": (TEXT + "? {a: 1}\n: 1\n", "a key must be a text"),
    "a key that is a date": (TEXT + "2024-01-01: 1\n", "put a text into quotes"),
    "own data by number": (TEXT.replace("own_data: {}", "own_data: {1: {path: x.csv}}"), "own_data (line"),
    "a long key": (TEXT + f"{LONG[:1000]}: 1\n", "is unknown"),
    "a longer key": (TEXT + f"{LONG}: 1\n", "not valid YAML"),
    "a twofold key": (TEXT + "seeds: [0]\n", "the key 'seeds' stands twice; keep one"),
    "a date": (with_steps("2024-01-01"), "stage1.steps (line"),
    "a time": (with_steps("2024-01-01T10:00:00Z"), "stage1.steps (line"),
    "!!int abc": (with_steps("!!int abc"), "the tag 'tag:yaml.org,2002:int' is not read; leave it out"),
    "!!float x": (with_steps("!!float x"), "tag"),
    "!!binary": (with_steps("!!binary aGVsbG8="), "tag"),
    "!!set": (with_steps("!!set {a, b}"), "tag"),
    "!!python": (with_steps("!!python/object/apply:os.system [id]"), "tag"),
    "!local": (with_steps("!steps 5"), "tag"),
    "an unknown handle": (with_steps("!x!y 5"), "not valid YAML"),
    "a directive": ("%YAML 1.1\n---\n" + TEXT, "directives"),
    "a number too large": (with_steps("1" * 25), "too large; write one below 2**63"),
    "5000 digits": (with_steps("1" * 5000), "too large; write one below 2**63"),
    "5000 digits of a float": (with_steps("1" * 5000 + ".0"), "too large; write one below 1e308"),
    "a float too large": (with_steps("1e999"), "too large; write one below 1e308"),
    "a float of no integer": (with_steps("1e300"), "stage1.steps: input should be a valid integer"),
    **{
        f"the number {text}": (with_steps(text), f"stage1.steps (line {LINE}): {text} means different things")
        for text in ("010", "0o10", "0x10", "0b11", "1_000", "1:30", "08", ".5e3")
    },
    "nan": (with_steps(".nan"), "stage1.steps"),
    "infinity": (TEXT.replace("  test_size: 0.2 ", "  test_size: .inf "), "data.test_size"),
    "no number as a size": (TEXT.replace("  test_size: 0.2 ", "  test_size: .nan "), "data.test_size"),
    "20 000 lists": (TEXT + "x: " + "[" * 20_000 + "]" * 20_000, "more than 50 levels"),
    "20 000 open lists": (TEXT + "x: " + "[" * 20_000, "more than 50 levels"),
    "20 000 mappings": (TEXT + "x: " + "{a: " * 20_000 + "}" * 20_000, "more than 50 levels"),
    "20 000 dashes": (TEXT + "x:\n" + "- " * 20_000 + "1", "more than 50 levels"),
    "400 000 lists": ("[" * 400_000, "more than 50 levels"),
    "billion laughs": (bomb(), "the anchor '&a0' is not read"),
    "a reference": (with_steps("*steps"), "the reference '*steps' is not followed"),
    "merged keys": (with_steps("20000\n  <<: {width: 5}"), "a bare << is not read"),
    "an equals sign": (with_steps("="), "a bare = is not read"),
    "two documents": (TEXT + "---\n" + TEXT, "a second document begins here; keep one"),
    "latin-1": (TEXT.encode() + "# é".encode("latin-1"), "not UTF-8 text; save it as UTF-8"),
    "UTF-16": (TEXT.encode("utf-16"), "not UTF-8 text; save it as UTF-8"),
    "a lone surrogate": (TEXT.encode() + b"# \xed\xa0\x80", "not UTF-8 text; save it as UTF-8"),
    "an escaped surrogate": (with_steps('"\\ud800"'), ""),
    "an impossible escape": (with_steps('"\\UFFFFFFFF"'), "not valid YAML"),
    "NUL": (with_steps("1\0"), "holds the character U+0000; take it out"),
    "an escape sequence": (with_steps("\x1b[31m1"), "holds the character U+001B; take it out"),
    "DEL": (with_steps("\x7f"), "holds the character U+007F"),
    "a separator of lines": (with_steps("1\u2028"), "holds the character U+2028"),
    "a tab": (TEXT.replace("  steps", "\tsteps"), "holds a tab; use spaces"),
    "escaped control characters": (with_steps('"\\e[31m\\n\\0"'), r"found '\x1b[31m\n\x00'"),
    "a path with NUL": (TEXT.replace("source: figshare", 'source: "a\\0b"'), "line break or control character"),
    "a path of two lines": (
        TEXT.replace("source: figshare", 'source: "a\\nb"'),
        "line break or control character",
    ),
    "a long value": (with_steps(LONG), "input should be a valid integer"),
    "a long list": (with_steps(f"[{', '.join('1' * 1000)}]"), "input should be a valid integer"),
    "a long data set": (TEXT.replace("- Crop", f"- {LONG}"), "an entry of own_data"),
    "a long generator": (TEXT.replace("generator: timevqvae", f"generator: {LONG}"), "generator: 'xxx"),
    "a long name of own data": (TEXT.replace("own_data: {}", f"own_data: {{? {LONG} : {{}}}}"), "own_data"),
    "a data set of two lines": (TEXT.replace("- Crop", '- "Crop\\nid"'), r"'Crop\nid'"),
    "a long tag": (with_steps(f"!{LONG} 1"), "tag"),
    "a long anchor": (with_steps(f"&{LONG} 1"), "anchor"),
    "a section that is nothing": (TEXT.replace("own_data: {}", "own_data:"), "own_data"),
    "a section that is a list": (TEXT.replace("svq:", "svq: [1]\nfigures:"), "unknown"),
    "own data that is a text": (TEXT.replace("own_data: {}", "own_data: {a: b}"), "own_data.a"),
    "text over lines": (with_steps("|\n    5"), "a text behind | is not read; put it into quotes"),
    "an open bracket": (with_steps("[5"), "not valid YAML"),
    "an open quote": (with_steps('"5'), "not valid YAML"),
    "git's conflict": (
        TEXT.replace(STEPS, f"<<<<<<< HEAD\n{STEPS}\n=======\n{STEPS}\n>>>>>>> mine\n", 1),
        "holds git's conflict markers; resolve the conflict",
    ),
    "too large a file": (TEXT + "#" * 1_000_000, "larger than the 1,000,000 bytes"),
    "binary": (bytes(range(256)) * 4, "not UTF-8 text"),
}


@pytest.fixture
def refuse(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Run the real command on a file and see it refused."""

    def check(path: str, words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["nm_vqtsg", "params", "--check", path])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        said = capfd.readouterr()
        assert caught.value.code == 1 and said.out == ""
        check_line(said.err, path, words)

    return check


def check_line(said: str, path: str, words: str) -> None:
    assert said.startswith(f"error: {path[:250]}") and words in said, said
    assert said.endswith("\n") and said[:-1].isprintable() and len(said) < 600, said


def write(folder: Path, content: str | bytes) -> str:
    path = folder / "params.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_refused_in_one_line(
    kind: str, tmp_path: Path, refuse: Callable[[str, str], None]
) -> None:
    content, words = BROKEN[kind]
    assert content != TEXT, "nothing is broken"
    refuse(write(tmp_path, content), words)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_refused_without_libyaml_too(
    kind: str, tmp_path: Path, refuse: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml12, "_Parser", yaml.SafeLoader)
    content, words = BROKEN[kind]
    refuse(write(tmp_path, content), "" if kind == "a longer key" else words)


def test_what_is_no_file_is_refused(tmp_path: Path, refuse: Callable[[str, str], None]) -> None:
    refuse(str(tmp_path), "is a folder, not a file; name a file")
    refuse(str(tmp_path / "nothing.yaml"), "no such file; start from the project's params.yaml")
    refuse(str(tmp_path / ("x" * 5000)), "File name too long")
    refuse("/dev/zero", "is a device, not a file; name a file")
    (tmp_path / "circle").symlink_to("circle")
    refuse(str(tmp_path / "circle"), "cannot be read")
    write(tmp_path, TEXT)
    refuse(str(tmp_path / "params.yaml" / "x"), "cannot be read (Not a directory)")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, refuse: Callable[[str, str], None]) -> None:
    path = tmp_path / "params.yaml"
    os.mkfifo(path)
    rescue = threading.Timer(20, lambda: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)))
    rescue.start()
    try:
        refuse(str(path), "is a pipe, not a file; name a file")
    finally:
        rescue.cancel()


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, refuse: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: str, error: type[Exception]) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(yaml12, "open_file", denied)  # root may read everything
    refuse(write(tmp_path, TEXT), "cannot be read (Permission denied); check the path and its permissions")


@pytest.mark.parametrize("kind", ["a key that is a date", "20 000 lists", "billion laughs", "an escape sequence"])
def test_the_command_itself(kind: str, tmp_path: Path) -> None:
    content, words = BROKEN[kind]
    path = write(tmp_path, content)
    command = [sys.executable, "-m", "nm_vqtsg", "params", "--quiet", "--check", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and done.stdout == ""
    check_line(done.stderr, path, words)
