"""The command line on saved models: sample, and export out of a study."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import run
from small_model import labelled_waves, small_generator, small_mapper

from nm_vqtsg import NeuralMapper, load_generator
from nm_vqtsg.artifacts import load_npz, save_json
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.estimators.neural_mapper import NeuralMapper as Mapper
from nm_vqtsg.params import Params, as_yaml
from nm_vqtsg.study.paths import Paths

X, y = labelled_waves()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `model`, labelled and mapped, and `plain`, neither."""
    folder = tmp_path_factory.mktemp("place")
    model = small_generator().fit(X, np.where(y == "slow", 10, 2))
    model.save(folder / "model")
    small_mapper().fit(model, X).save(folder / "model")
    small_generator().fit(X).save(folder / "plain")
    small_generator().fit(X).save(folder / "pipes")
    (folder / "pipes" / "stage1.safetensors").unlink()
    os.mkfifo(folder / "pipes" / "stage1.safetensors")
    os.mkfifo(folder / "pipe.csv")
    return folder


def test_samples_of_a_class_mapped_into_a_csv(place: Path) -> None:
    done = run(place, "sample", "model", "-n", "6", "--class", "10", "--seed", "1", "--out", "a.csv")
    assert done.returncode == 0 and done.stdout.strip() == "written: a.csv (6 series, mapped)", done.stderr
    table = pd.read_csv(place / "a.csv")
    assert table["label"].tolist() == [10] * 6 and table.shape == (6, 31)
    generator, mapper = load_generator(place / "model", progress=False), NeuralMapper.load(place / "model")
    expected = mapper.transform(generator.sample(6, 10, rng=1))
    np.testing.assert_array_equal(table.drop(columns="label").to_numpy(np.float32), expected[:, 0])


def test_samples_of_each_class_unmapped_into_an_npz(place: Path) -> None:
    done = run(place, "sample", "model", "-n", "2", "--per-class", "--unmapped", "--out", "b.npz")
    assert done.stdout.strip() == "written: b.npz (4 series)", done.stderr
    arrays = load_npz(place / "b.npz", required=("X", "y"))
    assert arrays["y"].tolist() == [2, 2, 10, 10]
    expected = load_generator(place / "model", progress=False).sample(4, [2, 2, 10, 10])
    assert np.array_equal(arrays["X"], expected)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["model", "-n", "3", "--class", "3", "--out", "x.csv"],
            "class '3' is unknown; the classes are 2, 10",
        ),
        (
            ["plain", "-n", "3", "--class", "3", "--out", "x.csv"],
            "trained without labels; leave out --class",
        ),
        (["plain", "-n", "3", "--per-class", "--out", "x.csv"], "leave out --per-class"),
        (["model", "-n", "3", "--class", "2", "--per-class", "--out", "x.csv"], "exclude each other"),
        (["model", "-n", "0", "--out", "x.csv"], "0 series cannot be drawn"),
        (["model", "-n", "-3", "--class", "2", "--out", "x.csv"], "-3 series cannot be drawn"),
        (
            ["model", "-n", "3", "--seed", "-1", "--out", "x.csv"],
            "a seed (random_state, rng) is a whole number",
        ),
        (["model", "-n", "3", "--out", "x.xls"], "x.xls: '.xls' files are not written"),
        (["nowhere", "-n", "3", "--out", "x.csv"], "nowhere: holds no generator.json"),
        (["model", "--out", "x.csv"], "the folder of a model goes with -n and --out"),
        (["--dataset", "FordA", "--seed", "0", "-n", "3"], "need the folder of a model"),
        (["--dataset", "FordA"], "or --dataset and --seed of a study"),
        (["model", "-n", "3", "--out", "x.csv", "--device", "tpu"], "--device: 'tpu' is not one of"),
        (
            ["model", "-n", "3", "--out", "x.csv", "--progress", "loud"],
            "--progress: 'loud' is not one of",
        ),
        (
            ["nowhere", "-n", "3", "--out", "model/generator.json/x.csv"],
            "is not a folder; name another",
        ),
        (["nowhere", "-n", "3", "--out", "pipe.csv"], "pipe.csv: is a pipe, not a file; name a file"),
        (["nowhere", "-n", "3", "--out", "/dev/x.csv"], "/dev/x.csv: is a device, not a file"),
        (["nowhere", "-n", "3", "--out", "a" * 5000 + "x.csv"], "File name too long"),
        (["pipes", "-n", "3", "--out", "x.csv"], "stage1.safetensors: is a pipe, not a file"),
    ],
)
def test_a_mistake_is_one_line_and_no_file(place: Path, arguments: list[str], words: str) -> None:
    done = run(place, "sample", *arguments)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and words in done.stderr
    assert not list(place.glob("*x.*"))


def test_classes_that_would_be_formulas(tmp_path: Path) -> None:
    labels = np.array(["=cmd|' /C calc'!A0", "'tis"])
    small_generator().fit(X, labels[np.arange(len(X)) % 2]).save(tmp_path / "model")
    done = run(tmp_path, "sample", "model", "-n", "2", "--per-class", "--out", "x.csv")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "x.csv")
    assert table["label"].tolist() == ["'tis", "'tis", "'=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"]
    assert read_own(tmp_path / "x.csv", name="x").labels.tolist() == ["'tis"] * 2 + [labels[0]] * 2


@pytest.fixture
def study(tmp_path: Path) -> Paths:
    """A trained run of a study: scaled series, classes 0 and 1."""
    params = Params(datasets=("FordA",), seeds=(0,))
    (tmp_path / "params.yaml").write_text(as_yaml(params))
    paths = Paths(tmp_path, "FordA", 0)
    scaling = Scaling.of(X)
    scaled = scaling.apply(X)
    ids = (y == "slow").astype(np.int64)
    Series(scaled, ids, np.array(["-1", "1"]), scaling).save(paths.train)
    model = small_generator(random_state=0, scale=False).fit(scaled, ids)
    model.tokenizer_.save(paths.weights(1))
    model.prior_.save(paths.weights(2))
    Mapper(small_mapper().stage3, tau=0.3, progress=False, device="cpu").fit(model.tokenizer_, scaled).save(
        paths.weights(3)
    )
    return paths


def test_a_run_leaves_the_study_in_the_units_and_labels_of_the_data(study: Paths) -> None:
    done = run(study.study, "export", "--dataset", "FordA", "--seed", "0", "--out", "model")
    assert done.returncode == 0 and done.stdout.strip() == "written: model (generator, mapper)", done.stderr
    generator = load_generator(study.study / "model", progress=False)
    mapper = NeuralMapper.load(study.study / "model")
    assert generator.classes_.tolist() == ["-1", "1"]
    X_hat = generator.sample(20, "1", rng=0)
    assert 80 < X_hat.mean() < 120 and 60 < mapper.transform(X_hat).mean() < 140
    done = run(study.study, "sample", "model", "-n", "2", "--class", "-1", "--out", "x.csv")
    assert done.returncode == 0, done.stderr
    card = (study.study / "model" / "README.md").read_text()
    assert "# TimeVQVAE: FordA" in card and "-1 (12), 1 (12)" in card and "| seed | 0 |" in card
    save_json(
        study.metrics, {"n": {"generated": 5, "test": 4}, "intervals": {}, "missing": {}} | {"amplitude": {}}
    )
    again = run(study.study, "export", "--dataset", "FordA", "--seed", "0", "--out", "model")
    assert again.stdout.strip() == "written: model (generator, mapper, scores)", again.stderr


def test_export_refuses_in_one_line(study: Paths) -> None:
    (study.study / "full").mkdir()
    (study.study / "full" / "thesis.tex").write_text("years of work")
    study.weights(2).unlink()
    for arguments, words in (
        (["--dataset", "FordA", "--seed", "0", "--out", "full"], "is not empty and holds no saved model"),
        (["--dataset", "FordA", "--seed", "0", "--out", "model"], "stage2.safetensors: no such file"),
        (["--dataset", "FordA", "--seed", "4", "--out", "model"], "seeds has no 4"),
    ):
        done = run(study.study, "export", *arguments)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and words in done.stderr, done.stderr
    assert not (study.study / "model").exists()
