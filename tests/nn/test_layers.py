"""Snake: value, gradients and behaviour around a = 0."""

import torch

from nm_vqtsg.nn.layers import Snake


def plain(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    a = a.view(1, -1, *(1,) * (x.ndim - 2))
    return x + torch.sin(a * x) ** 2 / a


def test_value_and_gradients_equal_the_plain_formula():
    torch.manual_seed(0)
    for shape in ((2, 3), (2, 3, 5), (2, 3, 1, 7)):
        layer = Snake(3).double()
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(shape, dtype=torch.float64)
        ours = torch.autograd.grad((layer(x) * weight).sum(), (x, layer.a))
        theirs = torch.autograd.grad((plain(x, layer.a) * weight).sum(), (x, layer.a))
        torch.testing.assert_close(layer(x), plain(x, layer.a))
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b)


def test_stays_finite_when_the_frequency_passes_through_zero():
    layer = Snake(3)
    with torch.no_grad():
        layer.a.copy_(torch.tensor([0.0, 1e-9, -1e-9]))
    x = torch.randn(4, 3, 6, requires_grad=True)
    y = layer(x)
    y.square().mean().backward()
    assert torch.isfinite(layer.a.grad).all() and torch.isfinite(x.grad).all()
    torch.testing.assert_close(y, x, atol=2e-3, rtol=0)


def test_keeps_the_memory_format():
    x = torch.randn(2, 4, 1, 9).to(memory_format=torch.channels_last)
    assert Snake(4)(x).is_contiguous(memory_format=torch.channels_last)
