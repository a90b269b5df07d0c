"""The cheaper cross-entropy is the ordinary one."""

import pytest
import torch
from torch.nn import functional

from nm_vqtsg.prior._fast import cross_entropy


@pytest.mark.parametrize("scale", [0.1, 3.0, 200.0])
def test_value_and_gradient_are_pytorchs(scale: float) -> None:
    """Also where a target's probability underflows, and under a factor."""
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(50, 37, generator=generator)
    target = torch.randint(37, (50,), generator=generator)
    found = []
    for function in (cross_entropy, functional.cross_entropy):
        x = logits.clone().requires_grad_()
        loss = function(x, target)
        (2.5 * loss).backward()
        found.append((loss.detach(), x.grad))
    (loss, gradient), (expected, expected_gradient) = found
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-5, atol=1e-8)


def test_a_second_derivative_is_refused() -> None:
    x = torch.randn(4, 5).requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(x, torch.arange(4)), x, create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(gradient.sum(), x)
