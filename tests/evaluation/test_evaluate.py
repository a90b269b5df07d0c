"""The whole dictionary on data whose answer is known."""

import json
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from untrained import untrained_judge

from nm_vqtsg.artifacts import canonical_json
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import DataError
from nm_vqtsg.evaluation import scores as scores_module
from nm_vqtsg.evaluation.any_series import NamedSeries, measure_any
from nm_vqtsg.evaluation.evaluate import amplitude, evaluate_samples
from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.evaluation.scores import Samples
from nm_vqtsg.evaluation.table import better
from nm_vqtsg.judge import network as fcn
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.directions import BETTER, gain
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.metrics.inception import inception_score
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Evaluate, Rocket

LABELS = ("-1", "1", "7")
SHORT = Evaluate(
    is_splits=5, bootstrap=20, cas_fits=1, network_seeds=1, network_steps=2, reference_draws=3, seed=0
)
ROCKET = Rocket(n_kernels=50, seed=0)


def series(n: int, seed: int, scale: float = 1.0, y: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3 if y is None else y
    t = np.linspace(0, 1, 20)
    X = np.sin(2 * np.pi * (1 + y[:, None]) * t + rng.uniform(0, 0.5, (n, 1))) + 0.1 * rng.normal(size=(n, 20))
    return (scale * X[:, None]).astype(np.float32), y


@pytest.fixture(scope="module", autouse=True)
def quick_trimming() -> Iterator[None]:
    """A stand-in for the isolation forest, which is tested on its own: it drops the farthest tenth."""

    def nearest(features: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(features - features.mean(0), axis=1)
        return features[distance <= np.quantile(distance, 0.9)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores_module, "inliers", nearest)
        yield


@pytest.fixture(scope="module")
def judge() -> Judge:
    """An FCN of 16 features; untrained, for what is tested here is what is made of its features."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcn, "BLOCKS", ((8, 8), (16, 5)))
        patch.setattr(fcn, "FEATURES", 16)
        return untrained_judge(1, 3)


def real(n: int, seed: int, y: np.ndarray | None = None, labels: tuple[str, ...] = LABELS) -> Series:
    X, classes = series(n, seed, y=y)
    return Series(X, classes, np.array(labels), Scaling.none(1))


def unlabelled(n: int, seed: int) -> Series:
    return Series(series(n, seed)[0], None, None, Scaling.none(1))


def generated(scale: float) -> Samples:
    X, _ = series(60, 5, scale)
    X_class, y_class = series(30, 6, scale)
    return Samples(X, X_class, y_class)


@pytest.fixture(scope="module")
def result(judge: Judge) -> dict:
    """Baseline samples of half the amplitude, which the mapper has mended."""
    return evaluate_samples(
        real(90, 1),
        {"baseline": generated(0.5), "mapped": generated(1.0)},
        train=real(45, 2),
        judge=judge,
        rocket=ROCKET,
        config=SHORT,
    )


def test_the_mended_samples_win(result: dict) -> None:
    for name in ("fid", "fid_trimmed", "cfid", "rocket_fid", "kid", "rocket_kid"):
        assert result["mapped"][name] < result["baseline"][name], name
    assert result["change_percent"]["fid"] > 100
    assert result["unresolved"]["fid"] is False
    low, high = result["intervals"]["change_percent"]["fid"]
    assert 0 < low < result["change_percent"]["fid"] < high
    for name in ("fid", "cfid"):
        assert result["gain"][name] == result["baseline"][name] - result["mapped"][name]
        low, high = result["intervals"]["gain"][name]
        assert 0 < low < result["gain"][name] < high
    assert result["gain"]["is"] == result["mapped"]["is"] - result["baseline"]["is"]
    for version in ("baseline", "mapped"):
        per_class = result["intervals"][version]["cfid_per_class"]
        assert list(per_class) == list(LABELS)
        for label, (low, high) in per_class.items():
            assert low <= result[version]["cfid_per_class"][label] <= high
    for version in ("baseline", "mapped"):
        for name in ("fid", "is", "cfid", "kid", "rocket_kid"):
            low, high = result["intervals"][version][name]
            assert low <= result[version][name] <= high, name


def test_every_number_is_what_it_says(result: dict, judge: Judge) -> None:
    test, samples, rocket = series(90, 1)[0], generated(0.5), RocketFeatures(1, 20, n_kernels=50, seed=0)
    assert result["baseline"]["fid"] == fid(judge.features(test), judge.features(samples.X))
    assert result["baseline"]["rocket_fid"] == pytest.approx(fid(rocket(test), rocket(samples.X)))
    assert result["baseline"]["is_normalized"] == pytest.approx(result["baseline"]["is"] / 3)
    per_class = result["baseline"]["cfid_per_class"]
    assert list(per_class) == list(LABELS)
    assert result["baseline"]["cfid"] == pytest.approx(np.mean(list(per_class.values())))
    probabilities = [judge.features_and_probabilities(X)[1] for X in (test, samples.X)]
    whole = [inception_score(p[: len(p) // 5 * 5], 5)[0] for p in probabilities]
    assert result["baseline"]["is_gap"] == pytest.approx(abs(whole[0] - whole[1]), abs=0.1)
    before, after = result["baseline"]["fid"], result["mapped"]["fid"]
    assert result["change_percent"]["fid"] == pytest.approx(before / after * 100 - 100)
    before, after = result["baseline"]["is"], result["mapped"]["is"]
    assert result["change_percent"]["is"] == pytest.approx(after / before * 100 - 100)
    assert result["fcn_accuracy"] == judge.accuracy(*series(90, 1))


def test_reference_and_sizes(result: dict) -> None:
    """TRAIN is the smaller set here, so the samples are cut to its size for the comparison."""
    assert result["n"] == {"test": 90, "train": 45, "generated": 60, "per_class": 10}
    reference = result["reference"]
    assert reference["n"] == 45
    assert reference["fid"] < reference["baseline_fid_at_n"]
    assert reference["mapped_fid_at_n"] < reference["baseline_fid_at_n"]
    assert {"fid_trimmed", "is", "cfid", "rocket_fid"} <= set(reference)


def test_amplitudes(result: dict) -> None:
    spread = result["amplitude"]
    assert spread["baseline"]["mean"] == pytest.approx(0.5 * spread["test"]["mean"], rel=0.1)
    assert spread["mapped"]["mean"] == pytest.approx(spread["test"]["mean"], rel=0.1)
    flat = amplitude(np.ones((4, 2, 8)))
    assert flat == {"mean": 0, "sd": 0, "q25": 0, "median": 0, "q75": 0}


def test_second_opinion(result: dict) -> None:
    baseline, mapped = result["baseline"]["second_opinion"], result["mapped"]["second_opinion"]
    assert mapped["cas"] > 0.95
    for name in ("auc", "mdd", "coverage", "density", "sliced_wasserstein", "spectrum"):
        assert gain(name, baseline[name], mapped[name]) > 0, name
    assert "closer_to_train" not in result["reference"]["second_opinion"]


def test_every_score_has_a_direction(result: dict) -> None:
    """And every direction belongs to a score, so that neither list can fall behind the other."""
    spreads = {"is_spread", "cas_sd", "context_fid_sd", "discriminative_sd", "predictive_sd"}
    elsewhere = {"cross_correlation", "is_trimmed", "cfid_trimmed"}  # channels; published judge
    assert set(flat_scores(result["mapped"])) - spreads == set(BETTER) - elsewhere
    assert better("fid") == "lower" and better("is") == "higher, up to real series" and better("auc") == "near 0.5"
    assert gain("auc", 1.0, 0.6) == pytest.approx(0.4) and gain("density", 1.1, 1.4) == pytest.approx(-0.3)


def test_same_seed_same_json(result: dict, judge: Judge) -> None:
    again = evaluate_samples(
        real(90, 1),
        {"baseline": generated(0.5), "mapped": generated(1.0)},
        train=real(45, 2),
        judge=judge,
        rocket=ROCKET,
        config=SHORT,
    )
    assert canonical_json(again) == canonical_json(result)
    assert json.loads(canonical_json(result))["missing"] == {}


def test_equal_versions_are_unresolved(judge: Judge) -> None:
    """The same samples drawn anew: whatever the change, it is no win."""
    X, _ = series(60, 7)
    X_class, y_class = series(30, 8)
    result = evaluate_samples(
        real(90, 1),
        {"baseline": generated(1.0), "mapped": Samples(X, X_class, y_class)},
        judge=judge,
        rocket=ROCKET,
        config=Evaluate(is_splits=5, bootstrap=40, cas_fits=0, network_seeds=0),
    )
    assert result["unresolved"]["fid"] is True
    networks = {"context_fid", "discriminative", "predictive"}
    assert set(result["missing"]) == {"reference", "memorisation", "cas", *networks}


def test_without_labels() -> None:
    result = evaluate_samples(
        unlabelled(90, 1),
        {"baseline": Samples(generated(0.5).X), "mapped": Samples(generated(1).X)},
        train=unlabelled(45, 2),
        rocket=ROCKET,
        config=SHORT,
    )
    assert {"rocket_fid", "rocket_kid", "second_opinion"} == set(result["baseline"])
    assert result["baseline"]["second_opinion"]["features"] == "rocket"
    assert "cas" in result["missing"]
    assert {"fid", "is", "cfid"} <= set(result["missing"])
    assert "labels" in result["missing"]["fid"]
    assert result["change_percent"]["rocket_fid"] > 0
    assert result["reference"]["baseline_rocket_fid_at_n"] > result["reference"]["rocket_fid"]


def test_several_channels_have_a_correlation() -> None:
    X, Z = (series(40, seed)[0] for seed in (1, 2))
    test, alike, apart = (np.concatenate(pair, 1) for pair in ((X, X), (Z, Z), (Z, -Z)))
    result = evaluate_samples(
        Series(test, None, None, Scaling.none(2)),
        {"alike": Samples(alike), "apart": Samples(apart)},
        rocket=ROCKET,
        config=SHORT,
    )
    scores = {name: result[name]["second_opinion"] for name in ("alike", "apart")}
    assert scores["alike"]["cross_correlation"] == pytest.approx(0, abs=1e-6)
    assert scores["apart"]["cross_correlation"] == pytest.approx(2)
    assert scores["alike"]["context_fid"] < scores["apart"]["context_fid"]


def test_a_class_with_one_series_is_named(judge: Judge) -> None:
    y = np.array([0] * 20 + [1] * 20 + [2])
    result = evaluate_samples(
        real(41, 1, y),
        {"synthetic": generated(1.0)},
        train=real(41, 2, y),
        judge=judge,
        rocket=ROCKET,
        config=SHORT,
    )
    assert list(result["synthetic"]["cfid_per_class"]) == ["-1", "1"]
    assert "1 real series" in result["missing"]["cfid of class 7"]
    assert "change_percent" not in result


def test_what_does_not_fit_is_refused(judge: Judge) -> None:
    test, settings = real(30, 1), {"rocket": ROCKET, "config": SHORT}
    with pytest.raises(DataError, match="must agree"):
        evaluate_samples(test, {"a": Samples(np.zeros((5, 1, 19)))}, **settings)
    with pytest.raises(DataError, match="not finite"):
        evaluate_samples(test, {"a": Samples(np.full((5, 1, 20), np.nan))}, **settings)
    with pytest.raises(DataError, match="differ in number"):
        evaluate_samples(test, {"a": Samples(test.X), "b": Samples(test.X[1:])}, **settings)
    with pytest.raises(DataError, match="3 classes and the data have 2"):
        two = real(30, 1, np.arange(30) % 2, ("a", "b"))
        evaluate_samples(two, {"a": generated(1)}, judge=judge, **settings)


def test_measuring_loads_nothing_that_only_shows_or_checks() -> None:
    """An edit of tables, or of checks of what users hand in, leaves finished evaluations as they are."""
    program = "import sys, nm_vqtsg.evaluation.evaluate; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "nm_vqtsg.evaluation.scores" in loaded
    for module in ("evaluation.table", "report", "evaluation.any_series", "datasets.arrays", "tables"):
        assert f"nm_vqtsg.{module}" not in loaded


def test_samples_of_a_study_are_no_real_series() -> None:
    X = np.zeros((4, 1, 12))
    samples = NamedSeries("samples.npz", X, np.array(["a", "b"]), True, X[:2])
    for real, train in ((samples, None), (NamedSeries("real.npz", X, None, True), samples)):
        with pytest.raises(DataError, match=r"^samples.npz: holds samples of a study, and no real series"):
            measure_any(real, {"synthetic": samples}, train)
