"""dvc.lock changes where a run changed something, looks as DVC writes it, and is left alone otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.utils.serialize import load_yaml
from quick_project import run_all, study

from nm_vqtsg.engines.locktext import update_lock
from nm_vqtsg.engines.store import read_lock


def dvc_repro(project: Path) -> None:
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=project, check=True)


def by_snakemake(project: Path) -> None:
    run_all(project)
    study(project).commit()


@pytest.mark.parametrize("engine", [by_snakemake, dvc_repro])
def test_an_idle_run_does_not_touch_it(project: Path, engine) -> None:
    engine(project)
    path = project / "dvc.lock"
    before, time = path.read_bytes(), path.stat().st_mtime_ns
    assert study(project).commit() == 0
    study(project).settle()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, time)


def test_a_study_that_is_not_to_be_recorded(project: Path) -> None:
    """What ran is in the cache, so that either engine knows it."""
    run_all(project)
    unrecorded = study(project)
    unrecorded._record = False
    unrecorded.settle()
    assert not (project / "dvc.lock").exists()
    assert study(project).due == set()


def long(project: Path) -> None:
    """Commands and values that DVC writes in more than one way."""
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(text.replace("&& date", f"&& echo {' and more' * 20} && date"))
    (project / "params.yaml").write_text(
        "names: [a, b]\n"
        "first: {rate: 1e-6, text: 'no', other: '1.5', on: true, none: null, list: [1, 2.0, x y], empty: {}}\n"
        "second: {depth: 1}\n"
    )


def test_it_is_what_dvc_writes_to_the_byte(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long(project)
    monkeypatch.chdir(project)
    run_all(project)
    study(project).commit()
    ours = (project / "dvc.lock").read_text()
    (project / "dvc.lock").unlink()
    with Repo(str(project)) as repo:
        repo.commit(force=True)
    assert (project / "dvc.lock").read_text() == ours


def differing(before: str, after: str) -> set[str]:
    """Names of the records whose lines differ, those of new ones included."""

    def blocks(text: str) -> dict[str, str]:
        return {block.partition(":")[0]: block for block in text.split("\n  ") if not block.startswith(" ")}

    old, new = (" ".join(text.split("\n    ")) for text in (before, after))
    assert old.split("\n  ")[0] == new.split("\n  ")[0]  # the head
    old_blocks, new_blocks = blocks(old), blocks(new)
    assert list(old_blocks) == list(new_blocks)[: len(old_blocks)]
    return {name.strip() for name, block in new_blocks.items() if old_blocks.get(name) != block}


@pytest.mark.parametrize("engine", [by_snakemake, dvc_repro])
def test_a_change_changes_its_own_records_alone(project: Path, engine) -> None:
    long(project)
    engine(project)
    path = project / "dvc.lock"
    before = path.read_text()
    (project / "b.txt").write_text("another\n")
    by_snakemake(project)
    assert differing(before, path.read_text()) == {"first@b", "second"}
    with Repo(str(project)) as repo:
        assert repo.status() == {}


HAND = """\
# by hand
schema: '2.0'
stages:
  "one":
    cmd: >-
      a long
      command

    params: {params.yaml: {rate: 1.0e-06}}   # kept
  three: {cmd: z}
"""


@pytest.mark.parametrize("end", ["", "datasets:\n- name: theirs\n  one: 1\n"])
def test_lines_of_others_stay(tmp_path: Path, end: str) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(HAND + end)
    update_lock(tmp_path, {"three": {"cmd": "w"}})
    assert path.read_text() == HAND.replace("three: {cmd: z}", "three:\n    cmd: w") + end
    update_lock(tmp_path, {"three": {"cmd": "w"}, "one": read_lock(tmp_path)["one"]})
    assert "# kept" in path.read_text()
    update_lock(tmp_path, {"four": {"cmd": "v"}})
    assert [*read_lock(tmp_path)] == ["one", "three", "four"]
    assert load_yaml(path).get("datasets") == (None if not end else [{"name": "theirs", "one": 1}])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{schema: '2.0', stages: {one: {cmd: x}, two: {cmd: y}}}",
        "stages:\n    one:\n        cmd: x\n    two: {cmd: y}\nschema: '2.0'",
        "schema: '2.0'\r\nstages:\r\n  one:\r\n    cmd: x\r\n  two:\r\n    cmd: y",
    ],
)
def test_any_layout_is_understood(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(text)
    entry = {"path": "x", "md5": 32 * "0"}
    one = {"cmd": "z", "deps": [entry], "outs": [entry]}
    update_lock(tmp_path, {"one": one, "two": {"cmd": "y"}})
    expected = {"schema": "2.0", "stages": {"one": one, "two": {"cmd": "y"}}}
    assert load_yaml(path) == expected
    assert read_lock(tmp_path) == expected["stages"]
