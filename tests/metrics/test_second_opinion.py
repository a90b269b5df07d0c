"""The metrics beside the FCN's, each where the answer is known."""

import numpy as np
import pytest
from scipy import stats

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.classifiers import classification_score, real_or_generated
from nm_vqtsg.metrics.neighbours import manifold_scores, memorisation
from nm_vqtsg.metrics.tsgbench import autocorrelation_difference, marginal_difference, tsgbench_distances


def noise(n: int, seed: int, d: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def waves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two classes of sines: (n, 1, 30), (n,)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    t = np.linspace(0, 1, 30)
    X = np.sin(2 * np.pi * ((2 + 2 * y)[:, None] * t + rng.uniform(size=(n, 1)))) + 0.2 * rng.normal(size=(n, 30))
    return X[:, None], y


def test_manifold_scores_of_equal_distributions() -> None:
    """Density about 1 and coverage about 1 - 2^-k, as derived by Naeem et al."""
    found = manifold_scores(noise(800, 0), noise(800, 1), k=5)
    assert found["density"] == pytest.approx(1, abs=0.06)
    assert found["coverage"] == pytest.approx(1 - 2**-5, abs=0.02)
    assert found["precision"] > 0.85
    assert found["recall"] > 0.85


def test_manifold_scores_tell_the_two_failures_apart() -> None:
    real = np.concatenate([noise(100, 0), noise(100, 1) + 50])
    one_mode = manifold_scores(real, noise(200, 2))
    assert one_mode["precision"] > 0.8  # all samples are realistic
    assert one_mode["recall"] < 0.55  # but half of what is real is never made
    assert one_mode["coverage"] < 0.55
    spread = manifold_scores(noise(200, 0), np.concatenate([noise(100, 3), noise(100, 4) + 50]))
    assert spread["precision"] < 0.55
    assert spread["recall"] > 0.7
    with pytest.raises(DataError, match="more than 5"):
        manifold_scores(real[:5], real)


def test_manifold_scores_by_hand() -> None:
    """On a line with k = 1: real 0, 1, 3 own balls of radius 1, 1, 2; samples 0.5 and 4 own 3.5 each."""
    found = manifold_scores(np.array([[0.0], [1], [3]]), np.array([[0.5], [4.0]]), k=1)
    assert found == pytest.approx({"precision": 1, "recall": 1, "density": (2 + 1) / 2, "coverage": 1})


def test_manifold_scores_equal_their_definition() -> None:
    """Counted pair by pair, in many dimensions, with a copy among the samples."""
    real, generated = noise(40, 0, 60), noise(30, 1, 60) * 0.9
    generated[3] = real[5]

    def balls(points: np.ndarray) -> list[float]:
        return [sorted(float(np.linalg.norm(one - other)) for other in points)[3] for one in points]

    def inside(centres: np.ndarray, radii: list[float], points: np.ndarray) -> np.ndarray:
        return np.array([[np.linalg.norm(c - p) < r for p in points] for c, r in zip(centres, radii, strict=True)])

    in_real = inside(real, balls(real), generated)
    in_generated = inside(generated, balls(generated), real)
    assert manifold_scores(real, generated, k=3) == pytest.approx(
        {
            "precision": in_real.any(0).mean(),
            "recall": in_generated.any(0).mean(),
            "density": in_real.sum(0).mean() / 3,
            "coverage": in_real.any(1).mean(),
        }
    )


def test_memorisation() -> None:
    rng = np.random.default_rng(0)
    train, test, fresh = (noise(n, seed, 12)[:, None] for n, seed in ((200, 0), (60, 1), (300, 2)))
    fair = memorisation(fresh, train, test, rng)
    assert fair["closer_to_train"] == pytest.approx(0.5, abs=0.1)
    assert fair["distance_ratio"] == pytest.approx(1, abs=0.05)
    assert fair["copies"] == 0
    learnt = memorisation(np.concatenate([train[:50], fresh[:150]]), train, test, rng)
    assert learnt["copies"] == 0.25
    copied = memorisation(train + 1e-3, train, train[:60] + 1.0, rng)
    assert copied["copies"] == 0
    assert copied["closer_to_train"] > 0.9 or copied["distance_ratio"] < 1


def test_samples_as_good_as_real_series_teach_as_well() -> None:
    X_test, y_test = waves(60, 1)
    good, spread = classification_score(*waves(60, 0), X_test, y_test, fits=2)
    assert good > 0.95
    assert spread >= 0
    X, y = waves(60, 2)
    swapped, _ = classification_score(X, 1 - y, X_test, y_test, fits=1)
    assert swapped < 0.05
    with pytest.raises(DataError, match="two classes"):
        classification_score(X, 0 * y, X_test, y_test)


def test_several_channels_have_a_classifier_too() -> None:
    (X, y), (X_test, y_test) = waves(40, 0), waves(40, 1)
    both = (np.concatenate([x, -x], axis=1) for x in (X, X_test))
    assert classification_score(next(both), y, next(both), y_test, fits=1)[0] > 0.9


def test_real_or_generated() -> None:
    rng = np.random.default_rng(0)
    assert real_or_generated(noise(300, 0), noise(300, 1), rng).auc == pytest.approx(0.5, abs=0.1)
    assert real_or_generated(noise(300, 0), noise(100, 1) + 5, rng).auc > 0.99
    with pytest.raises(DataError, match="five"):
        real_or_generated(noise(4, 0), noise(9, 1), rng)


def test_tsgbench_is_zero_for_equal_sets() -> None:
    X, _ = waves(50, 0)
    assert tsgbench_distances(X, X) == {"mdd": 0, "acd": 0, "sd": 0, "kd": 0}


def test_marginal_difference_by_hand() -> None:
    """Two bins of width 1/2: (.5, .5) against (1, 0), and against values outside."""
    real = np.array([0.0, 1.0]).reshape(2, 1, 1)
    assert marginal_difference(real, np.zeros((3, 1, 1)), bins=2) == pytest.approx((0.5 + 0.5) / 2 / 0.5)
    assert marginal_difference(real, np.full((3, 1, 1), 9.0), bins=2) == pytest.approx((0.5 + 0.5) / 2 / 0.5)


def test_autocorrelation_difference_of_known_processes() -> None:
    """White noise against noise that repeats each value twice: correlation 1/2 at lag one."""
    white = noise(400, 0, 200)[:, None]
    pairs = np.repeat(noise(400, 1, 100), 2, axis=1)[:, None]
    assert autocorrelation_difference(white, pairs, max_lag=10) == pytest.approx(0.5, abs=0.02)


def test_skewness_and_kurtosis_of_known_distributions() -> None:
    rng = np.random.default_rng(0)
    normal, exponential = rng.normal(size=(2000, 1, 50)), rng.exponential(size=(2000, 1, 50))
    found = tsgbench_distances(normal, exponential)
    assert found["sd"] == pytest.approx(2, abs=0.1)
    assert found["kd"] == pytest.approx(6, abs=0.8)
    assert found["sd"] == pytest.approx(abs(stats.skew(normal.ravel()) - stats.skew(exponential.ravel())))
    assert np.isfinite(list(tsgbench_distances(np.ones((5, 1, 9)), normal[..., :9]).values())).all()
