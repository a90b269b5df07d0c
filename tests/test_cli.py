"""The command line: a user's mistake is one line on standard error and status 1, and nothing is left behind."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nm_vqtsg import __version__
from nm_vqtsg.artifacts import load_json
from nm_vqtsg.params import Params, as_yaml, load_params, override

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "nm_vqtsg", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    params = override(Params(), ["datasets=[ItalyPowerDemand]", "seeds=[0]", "data.source=sktime"])
    (tmp_path / "params.yaml").write_text(as_yaml(params))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stage1", "--dataset", "Nothing", "--seed", "0"], ["params.yaml", "Nothing", "ItalyPowerDemand"]),
        (["stage1", "--dataset", "ItalyPowerDemand", "--seed", "7"], ["params.yaml", "seeds has no 7"]),
        (
            ["stage1", "--dataset", "ItalyPowerDemand", "--seed", "0"],
            ["train.npz", "no such file", "run the step"],
        ),
        (["stage1", "--dataset", "$(touch x); ../x", "--seed", "0"], ["params.yaml", "datasets has no"]),
        (["download", "--dataset", "ItalyPowerDemand", "--device", "tpu"], ["--device", "tpu", "cuda"]),
        (["tables"], ["no run has been evaluated yet"]),
        (["study", "show"], ["no run has been evaluated yet"]),
        (["params", "--check", "nothing.yaml"], ["nothing.yaml", "no such file"]),
    ],
)
def test_a_mistake_is_one_line(study: Path, arguments: list[str], words: list[str]) -> None:
    done = run(*arguments, cwd=study)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.endswith("begins")]
    assert len(lines) == 1 and lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]
    assert not (study / "results").exists() and not (study / "x").exists()


def test_a_misspelt_parameter_stops_every_step(study: Path) -> None:
    text = (study / "params.yaml").read_text()
    (study / "params.yaml").write_text(text.replace("class_dropout", "clas_dropout"))
    done = run("download", "--dataset", "ItalyPowerDemand", cwd=study)
    assert done.returncode == 1 and "stage2.clas_dropout" in done.stderr and "class_dropout" in done.stderr
    assert not (study / "data").exists()


def test_the_default_parameters_are_printed() -> None:
    assert run("params").stdout == as_yaml(Params())


@pytest.mark.parametrize(
    "place", ["logs/download-ItalyPowerDemand.log", ".checkpoints/download-ItalyPowerDemand.lock"]
)
def test_a_pipe_in_the_study_does_not_block(study: Path, place: str) -> None:
    (study / place).parent.mkdir()
    os.mkfifo(study / place)
    done = run("download", "--dataset", "ItalyPowerDemand", cwd=study)
    assert done.returncode == 1 and f"{place}: is a pipe, not a file; name a file" in done.stderr


def test_first_steps_run_and_log(study: Path) -> None:
    for step in ("download", "resplit"):
        done = run(step, "--dataset", "ItalyPowerDemand", cwd=study)
        assert done.returncode == 0, done.stderr
        assert f"{step}-ItalyPowerDemand is done" in (study / "logs" / f"{step}-ItalyPowerDemand.log").read_text()
    assert (study / "data" / "ItalyPowerDemand" / "train.npz").is_file()


def test_any_file_is_measured_against_any_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    t = np.linspace(0, 6.28, 24)
    for name, noise in (("real", 0.1), ("fake", 0.5)):
        X = np.sin(t + rng.uniform(0, 6.28, (60, 1))) + noise * rng.standard_normal((60, 24))
        np.savetxt(tmp_path / f"{name}.csv", X, delimiter=",")
    done = run("evaluate", "--real", "real.csv", "--synthetic", "fake.csv", "--out", "scores.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "60 synthetic against 60 real series" in done.stdout and "rocket_fid" in done.stdout
    assert "kid, is, is_gap, cfid (needs a judge, and the real series have no labels).\nTo measure that: name" in (
        done.stdout
    )
    assert (
        "Judge" not in done.stdout
        and "Not measured: reference, memorisation (needs the real series" in done.stdout
    )
    assert "* precision: share of the samples that lie near a real series" in done.stdout
    scores = load_json(tmp_path / "scores.json")
    assert scores["synthetic"]["rocket_fid"] > 0 and "fid" not in scores["synthetic"]
    assert scores["judge"] is None and "--labels" in scores["remedies"]["fid"]
    again = run("evaluate", "--real", "real.csv", "--synthetic", "real.csv", "--out", "same.json", cwd=tmp_path)
    assert again.returncode == 0
    assert load_json(tmp_path / "same.json")["synthetic"]["rocket_fid"] < 1e-6


def test_measuring_files_needs_both(tmp_path: Path) -> None:
    done = run("evaluate", "--real", "real.csv", cwd=tmp_path)
    assert done.returncode == 1 and "--real and --synthetic go together" in done.stderr


def test_overrides_are_checked(study: Path) -> None:
    from nm_vqtsg.errors import ParameterError

    params = load_params(study / "params.yaml")
    assert override(params, ["stage2.lf.width=64", "tau_grid=[0.1, 3]"]).tau_grid == (0.1, 3)
    for change in ("stage1.stepz=1", "nothing=1", "stage1.steps", "stage1.steps=0", "seeds=[0,0]", "datasets.x=1"):
        with pytest.raises(ParameterError):
            override(params, [change])


def test_the_version_and_the_commands(tmp_path: Path) -> None:
    done = run("--version", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == f"nm-vqtsg {__version__}\n" and not list(tmp_path.iterdir())
    completion = {"_NM_VQTSG_COMPLETE": "complete_bash", "COMP_WORDS": "nm-vqtsg fi", "COMP_CWORD": "1"}
    code = "import sys; sys.argv = ['nm-vqtsg']; from nm_vqtsg.cli import main; main()"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | completion
    shell = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert shell.stdout.split() == ["fit", "fingerprint"]
    for command in ("fit", "sample", "evaluate"):
        assert run(command, "--help", cwd=tmp_path).returncode == 0


def test_a_study_in_a_foreign_folder_says_what_it_needs(tmp_path: Path) -> None:
    done = run("study", "new", "mine", cwd=tmp_path)
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    assert "name a folder below a clone of nm-vqtsg, whose pipeline a study runs" in done.stderr
    assert "for a file of your own, fit needs neither" in done.stderr and done.stderr.count("\n") == 1


def test_the_command_line_starts_without_the_study_extra(tmp_path: Path) -> None:
    """An installed wheel has neither Snakemake nor, but for what dvclive brings, DVC."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(['dvc', 'snakemake', 'dvclive', 'dvc.repo'])\n"
        "from nm_vqtsg import cli\n"
        "import nm_vqtsg.commands.fit, nm_vqtsg.commands.sample_model, nm_vqtsg.commands.evaluate_files\n"
        "print('fine')"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "fine\n", done.stderr
