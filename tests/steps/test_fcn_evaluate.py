"""The steps fcn and evaluate, and the judging of any two files, on a toy with known answers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from untrained import untrained_judge

from nm_vqtsg.artifacts import load_json, load_npz, save_json, save_model, save_npz
from nm_vqtsg.commands.evaluate_files import evaluate_files
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError, DataError
from nm_vqtsg.evaluation import scores as scores_module
from nm_vqtsg.evaluation.table import format_scores
from nm_vqtsg.judge import network as fcn_module
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.params import Params, Stage1, Stage3, Svq
from nm_vqtsg.steps import evaluate, fcn
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tokenizer import registry

PARAMS = Params.model_validate(
    {
        "datasets": ["Toy"],
        "own_data": {"Toy": {"path": "toy.csv"}},
        "seeds": [0],
        "fcn": {"epochs": 8, "batch_size": 16, "learning_rate": 0.003},
        "evaluate": {"is_splits": 2, "bootstrap": 3, "cas_fits": 1, "network_steps": 2},
        "rocket": {"n_kernels": 50},
    },
    strict=False,
)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small judge, so that the tests take seconds."""
    monkeypatch.setattr(fcn_module, "FEATURES", 16)
    monkeypatch.setattr(fcn_module, "BLOCKS", ((8, 8), (16, 5)))
    monkeypatch.setattr(scores_module, "inliers", lambda features: features[:-2])  # the forest has its own test


def waves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    t = np.linspace(0, 1, 20)
    X = np.sin(2 * np.pi * ((1 + 2 * y)[:, None] * t + rng.uniform(size=(n, 1)))) + 0.1 * rng.normal(size=(n, 20))
    return X[:, None].astype(np.float32), y.astype(np.int64)


class Doubler:
    """Stands for the mapper: it mends samples of half the amplitude."""

    def map(self, x_hat: torch.Tensor) -> torch.Tensor:
        return 2 * x_hat


@pytest.fixture
def study(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path, "Toy", 0)
    for path, n, seed in ((paths.train, 60, 0), (paths.test, 40, 1)):
        X, y = waves(n, seed)
        Series(X, y, np.array(["-1", "1"]), Scaling.none(1)).save(path)
    X, y = waves(50, 2)
    X_class, y_class = waves(20, 3)
    save_npz(paths.samples, X=0.5 * X, y=y, X_class=0.5 * X_class, y_class=y_class)
    search = {"grid": [0.1, 0.5, 1], "fid": [3.0, 1.0, 2.0], "tau": 0.5, "at_edge": False}
    save_json(paths.tau_curve, search | {"n_generated": 10, "n_train": 20})
    tokenizer = registry.build("timevqvae", Stage1(codebook_size=16, last_width=16), 1, 20)
    tokenizer.save(paths.weights(1), {"dataset": "Toy"})
    save_model(paths.weights(3), {}, {"dataset": "Toy"})
    error = {"total": {"mse": 0.1, "l1": 0.1}}
    stage1 = {
        "codebook_size": 1024,
        "usage": {"lf": {"live": 1}},
        "reconstruction": {"train": error, "test": error},
    }
    save_json(paths.report(1), stage1)
    save_json(paths.report(2), {"bands": [], "masked": {"train": {"unconditional": {}}}})
    save_json(paths.report(3), {"l1": 0.1, "l1_input": 0.2, "spread": 1.0})
    return paths


def context(step: str, paths: Paths) -> StepContext:
    return StepContext(step, PARAMS, paths, device="cpu", progress="none")


def test_fcn_then_evaluate(study: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    fcn.run(context("fcn", Paths(study.study, "Toy")))
    report = load_json(study.fcn_report)
    assert report["accuracy"] > 0.9
    assert report["n"] == {"train": 60, "test": 40}
    lines = study.fcn_curve.read_text().splitlines()
    assert len(lines) == report["epochs"] + 1
    assert "validation_loss" in lines[0]

    monkeypatch.setattr(evaluate.Mapper, "load", lambda path, device: Doubler())
    evaluate.run(context("evaluate", study))
    mapped, samples = load_npz(study.mapped), load_npz(study.samples)
    np.testing.assert_array_equal(mapped["X"], 2 * samples["X"])
    np.testing.assert_array_equal(mapped["X_class"], 2 * samples["X_class"])
    np.testing.assert_array_equal(mapped["y"], samples["y"])
    metrics = load_json(study.metrics)
    assert metrics["dataset"] == "Toy"
    assert metrics["seed"] == 0
    assert metrics["tau"] == 0.5
    assert metrics["tau_search"]["fid"] == [3.0, 1.0, 2.0] and metrics["tau_search"]["n_train"] == 20
    assert metrics["n"] == {"train": 60, "test": 40, "generated": 50, "per_class": 10}
    assert metrics["fcn_accuracy"] == pytest.approx(report["accuracy"])
    assert metrics["mapped"]["rocket_fid"] < metrics["baseline"]["rocket_fid"]
    assert list(metrics["mapped"]["cfid_per_class"]) == ["-1", "1"]
    assert {"reference", "change_percent", "intervals", "unresolved", "provenance"} <= set(metrics)
    assert metrics["missing"] == {} and "evaluated_on" not in metrics
    assert set(metrics["controls"]) == {"noise", "smoothed", "quantile_map", "reconstruction"}
    for scores in metrics["controls"].values():
        assert set(scores) == {"fid", "is", "is_gap", "cfid", "rocket_fid"}
        assert scores["rocket_fid"] > metrics["mapped"]["rocket_fid"]
    assert list(metrics["warnings"]) == ["stage1"]
    (warning,) = metrics["warnings"]["stage1"]
    assert "codebook of band LF has collapsed: TRAIN uses 1 of 1024 codes" in warning


def test_without_labels(study: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, seed in ((study.train, 0), (study.test, 1)):
        Series(waves(40, seed)[0], None, None, Scaling.none(1), validation=True).save(path)
    save_npz(study.samples, X=0.5 * waves(50, 2)[0])
    fcn.run(context("fcn", Paths(study.study, "Toy")))
    assert load_json(study.fcn_report)["accuracy"] is None
    assert study.fcn.is_file() and study.fcn_curve.is_file()  # the engines wait for them
    monkeypatch.setattr(evaluate.Mapper, "load", lambda path, device: Doubler())
    evaluate.run(context("evaluate", study))
    metrics = load_json(study.metrics)
    assert "fid" not in metrics["baseline"]
    assert "labels" in metrics["missing"]["fid"]
    assert metrics["fcn_accuracy"] is None
    assert metrics["evaluated_on"] == "validation" and "Measured on VAL" in format_scores(metrics)
    assert all(set(scores) == {"rocket_fid"} for scores in metrics["controls"].values())
    result = evaluate_files(study.test, study.mapped, train=study.train, params=PARAMS).scores
    assert result["scale"].startswith("the series of a study")
    assert result["synthetic"]["rocket_fid"] == pytest.approx(metrics["mapped"]["rocket_fid"])


def test_any_two_files(tmp_path: Path) -> None:
    """In other units, with TRAIN and labels: everything; without TRAIN: what needs no judge, and why."""
    for name, n, seed in (("real", 40, 1), ("fake", 40, 2), ("train", 60, 0)):
        X, y = waves(n, seed)
        np.savez(tmp_path / f"{name}.npz", X=100 + 7 * X[:, 0], y=np.array(["b", "a"])[y])
    paths = {name: tmp_path / f"{name}.npz" for name in ("real", "fake", "train")}
    full = evaluate_files(paths["real"], paths["fake"], train=paths["train"], params=PARAMS).scores
    assert full["fcn_accuracy"] > 0.9
    assert full["missing"] == {}
    assert full["scale"] == "train"
    assert {"fid", "is", "cfid", "kid", "rocket_fid"} <= set(full["synthetic"])
    assert full["synthetic"]["second_opinion"]["copies"] == 0

    less = evaluate_files(paths["real"], paths["fake"], params=PARAMS).scores
    assert "--train" in less["remedies"]["fid"]
    assert "--train" in less["remedies"]["reference"]
    assert "cas" in less["synthetic"]["second_opinion"]  # learns from the synthetic series alone
    assert less["amplitude"]["synthetic"]["mean"] == pytest.approx(less["amplitude"]["test"]["mean"], rel=0.1)


def test_synthetic_series_may_lack_the_labels_that_real_ones_have(tmp_path: Path) -> None:
    for name, n, seed in (("real", 40, 1), ("fake", 40, 2)):
        X, y = waves(n, seed)
        table = pd.DataFrame(X[:, 0])
        if name == "real":
            table.insert(0, "kind", np.array(["b", "a"])[y])
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    real, fake = tmp_path / "real.csv", tmp_path / "fake.csv"
    found = evaluate_files(real, fake, train=real, labels="kind", params=PARAMS).scores
    assert "fid" in found["synthetic"] and "cfid" not in found["synthetic"]
    assert "class" in found["missing"]["cfid"] and "class" in found["missing"]["cas"]
    with pytest.raises(DataError, match=r"fake\.csv: has no column 'kind'"):
        evaluate_files(fake, real, labels="kind", params=PARAMS)
    with pytest.raises(DataError, match=r"gone\.csv: no such file"):
        evaluate_files(tmp_path / "gone.csv", fake, params=PARAMS)


def test_a_studys_files_are_taken_as_scaled(study: Paths) -> None:
    fcn.run(context("fcn", Paths(study.study, "Toy")))
    found = evaluate_files(study.test, study.samples, train=study.train, fcn=study.fcn, params=PARAMS).scores
    assert found["missing"] == {}
    assert found["judge"] == "given (fcn.safetensors)"
    assert found["n"]["per_class"] == 10
    ratio = found["amplitude"]["synthetic"]["mean"] / found["amplitude"]["test"]["mean"]
    assert ratio == pytest.approx(0.5, rel=0.1)


def test_files_that_do_not_belong_together(tmp_path: Path, study: Paths) -> None:
    X, y = waves(20, 0)
    np.savez(tmp_path / "real.npz", X=X, y=y)
    np.savez(tmp_path / "short.npz", X=X[..., :15])
    np.savez(tmp_path / "strange.npz", X=X, y=y + 5)
    with pytest.raises(DataError, match=r"short\.npz"):
        evaluate_files(tmp_path / "real.npz", tmp_path / "short.npz", params=PARAMS)
    with pytest.raises(DataError, match="label '6'|label '5'"):
        evaluate_files(tmp_path / "real.npz", tmp_path / "strange.npz", params=PARAMS)
    untrained_judge(1, 3).save(tmp_path / "three.safetensors")
    with pytest.raises(ArtifactError, match="3 classes"):
        evaluate_files(study.test, study.samples, fcn=tmp_path / "three.safetensors", params=PARAMS)


def test_without_a_mapping_mapped_samples_are_the_generated_ones(study: Paths) -> None:
    """Where the search found none to be better, nothing changes, and the numbers say so."""
    fcn.run(context("fcn", Paths(study.study, "Toy")))
    Mapper(Stage3(), Svq(), None, 1, 20, "0" * 64).save(study.weights(3), {"dataset": "Toy"})
    save_json(study.tau_curve, load_json(study.tau_curve) | {"tau": None})
    save_json(study.report(3), {"tau": None, "steps": 0, "loss": None})
    evaluate.run(context("evaluate", study))
    mapped, samples = load_npz(study.mapped), load_npz(study.samples)
    for name in ("X", "X_class", "y_class"):
        np.testing.assert_array_equal(mapped[name], samples[name])
    metrics = load_json(study.metrics)
    assert metrics["tau"] is None and metrics["mapped"] == metrics["baseline"]
    assert set(metrics["gain"].values()) == {0.0}
    assert metrics["unresolved"] and all(metrics["unresolved"].values())
    assert any("the generated ones" in line for line in metrics["warnings"]["stage3"])
