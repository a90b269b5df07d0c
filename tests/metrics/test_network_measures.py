"""Scores with networks of their own, on real series: what two halves of them score, and what noise scores."""

import numpy as np
import pytest
import torch
from sktime.datasets import load_italy_power_demand

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.context_fid import ContextEncoder, context_fid
from nm_vqtsg.metrics.recurrent import discriminative_score, predictive_score
from nm_vqtsg.metrics.seeded import seeded

STEPS = 80


@pytest.fixture(scope="module")
def halves() -> tuple[np.ndarray, np.ndarray]:
    X, _ = load_italy_power_demand(return_type="numpy3D")
    X = X[np.random.default_rng(0).permutation(len(X))]
    return X[: len(X) // 2], X[len(X) // 2 :]


@pytest.fixture(scope="module")
def noise(halves: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Without any dependence over time."""
    return np.random.default_rng(1).normal(size=halves[1].shape)


def test_halves_of_real_series_are_not_told_apart_and_noise_is(
    halves: tuple[np.ndarray, np.ndarray], noise: np.ndarray
) -> None:
    real, spread = discriminative_score(*halves, seeds=2, steps=STEPS)
    assert real < 0.08 and spread < 0.1
    assert discriminative_score(halves[0], noise, seeds=2, steps=STEPS)[0] > 0.4


def test_real_series_teach_to_predict_and_noise_does_not(
    halves: tuple[np.ndarray, np.ndarray], noise: np.ndarray
) -> None:
    error, _ = predictive_score(*halves, seeds=1, steps=STEPS)
    naive = np.abs(np.diff(halves[0])).mean()  # to say that nothing changes
    assert error < 0.6 * naive
    assert predictive_score(halves[0], noise, seeds=1, steps=STEPS)[0] > 2 * error
    assert predictive_score(*(10 * X + 3 for X in halves), seeds=1, steps=STEPS)[0] == pytest.approx(
        10 * error, rel=1e-3
    )


def test_context_fid_ranks_halves_damaged_series_and_noise(
    halves: tuple[np.ndarray, np.ndarray], noise: np.ndarray
) -> None:
    encoder = ContextEncoder(halves[0], seeds=2, steps=STEPS)
    real, other, smaller, random = (encoder.describe(X) for X in (halves[0], halves[1], 0.8 * halves[1], noise))
    assert [part.shape for part in real] == [(len(halves[0]), 64)] * 2
    assert context_fid(real, real)[0] == pytest.approx(0, abs=1e-9)
    between, _ = context_fid(real, other)
    assert 0 < 3 * between < context_fid(real, smaller)[0]
    assert 3 * between < context_fid(real, random)[0]


def test_the_encoder_knows_the_order_of_times() -> None:
    """The same values in another order: the marginal distribution over time is equal, the context is not."""
    waves = np.sin(np.linspace(0, 12, 40) + np.random.default_rng(0).uniform(0, 6, (120, 1)))[:, None]
    shuffled = np.random.default_rng(1).permuted(waves, axis=-1)
    encoder = ContextEncoder(waves[:60], seeds=1, steps=STEPS)
    fair = context_fid(encoder.describe(waves[:60]), encoder.describe(waves[60:]))[0]
    assert context_fid(encoder.describe(waves[:60]), encoder.describe(shuffled[60:]))[0] > 5 * fair


@pytest.mark.parametrize(("channels", "length"), [(1, 2), (1, 5), (3, 70), (2, 300)])
def test_any_shape(channels: int, length: int) -> None:
    X = np.random.default_rng(0).normal(size=(12, channels, length))
    X[:, 0] = 1.0  # a constant channel
    encoder = ContextEncoder(X, seeds=1, steps=2)
    numbers = [
        *context_fid(encoder.describe(X), encoder.describe(X[::-1])),
        *discriminative_score(X, X[:8], seeds=2, steps=2),
        *predictive_score(X, X[:8], seeds=1, steps=2),
    ]
    assert np.isfinite(numbers).all()


def test_same_seed_same_number_and_no_trace_in_anybodys_random_numbers(
    halves: tuple[np.ndarray, np.ndarray],
) -> None:
    def all_three(seed: int) -> list[float]:
        encoder = ContextEncoder(halves[0], 1, 3, seed)
        return [
            context_fid(encoder.describe(halves[0]), encoder.describe(halves[1]))[0],
            discriminative_score(halves[0], halves[1] + 1, 1, 3, seed)[0],
            predictive_score(*halves, 1, 3, seed)[0],
        ]

    torch.manual_seed(5)
    np.random.seed(5)
    first, other = all_three(0), all_three(1)
    after = torch.rand(3), np.random.rand(3)
    torch.manual_seed(6)
    assert all_three(0) == first and first[0] != other[0] and first[2] != other[2]
    torch.manual_seed(5)
    np.random.seed(5)
    torch.testing.assert_close(torch.rand(3), after[0], rtol=0, atol=0)
    np.testing.assert_array_equal(np.random.rand(3), after[1])
    with seeded(3) as rng:
        assert rng.integers(1000) == np.random.default_rng(3).integers(1000)


def test_what_cannot_be_scored_is_refused() -> None:
    X = np.zeros((9, 1, 8))
    with pytest.raises(DataError, match="five series"):
        discriminative_score(X, X[:4])
    with pytest.raises(DataError, match="two times"):
        predictive_score(X[..., :1], X[..., :1])
