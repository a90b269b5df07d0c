"""IS and cFID on cases made by hand."""

import numpy as np
import pytest

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.cfid import class_fid
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.metrics.inception import inception_score


def test_certain_and_varied_scores_the_number_of_classes() -> None:
    score, spread = inception_score(np.tile(np.eye(4), (25, 1)), splits=5)
    assert score == pytest.approx(4)
    assert spread == pytest.approx(0)


def test_one_class_or_no_idea_scores_one() -> None:
    assert inception_score(np.tile([[1.0, 0, 0]], (30, 1)))[0] == pytest.approx(1)
    assert inception_score(np.full((30, 3), 1 / 3))[0] == pytest.approx(1)


def test_hand_computed_value() -> None:
    p = np.array([[0.9, 0.1], [0.3, 0.7]])
    marginal = p.mean(0)
    divergence = np.mean([np.sum(row * np.log(row / marginal)) for row in p])
    assert inception_score(p, splits=1)[0] == pytest.approx(np.exp(divergence))


def test_splits_are_scored_alone() -> None:
    """Two parts of one class each look poor apart and varied together."""
    p = np.repeat(np.eye(2), 10, axis=0)
    assert inception_score(p, splits=1)[0] == pytest.approx(2)
    assert inception_score(p, splits=2)[0] == pytest.approx(1)
    assert inception_score(p, splits=2, rng=np.random.default_rng(0))[0] > 1.5


def test_too_few_for_the_splits() -> None:
    with pytest.raises(DataError, match="at least 10"):
        inception_score(np.eye(3), splits=10)


def test_cfid_is_the_plain_mean_and_names_what_is_left_out() -> None:
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(31, 5)), rng.normal(size=(24, 5))
    y_real = np.array([0] * 20 + [1] * 10 + [2])
    y_generated = np.repeat([0, 1, 2], 8)
    found = class_fid(real, y_real, generated, y_generated, 4)
    expected = {0: fid(real[:20], generated[:8]), 1: fid(real[20:30], generated[8:16])}
    assert found.per_class == pytest.approx(expected)
    assert found.mean == pytest.approx(np.mean(list(expected.values())))
    assert set(found.left_out) == {2, 3}
    assert "1 real series" in found.left_out[2]


def test_cfid_sees_swapped_classes_that_fid_does_not() -> None:
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(50, 3)), rng.normal(size=(50, 3)) + 5])
    y = np.repeat([0, 1], 50)
    assert fid(real, real) == pytest.approx(0, abs=1e-6)
    assert class_fid(real, y, real, 1 - y, 2).mean > 50


def test_no_class_can_be_measured() -> None:
    found = class_fid(np.zeros((2, 3)), np.array([0, 1]), np.zeros((2, 3)), np.array([0, 1]), 2)
    assert np.isnan(found.mean)
    assert set(found.left_out) == {0, 1}
