"""The two bands against PyTorch's Fourier transforms, and LF + HF = x."""

import pytest
import torch

from nm_vqtsg.nn.bands import HighBand, LowBand, split_bands

WINDOW = torch.hann_window(4, dtype=torch.float64)
SETTINGS = {"n_fft": 4, "hop_length": 1, "window": WINDOW, "center": True, "normalized": True}
LENGTHS = (4, 5, 8, 23, 24, 140)


def stft(x):
    bins = torch.stft(x.flatten(0, 1), pad_mode="reflect", return_complex=True, **SETTINGS)
    return bins.unflatten(0, x.shape[:2])


def istft(y):
    return torch.istft(y.flatten(0, 1), **SETTINGS).unflatten(0, y.shape[:2])


def series(length, channels=2):
    generator = torch.Generator().manual_seed(length)
    return torch.randn(3, channels, length, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("length", LENGTHS)
def test_analysis_is_the_short_time_fourier_transform(length):
    x = series(length)
    bins = stft(x)  # (B, C, 3, L + 1)
    torch.testing.assert_close(LowBand().analyse(x), bins[:, :, 0].real)
    high = torch.stack((bins[:, :, 1].real, bins[:, :, 1].imag, bins[:, :, 2].real), 2).flatten(1, 2)
    torch.testing.assert_close(HighBand().analyse(x), high)
    assert bins[:, :, 0].imag.abs().max() < 1e-12 and bins[:, :, 2].imag.abs().max() < 1e-12


@pytest.mark.parametrize("length", LENGTHS)
def test_synthesis_is_the_inverse_transform_of_any_coefficients(length):
    low, high = series(length + 1), series(length + 1, channels=6)
    bins = torch.zeros(3, 2, 3, length + 1, dtype=torch.complex128)
    bins[:, :, 0] = low + 0j
    torch.testing.assert_close(LowBand().synthesise(low), istft(bins))
    bins = torch.zeros_like(bins)
    real1, imaginary1, real2 = high.unflatten(1, (2, 3)).unbind(2)
    bins[:, :, 1], bins[:, :, 2] = torch.complex(real1, imaginary1), real2 + 0j
    torch.testing.assert_close(HighBand().synthesise(high), istft(bins))


@pytest.mark.parametrize("length", LENGTHS)
def test_bands_sum_to_the_series(length):
    x = series(length).float()
    x_l, x_h = split_bands(x)
    torch.testing.assert_close(x_l + x_h, x, atol=1e-6, rtol=0)
    high = HighBand()
    torch.testing.assert_close(high.synthesise(high.analyse(x)), x_h, atol=1e-6, rtol=0)


def test_low_band_is_the_published_smoothing_filter():
    impulse = torch.zeros(1, 1, 21)
    impulse[..., 10] = 1
    expected = torch.tensor([1 / 24, 1 / 6, 1 / 4, 1 / 6, 1 / 24])
    torch.testing.assert_close(split_bands(impulse)[0][0, 0, 8:13], expected)
