"""Names in params.yaml cannot leave their folder or inject shell, whichever engine reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.params import Params, as_yaml

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = [
    "x; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "x && touch pwned",
    "x | touch pwned",
    "x\ntouch pwned",
    "' ; touch pwned ; '",
    '" ; touch pwned ; "',
    "x > pwned",
    "two words",
    "..",
    "../../pwned",
    "/tmp/pwned",
    "-x",
    "",
    "Fоrd",  # a Cyrillic o
    "FordA\u200b",  # a space without width
    "ＦｏｒｄＡ",  # full-width letters
]


def project(folder: Path, **changes: Any) -> Path:
    """A project with some parameters, as somebody else may have sent it."""
    folder.mkdir()
    for name in ("dvc.yaml", "Snakefile"):
        shutil.copy(ROOT / name, folder)
    for name in ("src", "workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    content = yaml.safe_load(as_yaml(Params())) | {"datasets": ["ECG5000"], "seeds": [0]} | changes
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return folder


def listing(folder: Path) -> set[str]:
    """Files in a folder and beside it, but for what the engines keep for themselves."""
    own = (".dvc", ".git", ".snakemake", ".dvcignore", "logs")
    return {
        str(path.relative_to(folder.parent))
        for path in folder.parent.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not {*own} & {*path.parts}
    }


def run(folder: Path, *command: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    assert done.returncode != 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("name", [HOSTILE[0], HOSTILE[1], HOSTILE[5], HOSTILE[11]])
def test_the_commands_refuse_hostile_names_before_they_use_them(tmp_path: Path, name: str) -> None:
    """What DVC would hand to the shell, handed to the shell."""
    folder = project(tmp_path / "project", datasets=[name])
    before = listing(folder)
    command = next(stage.cmd for stage in Pipeline(folder).stages.values() if stage.step == "download")
    assert name in command, "the name is to stand in the command as it is, as DVC writes it"
    assert "error: params.yaml: datasets" in run(folder, "/bin/sh", "-c", command)
    assert listing(folder) == before


def test_every_command_begins_with_the_check() -> None:
    """The check must end the line, whatever follows it."""
    for stage in Pipeline(ROOT).stages.values():
        check, run_it = stage.cmd.split(" || exit 1; ")
        assert check == "export PYTHONPATH=src && python -m nm_vqtsg params --quiet --check params.yaml"
        assert run_it.startswith(f"exec python -m nm_vqtsg {stage.step}")


@pytest.mark.engines
@pytest.mark.faults
@pytest.mark.parametrize("engine", ["dvc", "snakemake"])
@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_hostile_names_in_both_engines(tmp_path: Path, name: str, engine: str) -> None:
    folder = project(tmp_path / "project", datasets=[name])
    refuse(folder, engine)


@pytest.mark.engines
@pytest.mark.faults
@pytest.mark.parametrize("engine", ["dvc", "snakemake"])
@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": ["0; touch pwned"]},
        {"seeds": ["$(touch pwned)"]},
        {"guard": "true", "datasets": ["x; touch pwned"]},
        {"src": "x; touch pwned"},
        {"own_data": {"x; touch pwned": {"path": "x.csv"}}, "datasets": ["x; touch pwned"]},
        {"own_data": {"../x": {"path": "x.csv"}}, "datasets": ["../x"]},
    ],
    ids=["seed", "seed2", "guard", "src", "own", "own path"],
)
def test_hostile_parameters_in_both_engines(tmp_path: Path, changes: dict[str, Any], engine: str) -> None:
    refuse(project(tmp_path / "project", **changes), engine)


def refuse(folder: Path, engine: str) -> None:
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True)
    before = listing(folder)
    arguments = ["dvc", "repro"] if engine == "dvc" else ["snakemake", "--cores", "1"]
    said = run(folder, sys.executable, "-m", *arguments)
    assert "Traceback" not in said, said
    assert listing(folder) == before
