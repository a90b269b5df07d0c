"""A damaged dvc.lock or dvc.yaml is answered with one line that names file and remedy, never a traceback."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dvc.utils.serialize import dumps_yaml, load_yaml

from nm_vqtsg.engines.locktext import update_lock
from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.engines.store import read_lock
from nm_vqtsg.errors import UserError
from nm_vqtsg.yaml12 import dump_yaml

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "d41d8cd98f00b204e9800998ecf8427e"
FILE = {"path": "a", "hash": "md5", "md5": DIGEST, "size": 0}
RECORD = {"cmd": "true", "deps": [FILE], "params": {"params.yaml": {"seeds": [0]}}, "outs": [FILE]}
LOCK = dump_yaml({"schema": "2.0", "stages": {"one": RECORD, "two": RECORD}})
REMEDY = "take the file back from git (git checkout dvc.lock), or delete it"


def lock_with(**changes: object) -> str:
    return dump_yaml({"schema": "2.0", "stages": {"one": RECORD, "two": {**RECORD, **changes}}})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            LOCK.replace("  two:", "<<<<<<< HEAD\n  two:\n=======\n  three:\n>>>>>>> mine"),
            "git's conflict markers",
        ),
        (
            LOCK.replace("    cmd: 'true'\n", "<<<<<<< HEAD\n    cmd: x\n=======\n    cmd: y\n>>>>>>> a\n"),
            "conflict",
        ),
        (LOCK[: LOCK.rindex("md5: ") + 2], "not valid YAML"),
        (LOCK[: LOCK.rindex("path: ") + 4], "stages.two.outs.0: is no mapping"),
        (os.urandom(100) + b"\xff", "not UTF-8 text"),
        (b"\x00" * 500, "holds the character U+0000"),
        ("- 1\n", "holds no mapping `stages`"),
        ("text", "holds no mapping `stages`"),
        ("one: {cmd: 'true'}\n", "holds no mapping `stages`"),
        ("stages: [1]\n", "holds no mapping `stages`"),
        ("stages: {one: 1}\n", "stages.one: is no mapping"),
        ("stages: {one: {}}\n", "stages.one.cmd: is no text"),
        (lock_with(cmd=1), "stages.two.cmd: is no text"),
        (lock_with(deps={}), "stages.two.deps: is no list"),
        (lock_with(deps=["a"]), "stages.two.deps.0: is no mapping"),
        (lock_with(deps=[{"path": 1, "md5": DIGEST}]), "stages.two.deps.0.path: is no text"),
        (lock_with(outs=[FILE, {"path": "a"}]), "stages.two.outs.1.md5: is no text"),
        (lock_with(params=[]), "stages.two.params: is no mapping"),
        (lock_with() + "  two: {cmd: x}\n", "the key 'two' stands twice"),
        ("stages: " + "[" * 100_000, "more than 50 levels"),
        ("a: &a [1]\nstages: *a\n", "the anchor '&a' is not read"),
    ],
)
def test_a_damaged_lock_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    path = tmp_path / "dvc.lock"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        read_lock(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and words in message and REMEDY in message
    assert "\n" not in message and len(message) < 600
    before = path.read_bytes()
    with pytest.raises(UserError):
        update_lock(tmp_path, {"three": RECORD})
    assert path.read_bytes() == before, "what cannot be read is not written over"


def test_a_lock_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").mkdir()
    with pytest.raises(UserError, match=r"dvc\.lock: is a folder, not a file"):
        read_lock(tmp_path)
    (tmp_path / "dvc.lock").rmdir()
    os.mkfifo(tmp_path / "dvc.lock")
    with pytest.raises(UserError, match=r"dvc\.lock: is a pipe, not a file"):
        read_lock(tmp_path)


@pytest.mark.parametrize("content", ["", "# nothing\n", "schema: '2.0'\n", "schema: '2.0'\nstages: {}\n"])
def test_a_lock_without_stages_is_empty(tmp_path: Path, content: str) -> None:
    assert read_lock(tmp_path) == {}
    (tmp_path / "dvc.lock").write_text(content)
    assert read_lock(tmp_path) == {}


@pytest.mark.attacks(1000)
def test_any_damage_is_refused_or_read_as_dvc_reads_it(tmp_path: Path) -> None:
    """A thousand locks with something cut out, put in or changed."""
    source = random.Random(0)
    path, refused = tmp_path / "dvc.lock", 0
    for _ in range(1000):
        data = bytearray(LOCK.encode())
        for _ in range(source.randint(1, 3)):
            start = source.randrange(len(data))
            end = start + source.choice([0, 1, 1, source.randrange(50)])
            data[start:end] = source.choice(
                [b"", b":", b"- ", b"\n", b"  ", b"[", b"~", b"'", source.randbytes(1)]
            )
        path.write_bytes(data)
        try:
            ours = read_lock(tmp_path)
        except UserError as error:
            refused += 1
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        else:
            assert ours == load_yaml(str(path))["stages"]
    assert 200 < refused < 1000


def test_texts_that_dvc_writes_without_quotes_stay_texts(tmp_path: Path) -> None:
    texts = ["1:30", ".5e3", "yes", "0o8", "1.2.3", "2024-1-1", "010", "2024-01-01", "1e5", "=", "a\tb"]
    record = {"cmd": "true", "params": {"params.yaml": {"own": texts}}, "outs": [FILE]}
    (tmp_path / "dvc.lock").write_text(dumps_yaml({"schema": "2.0", "stages": {"one": record}}))
    assert read_lock(tmp_path) == {"one": record}


def test_the_lock_of_a_large_study_is_read_quickly(tmp_path: Path) -> None:
    """DVC's own reader takes about twenty times as long."""
    record = {**RECORD, "deps": [FILE] * 25, "outs": [FILE] * 4}
    update_lock(tmp_path, {f"stage{number}": record for number in range(600)})
    assert (tmp_path / "dvc.lock").stat().st_size > 1_000_000
    begin = time.process_time()
    assert len(read_lock(tmp_path)) == 600
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("dvc.yaml", "- 1\n", "must hold keys with values"),
        ("dvc.yaml", "", "must hold keys with values"),
        ("dvc.yaml", "stages: 1\n", "stages: is no mapping"),
        ("dvc.yaml", "stages: {a: 1}\n", "stages.a.cmd: is no text"),
        ("dvc.yaml", "stages: {a: {foreach: [1]}}\n", "stages.a.cmd: is no text"),
        ("dvc.yaml", "stages: {a: {cmd: x, deps: y}}\n", "stages.a: deps, params, outs"),
        ("dvc.yaml", "stages: {}\nvars: [1]\n", "vars: is no list of mappings"),
        ("dvc.yaml", "stages: {a: {cmd: x}\n", "not valid YAML"),
        ("dvc.yaml", "stages: {a: {cmd: !x y}}\n", "stages.a.cmd (line 1): the tag '!x'"),
        ("params.yaml", "- 1\n", "must hold keys with values"),
        ("params.yaml", "a: 010\n", "a (line 1): 010 means different things"),
        ("params.yaml", None, "not found; `python -m nm_vqtsg study new DIR`"),
        ("dvc.yaml", None, "not found; `python -m nm_vqtsg study new DIR`"),
    ],
)
def test_damaged_files_of_a_study_are_refused(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {a: {cmd: x}}\n")
    (tmp_path / "params.yaml").write_text("a: 1\n")
    Pipeline(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError) as caught:
        Pipeline(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / name}: ") and words in message and "\n" not in message
    done = subprocess.run(
        [sys.executable, "-m", "nm_vqtsg.engines.job", "a"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr and words in done.stdout + done.stderr
