"""ROCKET features: sktime's values, explicit seed, and the amplitude is seen."""

import numpy as np
import pytest

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.rocket import RocketFeatures


@pytest.mark.parametrize("scale", [1, 0.01, 0])  # of small series many kernels have no positive response at all
@pytest.mark.parametrize("shape", [(7, 1, 140), (3, 1, 24), (4, 3, 50), (1, 1, 12)])
def test_values_are_sktimes(shape: tuple[int, int, int], scale: float) -> None:
    from sktime.transformations.rocket import Rocket

    X = (scale * np.random.default_rng(0).normal(size=shape)).astype(np.float32)
    ours = RocketFeatures(shape[1], shape[2], n_kernels=200, seed=3).raw(X)
    theirs = Rocket(200, normalise=False, random_state=3).fit(X).transform(X).to_numpy()
    np.testing.assert_allclose(ours[:, 1::2], theirs[:, 1::2], rtol=1e-4, atol=1e-5)  # maxima
    # a response of almost zero may fall on either side: one position of a few kernels
    off = np.abs(ours[:, ::2] - theirs[:, ::2])
    assert off.max() < 2.01 / (shape[2] - 10)
    assert (off > 1e-6).mean() < 0.01


def test_amplitude_is_seen() -> None:
    """Scaling the series changes the normalised features; sktime's own default would hide it."""
    X = np.random.default_rng(0).normal(size=(20, 1, 60)).cumsum(-1)
    X /= X.std()
    features = RocketFeatures(1, 60, n_kernels=100, seed=0)
    base, half = features(X), features(0.5 * X)
    np.testing.assert_allclose(np.linalg.norm(base, axis=1), 1)
    assert np.linalg.norm(base - half, axis=1).min() > 0.02


def test_seed_decides_the_kernels() -> None:
    X = np.random.default_rng(0).normal(size=(2, 1, 40))
    first = RocketFeatures(1, 40, 50, seed=0)(X)
    np.testing.assert_array_equal(first, RocketFeatures(1, 40, 50, seed=0)(X))
    # sktime itself ignores a NumPy integer and draws afresh
    np.testing.assert_array_equal(first, RocketFeatures(1, 40, 50, seed=np.int64(0))(X))  # type: ignore[arg-type]
    assert not np.array_equal(first, RocketFeatures(1, 40, 50, seed=1)(X))


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(DataError, match=r"\(n, 1, 40\)"):
        RocketFeatures(1, 40, 10)(np.zeros((2, 1, 41)))
