"""Averaged weights: they follow those in training slowly, and so shed the noise of its last steps."""

import copy

import torch
from torch import Tensor, nn

from nm_vqtsg.training.loop import Callback


class MovingAverage:
    """An exponential moving average of a network's weights.

    After step t (from 1) the average moves towards the weights by 1 − min(decay, t / (9 + t)), so that a short
    training, too, forgets its start.

    Parameters
    ----------
    network : nn.Module
        Trained elsewhere; on its device already.
    decay : float
        In [0, 1); the average looks back over about 1 / (1 − decay) steps.

    Attributes
    ----------
    network : nn.Module
        A copy in eval mode that bears the average.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self._followed = decay, network
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def after_step(self, step: int) -> bool:
        """Move; training goes on."""
        done = step + 1
        rate = 1 - min(self.decay, done / (9 + done))
        torch._foreach_lerp_(list(self.network.parameters()), list(self._followed.parameters()), rate)
        for own, followed in zip(self.network.buffers(), self._followed.buffers(), strict=True):
            own.copy_(followed)
        return False

    def tensors(self) -> dict[str, Tensor]:
        """State for a checkpoint."""
        return dict(self.network.state_dict())

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take the state back."""
        self.network.load_state_dict(tensors)


class InTurn:
    """Several callbacks as one: each is called after the one before it.

    Parameters
    ----------
    *callbacks : Callback
        In their order.
    """

    def __init__(self, *callbacks: Callback) -> None:
        self._callbacks = callbacks

    def after_step(self, step: int) -> bool:
        """Call all; True when one of them wants the end."""
        return any([callback.after_step(step) for callback in self._callbacks])

    def tensors(self) -> dict[str, Tensor]:
        """State for a checkpoint."""
        return {
            f"{number}.{name}": tensor
            for number, callback in enumerate(self._callbacks)
            for name, tensor in callback.tensors().items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take the state back."""
        for number, callback in enumerate(self._callbacks):
            prefix = f"{number}."
            callback.restore(
                {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            )
