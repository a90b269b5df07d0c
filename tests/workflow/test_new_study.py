"""Where no study can be made, one line says why and what to do, and nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from nm_vqtsg.params import PRESETS, load_params

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What of the project a new study is made from."""
    root = tmp_path / "clone"
    (root / "src" / "nm_vqtsg").mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    Repo.init(str(root), no_scm=True)
    return root


def study_new(place: str, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nm_vqtsg", "study", "new", place, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def refusal(place: str, cwd: Path, *arguments: str) -> str:
    before = sorted(cwd.rglob("*"))
    done = study_new(place, cwd, *arguments)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and len(done.stderr) < 500
    assert sorted(cwd.rglob("*")) == before
    return done.stderr


def test_in_a_clone(clone: Path) -> None:
    done = study_new("studies/mine", clone, "--set", "seeds=[7]")
    assert (done.returncode, done.stderr) == (0, "")
    assert "- 7\n" in (clone / "studies" / "mine" / "params.yaml").read_text()


def test_with_a_preset(clone: Path) -> None:
    done = study_new("studies/mine", clone, "--preset", "paper", "--set", "stage3.dropout=0.25")
    assert (done.returncode, done.stderr) == (0, "")
    params = clone / "studies" / "mine" / "params.yaml"
    stage3 = load_params(params).stage3
    assert (stage3.multipliers, stage3.dropout) == ((1, 2, 4, 8), 0.25)  # --set goes on top
    assert study_new("studies/mine", clone, "--preset", "best").returncode == 0
    assert load_params(params) == PRESETS["best"]  # nothing of the paper's is left
    assert "preset: 'bst' is unknown; there are paper, best" in refusal("studies/other", clone, "--preset", "bst")


def test_outside_of_any_project(tmp_path: Path) -> None:
    assert "studies/mine: not inside a DVC repository; name a folder below a clone" in refusal(
        "studies/mine", tmp_path
    )


@pytest.mark.parametrize("stages", [None, b"stages: {}\n", b"\x80\xff"])
def test_in_another_project(tmp_path: Path, stages: bytes | None) -> None:
    Repo.init(str(tmp_path), no_scm=True)
    if stages is not None:
        (tmp_path / "dvc.yaml").write_bytes(stages)
    said = refusal("studies/mine", tmp_path)
    assert said.startswith(f"error: {tmp_path}: is another project, without ")
    assert "src/nm_vqtsg; name a folder below a clone of nm-vqtsg" in said
    assert ("dvc.yaml and" in said) == (stages is None)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("params.yaml", "params.yaml is not a folder; name another place"),
        ("params.yaml/mine", "params.yaml is not a folder; name another place"),
        ("studies/" + "x" * 5000, "cannot be a folder (File name too long); name another"),
    ],
)
def test_where_no_folder_can_be(clone: Path, place: str, words: str) -> None:
    assert words in refusal(place, clone)


def test_where_nothing_can_be_written(clone: Path) -> None:
    (clone / "studies").mkdir()
    studies = str(clone / "studies")
    for options in (["--bind", studies, studies], ["-o", "remount,ro,bind", studies]):
        if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
            pytest.skip("nothing may be mounted here")
    try:
        assert "studies/mine" in (said := refusal("studies/mine", clone))
        assert "cannot be written to; mend its permissions" in said
    finally:
        subprocess.run(["umount", "--lazy", studies], check=True)
