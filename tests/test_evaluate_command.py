"""evaluate --real --synthetic: layouts of files, sets that are the same, and options that make no sense."""

import logging
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import run
from sktime.datasets import load_italy_power_demand

from nm_vqtsg import evaluate, format_scores
from nm_vqtsg.artifacts import load_json, save_npz
from nm_vqtsg.commands.evaluate_files import evaluate_files
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.datasets.writers import write_series
from nm_vqtsg.errors import UserError
from nm_vqtsg.evaluation.table import ON_VALIDATION
from nm_vqtsg.markdown import escape_markdown
from nm_vqtsg.params import Evaluate, Params, Rocket
from nm_vqtsg.session import Session

SMALL = {
    "rocket": {"n_kernels": 20},
    "protocol": {"bootstrap": 2, "cas_fits": 0, "network_steps": 2},
    "progress": False,
}
X, Y = load_italy_power_demand(return_type="numpy3D")
REAL, TRAIN, FAKE = X[:40], X[40:90], X[90:130] * 1.1


def long_csv(path: Path, X: np.ndarray, y: np.ndarray | None = None) -> None:
    ids, hours = np.repeat(np.arange(len(X)), 24), np.tile(np.arange(24), len(X))
    table = pd.DataFrame({"home": ids, "hour": hours, "kW": X.ravel()})
    if y is not None:
        table["kind"] = np.repeat(y, 24)
    table.to_csv(path, index=False)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    long_csv(tmp_path / "real.csv", REAL, Y[:40])
    long_csv(tmp_path / "train.csv", TRAIN, Y[40:90])
    write_series(tmp_path / "fake.csv", FAKE, Y[90:130])
    write_series(tmp_path / "real.npz", REAL)
    write_series(tmp_path / "fake.npz", FAKE)
    return tmp_path


def test_a_study_s_val_is_named(tmp_path: Path) -> None:
    """Its VAL says that it is no TEST, its TEST nothing; both are series that the study has scaled."""
    scaling, params = Scaling.of(REAL), Params(rocket=Rocket(n_kernels=20), evaluate=Evaluate(network_seeds=0))
    arrays = {"X": scaling.apply(REAL), "mean": scaling.mean, "std": scaling.std}
    for validation in (True, False, None):
        Series(arrays["X"], None, None, scaling, bool(validation)).save(tmp_path / "test.npz")
        if validation is None:  # written by another hand, with the answer no
            save_npz(tmp_path / "test.npz", **arrays, validation=np.array(False))
        save_npz(tmp_path / "samples.npz", X=scaling.apply(FAKE), provenance=np.array("{}"))
        found = evaluate_files(tmp_path / "test.npz", tmp_path / "samples.npz", params=params).scores
        assert ("evaluated_on" in found) == (ON_VALIDATION in format_scores(found)) == bool(validation)


def test_long_files_are_measured_as_the_series_they_hold(files: Path) -> None:
    """Samples in our own layout, and the real series in the user's."""
    named = ["--series-column", "home", "--time-column", "hour", "--labels", "kind"]
    done = run(files, "evaluate", "--real", "real.csv", "--synthetic", "fake.csv", *named, "--out", "long.json")
    assert done.returncode == 0, done.stderr
    assert "40 synthetic against 40 real series" in done.stdout
    done = run(files, "evaluate", "--real", "real.npz", "--synthetic", "fake.npz", "--out", "npz.json")
    assert done.returncode == 0, done.stderr
    long, npz = load_json(files / "long.json"), load_json(files / "npz.json")
    assert long["n"] == npz["n"] | {"per_class": 25} and npz["n"] == {"test": 40, "generated": 40}
    assert long["warnings"] == npz["warnings"] == {}
    assert long["synthetic"]["rocket_fid"] == pytest.approx(npz["synthetic"]["rocket_fid"], rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "'home'.*'hour'.*--layout long --series-column 'home' --time-column 'hour'"),
        (["--layout", "wide"], "'home'.*'hour'.*--layout long"),
        (["--layout", "long"], r"real\.csv: has no column 'series'; it has 'home'"),
        (["--layout", "tall"], "--layout: 'tall' is not one of wide, long"),
        (["--layout", "wide", "--series-column", "home"], "go with --layout long"),
        (["--series-column", "home", "--time-column", "hour"], "'kind' would be a channel .*--labels"),
        (["--device", "tpu"], "--device: 'tpu' is not one of auto, cpu, cuda"),
        (["--progress", "loud"], "--progress: 'loud' is not one of auto, bar, lines, none"),
        (["--out", "real.csv"], "--out is one of the files to measure"),
        (["--out", "fake.csv/x.json"], "not a folder; name another place"),
        (["--out", "."], "is a folder, not a file"),
        (["--real", "pipe.csv"], "pipe.csv: is a pipe, not a file; name a file"),
        (
            ["--fcn", "pipe.csv", "--series-column", "home", "--time-column", "hour", "--labels", "kind"],
            "is a pipe",
        ),
        (["--real", "x" * 5000 + ".csv"], "File name too long.*; correct the path"),
        (["--real", "a\nb\x1b[2J.csv"], r"a\\nb\\x1b\[2J\.csv: no such file"),
        (["--synthetic", "/dev/zero", "--real", "real.npz"], "/dev/zero: is a device, not a file"),
    ],
)
def test_what_makes_no_sense_is_one_line(files: Path, arguments: list[str], words: str) -> None:
    os.mkfifo(files / "pipe.csv")
    before = sorted(files.iterdir())
    done = run(files, "evaluate", "--real", "real.csv", "--synthetic", "fake.csv", *arguments)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and len(done.stderr) < 1100
    assert re.search(words, done.stderr), done.stderr
    assert sorted(files.iterdir()) == before


def test_options_of_files_are_not_ignored_elsewhere(files: Path) -> None:
    for arguments, words in (
        (
            ["--train", "real.npz", "--layout", "long", "--dataset", "FordA", "--seed", "0"],
            "--train, --layout go with",
        ),
        (["--out", "x.json"], "--out go with --real and --synthetic"),
        (
            ["--real", "real.npz", "--synthetic", "fake.npz", "--layout", "long"],
            "are for .csv files; leave them out",
        ),
    ):
        done = run(files, "evaluate", *arguments)
        assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The project's logger, which is left as it was."""
    logger = logging.getLogger("nm_vqtsg")
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield logger
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.mark.usefixtures("logger")
@pytest.mark.parametrize("progress", ["lines", "none", "auto"])
def test_progress_is_shown_as_asked(files: Path, progress: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nm_vqtsg.commands import evaluate_files as module

    def measure(*_: Any, session: Session, **__: Any) -> None:
        assert session.device.type == "cpu"
        with session.track("counting", 3) as task:
            task.advance(3)
        raise UserError("that was all")

    monkeypatch.setattr(module, "evaluate_files", measure)
    done = run(files, "evaluate", "--real", "a", "--synthetic", "b", "--device", "cpu", "--progress", progress)
    assert done.stderr.splitlines()[-1] == "error: that was all"
    assert ("counting: 3/3" in done.stderr) is (progress != "none")


def test_a_file_that_is_given_twice_is_warned_of(files: Path) -> None:
    shutil.copy(files / "real.npz", files / "copy.npz")
    for real, synthetic, train in (("real.npz", "fake.npz", "copy.npz"), ("real.npz", "copy.npz", None)):
        more = [] if train is None else ["--train", train]
        done = run(files, "evaluate", "--real", real, "--synthetic", synthetic, *more, "--out", "x.json")
        assert done.returncode == 0, done.stderr
        (warning,) = load_json(files / "x.json")["warnings"]["evaluate"]
        assert "hold the same series" in warning and f"Warning: {escape_markdown(warning)}." in done.stdout
        assert "real.npz" in warning and "copy.npz" in warning


def test_sets_that_share_series_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    clean = evaluate(REAL, FAKE, train=TRAIN, **SMALL)
    assert clean["warnings"] == {} and not caplog.records and "Warning" not in format_scores(clean)
    mixed = np.concatenate([FAKE[:30], REAL[:3], TRAIN[:4]])
    found = evaluate(REAL, mixed, train=np.concatenate([TRAIN, REAL[:5]]), **SMALL)
    warnings = found["warnings"]["evaluate"]
    assert [warning.partition(",")[0] for warning in warnings] == [
        "5 of the 40 series of real stand in train",
        "3 of the 37 series of synthetic stand in real",
        "7 of the 37 series of synthetic stand in train",  # those of REAL that are in TRAIN are copies, too
    ]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == warnings
    assert format_scores(found).count("Warning: ") == 3


def test_the_same_series_in_another_precision_are_the_same(tmp_path: Path) -> None:
    write_series(tmp_path / "a.csv", REAL)
    np.savez(tmp_path / "b.npz", X=REAL.astype(np.float32))
    done = run(tmp_path, "evaluate", "--real", "a.csv", "--synthetic", "b.npz")
    assert "Warning: b.npz and a.csv hold the same series" in done.stdout, done.stderr
