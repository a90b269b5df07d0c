"""What real series score, over draws of them, and when samples are as good."""

from typing import Any

import numpy as np
import pytest

from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.evaluation.evaluate import evaluate_samples
from nm_vqtsg.evaluation.floor import at_floor, floor
from nm_vqtsg.evaluation.reference import _Plan
from nm_vqtsg.evaluation.scores import Samples
from nm_vqtsg.metrics.directions import within_reach
from nm_vqtsg.params import Evaluate, Rocket

ROCKET = Rocket(n_kernels=40)


def config(draws: int) -> Evaluate:
    return Evaluate(bootstrap=0, network_seeds=0, reference_draws=draws)


def real(n: int, seed: int) -> Series:
    rng = np.random.default_rng(seed)
    X = np.sin(np.linspace(0, 6, 24) + rng.uniform(0, 3, (n, 1))) + 0.2 * rng.normal(size=(n, 24))
    return Series(X[:, None].astype(np.float32), None, None, Scaling.none(1))


def measured(n_train: int, draws: int = 4) -> dict[str, Any]:
    samples = {"good": Samples(real(40, 7).X), "bad": Samples(2 * real(40, 7).X)}
    return evaluate_samples(real(50, 0), samples, train=real(n_train, 1), rocket=ROCKET, config=config(draws))


def test_real_samples_are_at_the_floor_and_others_are_not() -> None:
    result = measured(200)
    reference = result["reference"]
    assert reference["draws"] == 4 and reference["n"] == 40
    assert set(reference["sd"]) >= {"rocket_fid", "auc", "mdd", "sliced_wasserstein", "spectrum"}
    for score in ("rocket_fid", "spectrum"):
        assert at_floor(result, "bad", score) is False, score
    told = [
        at_floor(result, "good", score) for score in reference["sd"] if score in result["good"]["second_opinion"]
    ]
    assert sum(bool(at) for at in told) >= 0.7 * len(told) > 3
    assert floor(result, "rocket_fid") == (reference["rocket_fid"], reference["sd"]["rocket_fid"])
    assert at_floor(result, "good", "fid") is None


def test_scores_are_means_over_draws_where_train_has_enough() -> None:
    one, several = measured(200, 1)["reference"], measured(200, 4)["reference"]
    assert one["sd"] == {} and one["rocket_fid"] != several["rocket_fid"]
    gap = abs(one["rocket_fid"] - several["rocket_fid"])
    assert gap < 3 * several["sd"]["rocket_fid"]


def test_a_small_train_is_scored_once_and_has_a_spread_all_the_same() -> None:
    """All of TRAIN in every draw: without replacement each would be the same."""
    one, several = measured(40, 1)["reference"], measured(40, 4)["reference"]
    assert one["rocket_fid"] == several["rocket_fid"]
    assert several["sd"]["rocket_fid"] > 0 and one["sd"] == {}


def test_where_the_reference_is_smaller_only_fid_at_its_size_is_told() -> None:
    result = measured(20)
    assert result["reference"]["n"] == 20
    assert at_floor(result, "bad", "spectrum") is None and at_floor(result, "bad", "rocket_fid") is False
    result["reference"]["good_rocket_fid_at_n"] = result["reference"]["rocket_fid"]
    assert at_floor(result, "good", "rocket_fid") is True


def test_classes_with_few_series_are_drawn_with_replacement() -> None:
    y = np.array([0] * 30 + [1] * 4)
    X = np.arange(34, dtype=np.float32)[:, None, None] * np.ones((1, 1, 4), np.float32)
    plan = _Plan(Series(X, y, np.array(["a", "b"]), Scaling.none(1)), 10, 10)
    first, again = plan.draw(np.random.default_rng(0)), plan.draw(np.random.default_rng(0), again=True)
    assert len(np.unique(first.X[:, 0, 0])) == len(np.unique(again.X[:, 0, 0])) == 10  # 34 series are enough
    assert first.y_class is not None and np.bincount(first.y_class).tolist() == [10, 4]
    assert again.X_class is not None and len(np.unique(again.X_class[:, 0, 0])) < 14
    scores = [{"fid": 1.0, "cfid": 1.0, "part": {"mdd": 2.0}, "cas": 0.5}, {"fid": 3.0, "cfid": 5.0, "part": {}}]
    assert plan.mean(scores) == {"fid": 2.0, "cfid": 1.0, "part": {"mdd": 2.0}, "cas": 0.5}
    assert plan.sd([*scores, {"fid": 2.0, "cfid": 7.0}]) == {"fid": 1.0, "cfid": pytest.approx(2**0.5)}


@pytest.mark.parametrize(
    ("score", "value", "at"),
    [
        ("fid", 1.15, True),
        ("fid", 1.25, False),
        ("fid", 0.0, True),
        ("recall", 0.85, True),
        ("recall", 0.75, False),
        ("recall", 2.0, True),
        ("is", 1.15, True),
        ("is", 1.25, False),
        ("is", 0.75, False),
    ],
)
def test_within_two_sd_in_the_scores_direction(score: str, value: float, at: bool) -> None:
    assert within_reach(score, value, real=1.0, sd=0.1) is at


def test_of_a_best_value_the_distance_counts() -> None:
    assert within_reach("auc", 0.44, 0.52, 0.025) and not within_reach("auc", 0.6, 0.52, 0.025)
