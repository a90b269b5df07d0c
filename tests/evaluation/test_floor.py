"""What real series score, over draws of them, and when samples are as good."""

from typing import Any

import numpy as np
import pytest
from sktime.datasets import load_italy_power_demand

from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.evaluation.draws import Parts, judged
from nm_vqtsg.evaluation.evaluate import evaluate_samples
from nm_vqtsg.evaluation.floor import at_floor, floor
from nm_vqtsg.evaluation.reference import JUDGED_DRAWS
from nm_vqtsg.evaluation.scores import Samples, Scorer
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.directions import within_reach
from nm_vqtsg.params import Evaluate, Fcn, Rocket

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
    parts = Parts(Series(X, y, np.array(["a", "b"]), Scaling.none(1)), 10, 10)
    first, again = parts.draw(np.random.default_rng(0)), parts.draw(np.random.default_rng(0), again=True)
    assert len(np.unique(first.X[:, 0, 0])) == len(np.unique(again.X[:, 0, 0])) == 10  # 34 series are enough
    assert first.y_class is not None and np.bincount(first.y_class).tolist() == [10, 4]
    assert again.X_class is not None and len(np.unique(again.X_class[:, 0, 0])) < 14
    scores = [{"fid": 1.0, "cfid": 1.0, "part": {"mdd": 2.0}, "cas": 0.5}, {"fid": 3.0, "cfid": 5.0, "part": {}}]
    assert parts.mean(scores) == {"fid": 2.0, "cfid": 1.0, "part": {"mdd": 2.0}, "cas": 0.5}
    wide = (1 - 10 / 34) ** -0.5  # ten of 34 vary less than ten of a great many
    spread = parts.sd([*scores, {"fid": 2.0, "cfid": 7.0}])
    assert spread == {"fid": pytest.approx(wide), "cfid": pytest.approx(2**0.5)}


def test_the_sd_is_that_of_independent_series() -> None:
    """Draws of half of TRAIN overlap in half, and their mean would vary by too little."""
    X = np.random.default_rng(0).normal(size=400)
    parts = Parts(Series(X[:, None, None], None, None, Scaling.none(1)), 200, None)
    rng = np.random.default_rng(1)
    draws = [{"fid": float(parts.draw(rng, again=True).X.mean())} for _ in range(500)]
    assert parts.sd(draws)["fid"] == pytest.approx(X.std() / 200**0.5, rel=0.1)


def judged_reference(n_train: int, draws: int = 3) -> tuple[dict[str, Any], Scorer, Series]:
    X, y = load_italy_power_demand(split="test", return_type="numpy3D")
    scaling, ids = Scaling.of(X), (y == "1").astype(np.int64)
    test, train = (
        Series(scaling.apply(X[rows]), ids[rows], np.array(["1", "2"]), scaling)
        for rows in (slice(None, 200), slice(200, 200 + n_train))
    )
    judge = Judge(Fcn(epochs=2, batch_size=64), 1, 2)
    judge.fit(train.X, train.y)
    samples = {"good": Samples(X=test.X[:150], X_class=test.X[:60], y_class=np.repeat([0, 1], 30))}
    result = evaluate_samples(test, samples, train=train, judge=judge, rocket=ROCKET, config=config(draws))
    return result["reference"], Scorer(test, judge, ROCKET, config(draws), train.X), train


def test_what_the_judge_tells_is_of_many_draws() -> None:
    reference, scorer, train = judged_reference(400)
    parts = Parts(train, 150, 30)
    many = list(judged(scorer, parts, scorer.rng(9), JUDGED_DRAWS))
    assert reference["fid"] == pytest.approx(np.mean([draw["fid"] for draw in many]))
    assert reference["cfid"] == pytest.approx(np.mean(list(reference["cfid_per_class"].values())))
    for key in ("fid", "is", "cfid"):
        assert reference["sd"][key] == pytest.approx(parts.sd(many)[key])
    rows, chosen = parts.rows(scorer.rng(9))
    samples = Samples(train.X[rows], train.X[chosen], train.y[chosen])
    scores = scorer.score(samples, scorer.describe(samples), trained=False)[0]
    for key in ("fid", "cfid"):
        assert many[0][key] == pytest.approx(scores[key], rel=1e-6), key
    assert many[0]["cfid_per_class"] == pytest.approx(scores["cfid_per_class"])


def test_with_a_small_train_only_the_spread_is_of_many_draws() -> None:
    reference, scorer, train = judged_reference(200)
    assert reference["n"] == 150
    stand_in = Parts(train, 150, 30).draw(scorer.rng(1))
    scores = scorer.score(stand_in, scorer.describe(stand_in), trained=False)[0]
    assert reference["fid"] == pytest.approx(scores["fid"], rel=1e-6) and reference["sd"]["fid"] > 0
    assert judged_reference(200, draws=1)[0]["sd"] == {}


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
