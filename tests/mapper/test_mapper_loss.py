"""The distance of spectra, against its definition written out, and what the mapper's curve says of it."""

import numpy as np
import pytest
import torch
from patch_generator import PatchGenerator, waves

from nm_vqtsg import NeuralMapper
from nm_vqtsg.errors import ParameterError
from nm_vqtsg.mapper.loss import SMALLEST, MapperLoss, SpectralLoss
from nm_vqtsg.params import Stage3


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def magnitudes(x: np.ndarray, window: int) -> np.ndarray:
    """The definition, sum by sum: (n, frames, bins) of (n, L)."""
    time = np.arange(window)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * time / window)
    padded = np.pad(x, ((0, 0), (window // 2, window // 2)), mode="reflect")
    bins = np.exp(-2j * np.pi * np.outer(time, np.arange(window // 2 + 1)) / window)
    starts = range(0, padded.shape[1] - window + 1, window // 4)
    frames = np.stack([padded[:, start : start + window] * hann for start in starts], 1)
    squared = np.abs(frames @ bins) ** 2 / (hann**2).sum()
    return np.sqrt(np.maximum(squared, SMALLEST))


@pytest.mark.parametrize(("length", "windows"), [(8, [8]), (31, [8, 16]), (131, [8, 16, 32, 64])])
def test_the_loss_is_its_definition(length: int, windows: list[int]) -> None:
    x, y = noise(3, 2, length), noise(3, 2, length, seed=1)
    expected = []
    for window in windows:
        ours, theirs = (magnitudes(side.flatten(0, 1).double().numpy(), window) for side in (x, y))
        expected.append(np.abs(ours - theirs).mean() + 0.1 * np.abs(np.log(ours) - np.log(theirs)).mean())
    loss = SpectralLoss(length)
    assert list(loss.windows) == windows
    assert float(loss(x, y)) == pytest.approx(np.mean(expected), rel=1e-5)
    assert float(loss(y, y)) == 0


def test_it_forgives_a_shift_that_l1_does_not_and_sees_a_blur_that_l1_rewards() -> None:
    """Noise that cannot be foretold: its mean is nearest in L1, and farthest from it in magnitudes."""
    x, other, silence = noise(64, 1, 128), noise(64, 1, 128, seed=1), torch.zeros(64, 1, 128)
    spectral, plain = SpectralLoss(128), MapperLoss(Stage3(), 128, torch.device("cpu"))
    assert float(plain(silence, x)["loss"]) < 0.75 * float(plain(other, x)["loss"])
    assert float(spectral(silence, x)) > 2 * float(spectral(other, x))


def test_white_noise_has_magnitudes_of_its_standard_deviation_under_every_window() -> None:
    for own in SpectralLoss(512).magnitudes(3 * noise(200, 1, 512)):
        assert own.square().mean().sqrt().item() == pytest.approx(3, rel=0.1)


def test_gradients_are_those_of_finite_differences() -> None:
    mapped, x = noise(2, 1, 20).double().requires_grad_(), noise(2, 1, 20, seed=1).double()
    assert torch.autograd.gradcheck(SpectralLoss(20), (mapped, x))


def test_silence_gives_finite_gradients() -> None:
    mapped = torch.zeros(2, 1, 64, requires_grad=True)
    SpectralLoss(64)(mapped, noise(2, 1, 64)).backward()
    assert mapped.grad is not None and bool(mapped.grad.isfinite().all())


def test_its_part_stands_in_the_curve_and_weighs_as_asked() -> None:
    X = waves(32)
    curves = {
        weight: NeuralMapper(
            {"steps": 20, "width": 8, "multipliers": (1, 2), "stft_weight": weight, "validation_fraction": 0.25},
            tau=0.3,
            progress=False,
        )
        .fit(PatchGenerator(X), X)
        .curve_[-1]
        for weight in (0.0, 0.5)
    }
    assert "stft" not in curves[0.0]
    row = curves[0.5]
    assert row["loss"] == pytest.approx(row["l1"] + 0.5 * row["stft"], rel=1e-6)
    assert row["validation_input"] > curves[0.0]["validation_input"]


def test_series_that_are_too_short_are_refused() -> None:
    with pytest.raises(ParameterError, match="stft_weight: series of 7 samples"):
        SpectralLoss(7)
