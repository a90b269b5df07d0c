"""FID: equal to the textbook form, right where the answer is known, never negative or complex."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.fid import Gaussian, fid, frechet_distance
from nm_vqtsg.metrics.trimming import inliers


def textbook(a: np.ndarray, b: np.ndarray) -> float:
    """The form with a matrix square root, as published."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(first @ second)
    shift = a.mean(0) - b.mean(0)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(np.real(root)))


def blobs(n: int, d: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


@pytest.mark.parametrize(("n", "m", "d"), [(50, 60, 8), (300, 20, 16), (20, 300, 16), (16, 16, 16), (17, 40, 16)])
def test_equals_the_form_with_sqrtm(n: int, m: int, d: int) -> None:
    a, b = blobs(n, d, 0), blobs(m, d, 1)
    assert fid(a, b) == pytest.approx(textbook(a, b), rel=1e-5)


def test_fewer_series_than_features_in_2000_dimensions() -> None:
    """Against the singular values of ABᵀ themselves."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 2000)), 1.5 * rng.normal(size=(90, 2000)) + 0.1
    ca, cb = (a - a.mean(0)) / np.sqrt(39), (b - b.mean(0)) / np.sqrt(89)
    shift = a.mean(0) - b.mean(0)
    exact = shift @ shift + (ca**2).sum() + (cb**2).sum() - 2 * linalg.svdvals(ca @ cb.T).sum()
    assert fid(a, b) == pytest.approx(exact, rel=1e-9)


def test_closed_gaussian_case() -> None:
    """Two diagonal Gaussians: |μ₁ − μ₂|² + Σ(σ₁ − σ₂)²; the features have exactly these moments."""
    d = 3
    corners = np.concatenate([np.eye(d), -np.eye(d)]) * np.sqrt((2 * d - 1) / 2)
    assert np.allclose(np.cov(corners, rowvar=False), np.eye(d))
    s1, s2, mu = np.array([1, 2, 0.5]), np.array([3, 2, 0.1]), np.array([0.3, 0, -2])
    expected = (mu**2).sum() + ((s1 - s2) ** 2).sum()
    assert fid(corners * s1, corners * s2 + mu) == pytest.approx(expected, rel=1e-12)


def test_one_side_serves_many_comparisons() -> None:
    fixed = Gaussian(blobs(30, 8, 0))
    for seed in range(1, 4):
        other = blobs(40, 8, seed)
        assert frechet_distance(fixed, Gaussian(other)) == pytest.approx(
            textbook(blobs(30, 8, 0), other), rel=1e-6
        )


def test_identical_sets_score_zero() -> None:
    for shape in ((100, 8), (8, 100), (2, 5)):
        a = blobs(*shape, seed=0)
        assert fid(a, a) == pytest.approx(0, abs=1e-6 * np.square(a).sum())


def test_constant_features_and_two_samples() -> None:
    constant = np.ones((5, 4))
    assert fid(constant, constant) == 0
    assert fid(constant, constant + 2) == pytest.approx(16)
    two = np.array([[0.0, 1], [2, 1]])
    assert fid(two, two + np.array([0, 3])) == pytest.approx(9)
    partly = blobs(30, 4, 0)
    partly[:, 2] = 7
    assert fid(partly, constant) >= 0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 12), st.integers(2, 12), st.integers(1, 8), st.floats(-8, 8), st.integers(0, 9), st.booleans()
)
def test_real_nonnegative_symmetric(n: int, m: int, d: int, exponent: float, seed: int, degenerate: bool) -> None:
    rng = np.random.default_rng(seed)
    a, b = 10**exponent * rng.normal(size=(n, d)), 10**exponent * rng.normal(size=(m, d))
    if degenerate:
        a[:, 0] = a[0, 0]
        b = np.repeat(b[:1], m, axis=0)
    value = fid(a, b)
    assert isinstance(value, float)
    assert np.isfinite(value)
    assert value >= 0
    assert fid(b, a) == pytest.approx(value, rel=1e-6, abs=1e-9 * 10 ** (2 * exponent))


def test_a_larger_shift_scores_worse() -> None:
    a = blobs(50, 4, 0)
    assert fid(a, a + 0.1) < fid(a, a + 0.2)
    assert fid(a, a * 1.1) < fid(a, a * 1.3)


def test_refusals() -> None:
    with pytest.raises(DataError, match="two series"):
        fid(np.ones((1, 3)), np.ones((4, 3)))
    with pytest.raises(DataError, match="one kind"):
        fid(np.ones((4, 3)), np.ones((4, 2)))
    with pytest.raises(DataError, match="not finite"):
        fid(np.full((4, 3), np.nan), np.ones((4, 3)))


def test_trimming_drops_the_odd_tenth() -> None:
    a = np.random.default_rng(0).normal(size=(200, 4))
    a[:10] += 30
    kept = inliers(a)
    assert len(kept) == 180
    assert np.abs(kept).max() < 10
    np.testing.assert_array_equal(kept, inliers(a))
