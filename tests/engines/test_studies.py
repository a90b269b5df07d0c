"""Study directories: the same workflow, results of their own."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from .conftest import Workspace, jobs

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("engine", ["snakemake", "dvc"])
def test_a_study_directory_in_either_engine(done: Workspace, engine: str) -> None:
    before = {path: path.read_bytes() for path in done.path.glob("results/**/*") if path.is_file()}
    parameters = (done.path / "params.yaml").read_bytes()
    folder = done.path / "studies" / "mine"
    folder.mkdir(parents=True)
    shutil.copy(done.path / "params.yaml", folder)
    study = Workspace(done.path, folder)
    study.env["PYTHONPATH"] = str(done.path / "src")
    study.call("python", "-m", "nm_vqtsg", "study", "new", "studies/mine", cwd=done.path)
    del study.env["PYTHONPATH"]
    study.set(datasets=["ItalyPowerDemand"])
    study.snakemake() if engine == "snakemake" else study.dvc("repro")
    assert len(study.ran()) == 11
    study.assert_idle()
    assert "Nothing to be done" in study.snakemake()
    study.set(tau_grid=[2, 4])
    study.dvc("repro") if engine == "snakemake" else study.snakemake()
    assert study.ran() == jobs("tau_search stage3 evaluate plot tables", ("ItalyPowerDemand",))
    study.assert_idle()
    assert {path: path.read_bytes() for path in before} == before
    assert (done.path / "params.yaml").read_bytes() == parameters
    done.assert_idle()


def test_the_demonstration_leaves_the_clone_as_it_was(fresh: Workspace) -> None:
    """What `make demo` runs, with tiny parameters: git sees none of it, and DVC knows all of it."""
    folder = fresh.path / "studies" / "demo"
    folder.mkdir(parents=True)
    shutil.copy(fresh.path / "params.yaml", folder)
    demo = Workspace(fresh.path, folder)
    demo.set(datasets=["ItalyPowerDemand"])
    demo.env["PYTHONPATH"] = str(fresh.path / "src")
    recipe = (fresh.path / "Makefile").read_text().partition("\ndemo: install\n")[2].partition("\n\n")[0]
    commands = [shlex.split(line.replace("\t@$(BIN)/", "")) for line in recipe.splitlines()]
    assert [command[0] for command in commands] == ["python", "snakemake", "python"]
    demo.call(*commands[0], cwd=fresh.path)
    fresh.git("add", "studies")
    fresh.git("commit", "--quiet", "--message=The demonstration")
    for command in commands:
        said = demo.call(*command, cwd=fresh.path)
        assert fresh.git("status", "--porcelain") == ""
    assert "Tables:  studies/demo/results/tables" in said
    assert len(demo.ran()) == 11
    assert "Nothing to be done" in demo.call(*commands[1], cwd=fresh.path)
    del demo.env["PYTHONPATH"]
    assert "studies/demo/dvc.yaml:tables" in fresh.dvc("status")
    demo.dvc("repro")
    assert demo.ran() == set()
    demo.assert_idle()


def test_a_study_of_another_version_is_refused(fresh: Workspace) -> None:
    folder = fresh.path / "studies" / "mine"
    folder.mkdir(parents=True)
    shutil.copy(fresh.path / "params.yaml", folder)
    shutil.copy(fresh.path / "dvc.yaml", folder)
    refused = fresh.snakemake("--directory", "studies/mine", "-n", check=False)
    assert "studies/mine/dvc.yaml: is not the project's dvc.yaml; run `python -m nm_vqtsg study new" in refused


def test_a_wrong_parameter_is_refused_before_any_job(fresh: Workspace) -> None:
    fresh.replace("params.yaml", "  steps: 3 ", "  steps: 0 ")
    refused = fresh.snakemake(check=False)
    assert "stage1.steps" in refused and "Traceback" not in refused
    assert not Path(fresh.path / "data").exists()
