"""export-arrays: a study and any files as arrays (N, L, C), in the units and labels of the data."""

from pathlib import Path

import numpy as np
import pytest
from command_line import run
from sktime.datasets import load_basic_motions, load_italy_power_demand

from nm_vqtsg.artifacts import load_json, save_npz
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.datasets.resplit import resplit
from nm_vqtsg.datasets.writers import write_series
from nm_vqtsg.params import Params, as_yaml
from nm_vqtsg.study.paths import Paths

X, Y = load_italy_power_demand(split="train", return_type="numpy3D")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A run whose samples are real series, turned around in time."""
    (tmp_path / "params.yaml").write_text(as_yaml(Params(datasets=("ItalyPowerDemand",), seeds=(3,))))
    paths = Paths(tmp_path, "ItalyPowerDemand", 3)
    train, test = resplit(RawData(X, np.where(Y == "1", "winter", "summer"), len(X)))
    train.save(paths.train)
    test.save(paths.test)
    turned = train.X[..., ::-1]
    save_npz(paths.samples, X=turned, X_class=turned[:4], y_class=np.array([0, 1, 1, 0]), provenance=np.array(""))
    return tmp_path


def export(folder: Path, *options: str) -> Path:
    done = run(folder, "export-arrays", *options, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("written: out (")
    return folder / "out"


def test_a_run_with_its_samples(study: Path) -> None:
    out = export(study, "--dataset", "ItalyPowerDemand", "--seed", "3", "--valid-share", "0.2")
    series = {path.name.removesuffix("_ts.npy"): np.load(path) for path in out.glob("*_ts.npy")}
    assert set(series) == {"train", "valid", "test", "generated", "generated_class"}  # and no mapped yet
    real = np.concatenate([series[split] for split in ("train", "valid", "test")])
    assert real.shape == (67, 24, 1) and len(series["valid"]) == 10
    order = np.lexsort(real[..., 0].T)
    np.testing.assert_allclose(real[order, :, 0], X[np.lexsort(X[:, 0].T), 0], atol=1e-5)  # units of the data
    trained = np.concatenate([series["train"], series["valid"]])
    assert np.allclose(np.sort(series["generated"].ravel()), np.sort(trained.ravel()), atol=1e-6)
    assert read_own(out / "generated_class_ts.npy", name="x").labels.tolist() == [
        *("summer", "winter", "winter", "summer")
    ]
    assert read_own(out / "generated_ts.npy", name="x").labels is None
    back = read_own(out, name="x", keep_split=True)
    assert set(back.labels) == {"summer", "winter"} and load_json(out / "meta.json")["name"] == "ItalyPowerDemand"
    shares = [np.load(out / f"{split}_labels.npy").mean() for split in ("train", "valid", "test")]
    assert np.ptp(shares) < 0.1  # of each class alike


def test_files_of_several_kinds(tmp_path: Path) -> None:
    X, y = load_basic_motions(split="train", return_type="numpy3D")
    write_series(tmp_path / "train.npz", X[:30], y[:30])
    write_series(tmp_path / "test.csv", X[30:], y[30:])
    write_series(tmp_path / "drawn.npz", X[::-1])
    out = export(tmp_path, "--train", "train.npz", "--test", "test.csv", "--generated", "drawn.npz")
    for split, part in (("train", X[:30]), ("test", X[30:]), ("generated", X[::-1])):
        assert np.array_equal(np.load(out / f"{split}_ts.npy"), part.astype(np.float32).transpose(0, 2, 1))
    back = read_own(out, name="x", keep_split=True)
    assert back.labels.tolist() == y.tolist() and back.n_train == 30
    again = run(tmp_path, "export-arrays", "--train", "out", "--test", "out", "--out", "again")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again/test_ts.npy").read_bytes() == (out / "test_ts.npy").read_bytes()


MISTAKES = {
    "nothing": ([], "give --dataset and --seed, or files"),
    "both": (["--dataset", "ItalyPowerDemand", "--seed", "3", "--train", "x.npz"], "--train go without --dataset"),
    "no study yet": (["--dataset", "ItalyPowerDemand", "--seed", "3"], "train.npz: no such file"),
    "a layout for no file": (["--dataset", "ItalyPowerDemand", "--seed", "3", "--layout", "wide"], "--layout"),
    "no share": (["--train", "x.npz", "--valid-share", "1"], "--valid-share: 1.0 is no share"),
    "too small a share": (["--train", "x.npz", "--valid-share", "0.001"], "0.001 of 67 series is none"),
    "a share of nothing": (["--test", "x.npz", "--valid-share", "0.1"], "takes a part of --train"),
    "two valid sets": (["--train", "x.npz", "--valid", "x.npz", "--valid-share", "0.1"], "exclude each other"),
    "scaled series": (["--train", "scaled.npz"], "scaled.npz: holds series that a study has scaled"),
    "no such labels": (["--train", "x.npz", "--labels", "kind"], "has no array 'kind'"),
    "channels that differ": (["--train", "x.npz", "--test", "y.npz"], "sets of 2 shapes"),
    "a full folder": (["--train", "x.npz", "--out", "full"], "full: is not empty; name a new folder"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_no_folder(tmp_path: Path, case: str) -> None:
    arguments, words = MISTAKES[case]
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("")
    (tmp_path / "params.yaml").write_text(as_yaml(Params(datasets=("ItalyPowerDemand",), seeds=(3,))))
    write_series(tmp_path / "x.npz", X, Y)
    write_series(tmp_path / "y.npz", X[:, :, :20])
    save_npz(tmp_path / "scaled.npz", X=X, mean=np.zeros(1), std=np.ones(1))
    before = sorted(tmp_path.rglob("*"))
    chosen = arguments if "--out" in arguments else [*arguments, "--out", "out"]
    done = run(tmp_path, "export-arrays", *chosen)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and words in done.stderr, done.stderr
    assert sorted(tmp_path.rglob("*")) == before
