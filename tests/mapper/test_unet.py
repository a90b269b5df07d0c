"""The mapper's network."""

import pytest
import torch
from patch_generator import PatchGenerator, waves
from torch import Tensor

from nm_vqtsg import NeuralMapper
from nm_vqtsg.mapper.network import UNet, noise_of
from nm_vqtsg.params import Stage3

PUBLISHED_PARAMETERS = 314_545  # counted from the description of the published network, one channel


def network(channels: int = 1, dropout: float = 0.0, trained: bool = True) -> UNet:
    torch.manual_seed(0)
    net = UNet(channels, 8, (1, 2, 4), dropout)
    if trained:  # away from the identity, so that every part has a say
        with torch.no_grad():
            for parameter in net.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
    return net


def series(n: int, channels: int, length: int) -> Tensor:
    return torch.randn(n, channels, length, generator=torch.Generator().manual_seed(length))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 24, 97, 140, 1024])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_length_and_any_number_of_channels(length: int, channels: int) -> None:
    net = network(channels).eval()
    x = series(2, channels, length)
    y = net(x)
    assert y.shape == x.shape
    assert y.isfinite().all()


@pytest.mark.parametrize("length", [5, 97])
def test_starts_as_the_identity(length: int) -> None:
    x = series(3, 2, length)
    torch.testing.assert_close(network(2, trained=False)(x), x)


def test_every_parameter_learns() -> None:
    net = network()
    net(series(4, 1, 97)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_series_is_mapped_alike_in_any_batch() -> None:
    net = network().eval()
    x = series(8, 1, 50)
    torch.testing.assert_close(net(x)[2:3], net(x[2:3]), atol=1e-5, rtol=1e-5)


def test_every_position_reaches_every_other() -> None:
    net = network().eval()
    x = series(1, 1, 200).requires_grad_()
    net(x)[0, 0, 0].backward()
    assert x.grad is not None
    assert (x.grad != 0).all()


def test_dropout_is_active_in_training_only() -> None:
    net, x = network(dropout=0.5), series(2, 1, 30)
    assert not torch.equal(net.train()(x), net(x))
    assert torch.equal(net.eval()(x), net(x))


def test_the_default_is_comparable_in_size_with_the_published_network() -> None:
    config = Stage3()
    net = UNet(1, config.width, config.multipliers, config.dropout)
    count = sum(parameter.numel() for parameter in net.parameters())
    assert 0.75 < count / PUBLISHED_PARAMETERS < 1.25


def noisy(trained: bool = True) -> UNet:
    torch.manual_seed(0)
    net = UNet(1, 8, (1, 2), noise=2)
    if trained:
        with torch.no_grad():
            for parameter in net.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
    return net


def test_noise_is_white_and_every_series_has_its_own() -> None:
    x = series(400, 1, 50)
    noise = noise_of(x, 2)
    assert noise.shape == (400, 2, 50) and abs(float(noise.mean())) < 0.02
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert float((noise[:, :, 1:] * noise[:, :, :-1]).mean()) == pytest.approx(0, abs=0.02)
    torch.testing.assert_close(noise_of(x[5:7], 2), noise[5:7], rtol=0, atol=0)
    almost = x[:1].clone()
    almost[0, 0, 7] += 1e-4
    assert float((noise_of(almost, 2) - noise[:1]).abs().mean()) > 0.5


def test_noise_is_fresh_in_training_and_fixed_afterwards() -> None:
    net, x = noisy(), series(3, 1, 50)
    torch.manual_seed(1)
    first, second = net(x), net(x)
    assert float((first - second).detach().abs().mean()) > 1e-3
    torch.manual_seed(1)
    torch.testing.assert_close(net(x), first, rtol=0, atol=0)
    net.eval()
    torch.testing.assert_close(net(x), net(x), rtol=0, atol=0)
    torch.testing.assert_close(net(x)[1:2], net(x[1:2]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(noisy(trained=False)(x), x)


def test_noise_becomes_what_tokens_leave_out() -> None:
    """Real series are waves with white noise, and codes hold waves alone: only noise can make up for it."""
    clean = waves(256)
    X = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    fresh = waves(64, seed=5)
    spread = {}
    for channels in (0, 1):
        config = {
            "steps": 300,
            "width": 8,
            "multipliers": (1, 2),
            "noise_channels": channels,
            "energy_weight": 5.0,
        }
        mapper = NeuralMapper(config, tau=0.05, progress=False).fit(PatchGenerator(clean), X, generated=clean)
        mapped = torch.from_numpy(mapper.transform(fresh.numpy()))
        again = torch.from_numpy(mapper.transform(fresh.numpy() + 1e-5))
        spread[channels] = float((mapped - again).std())
    assert spread[0] < 0.01 and 0.1 < spread[1] < 0.6, spread
