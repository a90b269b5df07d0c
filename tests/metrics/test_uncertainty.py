"""Intervals: they cover what they should, and a change without substance is not a win."""

import numpy as np
import pytest

from nm_vqtsg.metrics.directions import change_percent
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.metrics.kid import kid
from nm_vqtsg.metrics.uncertainty import (
    centred_interval,
    change_interval,
    class_fid_draws,
    fid_draws,
)


def test_changes_of_the_papers_tables() -> None:
    """FordA of Tables 1 and 2, from the rounded entries."""
    assert change_percent(1.44, 1.62, better="higher") == pytest.approx(12.5)
    assert change_percent(6.03, 7.74, better="lower") == pytest.approx(-22.1, abs=0.05)
    assert np.isnan(change_percent(1, 0, better="lower"))


def test_centred_interval_drops_the_bias_of_the_draws() -> None:
    draws = 7 + np.linspace(-1, 1, 1001)
    low, high = centred_interval(0.5, draws, smallest=0)
    assert (low, high) == (0, pytest.approx(1.45))
    assert np.isnan(centred_interval(1.0, np.zeros(0))).all()


def test_change_interval_agrees_with_its_sign() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(500, 2)) * 0.01
    low, high = change_interval((2.0, 1.0), noise, better="lower")
    assert 94 < low < 97 < 103 < high < 106  # a ratio's error: 1.96 * 0.01 * sqrt(1 + 2**2)
    low, high = change_interval((2.0, 1.0), noise, better="higher")
    assert -52 < low < -50 < high < -48
    low, high = change_interval((1.0, 1.001), noise, better="lower")
    assert low < 0 < high
    low, high = change_interval((1.0, 0.98), 0.1 * rng.normal(size=(500, 1)) * np.ones(2), "lower")
    assert 0 < low < 2.04 < high  # luck that both share cancels


def test_change_to_a_score_within_noise_of_zero_is_a_clear_change() -> None:
    """How much better is unknown, that it is better is not."""
    noise = np.random.default_rng(0).normal(size=(500, 2)) * 0.01
    low, high = change_interval((1.0, 0.001), noise, better="lower")
    assert low > 1000
    assert high == pytest.approx(99_900)
    low, high = change_interval((0.012, 0.001), noise, better="lower")
    assert low < 0


def test_fid_interval_has_the_width_of_fresh_samples() -> None:
    """Bootstrap spread against the spread over 60 fresh pairs of samples of the same distributions."""
    rng = np.random.default_rng(0)
    fresh = [fid(rng.normal(size=(150, 3)), rng.normal(size=(150, 3)) + 0.7) for _ in range(60)]
    a, b = rng.normal(size=(150, 3)), rng.normal(size=(150, 3)) + 0.7
    draws = np.array(list(fid_draws(a, [b], 150, rng)))[:, 0]
    assert draws.std() == pytest.approx(np.std(fresh), rel=0.4)


def test_class_draws_stay_in_their_class() -> None:
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(20, 2)), rng.normal(size=(20, 2)) + 100])
    y = np.repeat([0, 1], 20)
    drawn = list(class_fid_draws(real, y, [real, real + 1], y, 3, 30, rng))
    assert all(list(draw) == [0, 1] for draw in drawn)  # the third class has no series
    draws = np.array([list(draw.values()) for draw in drawn])
    assert draws.shape == (30, 2, 2)
    assert draws[:, :, 0].max() < 3
    assert list(class_fid_draws(real[:1], y[:1], [real], y, 2, 30, rng)) == []


def test_kid_is_unbiased_and_its_interval_covers_zero_for_equal_distributions() -> None:
    rng = np.random.default_rng(0)
    found = [kid(rng.normal(size=(30, 8)), rng.normal(size=(40, 8))) for _ in range(200)]
    values = np.array([one.value for one in found])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    covered = np.mean([one.low <= 0 <= one.high for one in found])
    assert covered > 0.9


def test_kid_interval_covers_the_truth_for_different_distributions() -> None:
    rng = np.random.default_rng(1)
    truth = kid(rng.normal(size=(2000, 4)), rng.normal(size=(2000, 4)) + 0.5).value
    found = [kid(rng.normal(size=(60, 4)), rng.normal(size=(60, 4)) + 0.5) for _ in range(150)]
    assert 0.88 < np.mean([one.low <= truth <= one.high for one in found]) <= 1
    assert truth > 0.1


def test_kid_by_hand() -> None:
    a, b = np.array([[0.0], [1], [2]]), np.array([[1.0], [1], [3]])

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y + 1) ** 3)

    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = (
        np.mean([k(a[i], a[j]) for i, j in pairs])
        + np.mean([k(b[i], b[j]) for i, j in pairs])
        - 2 * np.mean([k(x, y) for x in a for y in b])
    )
    assert kid(a, b).value == pytest.approx(expected)
