"""The mapper's network."""

import pytest
import torch
from torch import Tensor

from nm_vqtsg.mapper.network import UNet
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
