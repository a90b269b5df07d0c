"""Controls of the mapper: each changes the samples as it says, and by as much as the mapper."""

import numpy as np
import pytest

from nm_vqtsg.evaluation.controls import control_samples, noisy, quantile_map, smoothed
from nm_vqtsg.evaluation.scores import Samples


def walks(n: int, seed: int, channels: int = 1, length: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, channels, length)).cumsum(-1) / 3).astype(np.float32)


def test_noise_has_the_amplitude_of_the_change_of_each_series() -> None:
    X = walks(300, 0, 2, 200)
    change = np.zeros_like(X)
    change[:150, 0] = 0.5
    change[150:, 1] = -2 * np.sign(np.arange(200) % 2 - 0.5)
    added = noisy(X, X + change, np.random.default_rng(0)) - X
    assert added[:150, 0].std() == pytest.approx(0.5, rel=0.02)
    assert added[150:, 1].std() == pytest.approx(2, rel=0.02)
    assert not added[:150, 1].any() and not added[150:, 0].any()
    lag = (added[150:, 1, 1:] * added[150:, 1, :-1]).mean()
    assert abs(lag) < 0.1  # white, whatever the change was


@pytest.mark.parametrize("size", [0.01, 0.1, 0.3])
def test_smoothing_changes_by_the_same_l1(size: float) -> None:
    X = walks(60, 0)
    result = smoothed(X, X + np.float32(size) * np.sign(walks(60, 1)))
    assert np.abs(result - X).mean() == pytest.approx(size, rel=1e-3)
    assert np.abs(np.diff(result)).mean() < np.abs(np.diff(X)).mean()
    np.testing.assert_allclose(result.mean(), X.mean(), atol=0.05)


def test_smoothing_ends_where_nothing_is_left_to_smooth() -> None:
    X = walks(5, 0)
    assert np.isfinite(smoothed(X, X + 100)).all()
    np.testing.assert_array_equal(smoothed(np.ones((3, 1, 8)), np.zeros((3, 1, 8))), np.ones((3, 1, 8)))
    np.testing.assert_allclose(smoothed(X, X), X)


def test_the_quantile_map_gives_components_their_distributions() -> None:
    """Real series: heavy-tailed amounts of two shapes; samples: Gaussian amounts of the same shapes."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    shapes = np.stack([np.sin(t), np.cos(3 * t)])
    real = (rng.exponential([3, 1], (2000, 2)) @ shapes)[:, None]
    samples = (rng.normal(0, [0.5, 0.5], (500, 2)) @ shapes)[:, None]
    mapped = quantile_map(samples, real)(samples)
    for shape, scale in zip(shapes, (3, 1), strict=True):
        amounts, wanted = mapped[:, 0] @ shape / 15, real[:, 0] @ shape / 15
        for share in (0.1, 0.5, 0.9):
            assert np.quantile(amounts, share) == pytest.approx(np.quantile(wanted, share), abs=0.1 * scale)
    order = samples[:, 0] @ shapes[0]
    assert np.corrcoef(order, mapped[:, 0] @ shapes[0])[0, 1] > 0.8  # what was large stays large
    same = quantile_map(real, real)
    np.testing.assert_allclose(same(real), real, atol=1e-9)


def test_the_quantile_map_leaves_what_the_components_do_not_hold() -> None:
    real = np.outer(np.random.default_rng(0).normal(size=50), np.ones(20))[:, None]
    other = np.tile([1.0, -1.0], 10)
    samples = 2 * real[:30] + other
    mapped = quantile_map(samples, real)(samples)
    np.testing.assert_allclose(mapped[:, 0] @ other / 20, 1, atol=1e-6)
    assert np.isfinite(quantile_map(samples, np.ones((4, 1, 20)))(samples)).all()


def test_all_controls_of_samples_with_and_without_classes() -> None:
    X, X_class, y = walks(30, 0), walks(12, 1), np.arange(12) % 3
    before, after = Samples(X, X_class, y), Samples(X + 0.1, X_class - 0.1, y)
    controls = control_samples(before, after, walks(50, 2), np.random.default_rng(0), lambda X: X / 2)
    assert list(controls) == ["noise", "smoothed", "quantile_map", "reconstruction"]
    for name, samples in controls.items():
        assert samples.X.dtype == np.float32 and samples.X.shape == X.shape, name
        assert samples.X_class is not None and samples.X_class.shape == X_class.shape, name
        assert samples.y_class is y and not np.array_equal(samples.X, X), name
    np.testing.assert_array_equal(controls["reconstruction"].X, X / 2)
    again = control_samples(before, after, walks(50, 2), np.random.default_rng(0))
    assert list(again) == ["noise", "smoothed", "quantile_map"]
    np.testing.assert_array_equal(again["noise"].X, controls["noise"].X)
    assert control_samples(Samples(X), Samples(X + 1), X, np.random.default_rng(0))["noise"].X_class is None
