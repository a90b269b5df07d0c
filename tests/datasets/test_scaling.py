"""Scaling: what it does is undone, and what has no scale is refused by channel."""

import numpy as np
import pytest

from nm_vqtsg.datasets.fetch import fetch
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.errors import DataError

X = fetch("ItalyPowerDemand", "sktime").X
TWO = np.concatenate([X, 1e6 + 1e-3 * X], axis=1)


def test_series_become_z_scores_and_come_back() -> None:
    scaling = Scaling.of(TWO)
    scaled = scaling.apply(TWO)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean((0, 2), dtype=float), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std((0, 2), dtype=float), 1, atol=1e-6)
    np.testing.assert_allclose(scaling.undo(scaled), TWO, atol=1e-6 * np.abs(X).max())


def test_none_leaves_series_as_they_are() -> None:
    none = Scaling.none(2)
    np.testing.assert_array_equal(none.apply(TWO), TWO.astype(np.float32))
    np.testing.assert_array_equal(none.undo(TWO), TWO)


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (np.full_like(X, 0.1), "train.csv: channel 2 is constant; remove"),
        (1e16 + X, "channel 2 is constant"),
        (1e200 * X, "channel 2 are too large"),
    ],
)
def test_a_channel_without_a_scale_is_named(channel: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Scaling.of(np.concatenate([X, channel], axis=1), "train.csv")


@pytest.mark.parametrize("std", [np.array([1.0, 0.0]), np.array([1.0, np.nan]), np.ones(3), np.array(["a", "b"])])
def test_a_scale_that_cannot_be_divided_by_is_refused(std: np.ndarray) -> None:
    with pytest.raises(DataError, match="std is not"):
        Scaling(np.zeros(2), std)
