"""Looks at held-out data between the steps of a training: which weights to keep, and when to end."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from nm_vqtsg.errors import DataError

Look = Callable[[nn.Module], Mapping[str, float]]
"""What a network in eval mode does on held-out data, by name; the first number is the loss."""

LOOKS, FEWEST_STEPS = 50, 100  # looks over a long training; steps between two looks of a short one


def look_every(steps: int) -> int:
    """Steps between two looks where no epochs are counted: `LOOKS` over the training, or fewer of a short one."""
    return max(FEWEST_STEPS, steps // LOOKS)


class Validation:
    """Keeps the weights with the lowest loss on held-out data; may end training when it has stopped falling.

    Parameters
    ----------
    network : nn.Module
        Watched between steps; left in the mode that it was in.
    look : callable
        See `Look`.
    every : int
        Steps between two looks.
    steps : int
        Steps of the whole training; there is always a look at the last one.
    patience : int, optional
        Looks without a new best before training ends; without it training goes on to its end.

    Attributes
    ----------
    best : dict of str to Tensor
        The ``state_dict`` of the best look; before the first look that of the start.
    history : Tensor
        (looks, 1 + numbers) float64: step (steps done) and the numbers of `look`.
    """

    def __init__(
        self, network: nn.Module, look: Look, *, every: int, steps: int, patience: int | None = None
    ) -> None:
        self.network, self.look = network, look
        self.every, self.steps, self.patience = every, steps, patience
        self.best = _copied(network)
        self.history = torch.zeros(0, 0, dtype=torch.float64)

    def after_step(self, step: int) -> bool:
        """Look when it is time to; True when patience is used up."""
        done = step + 1
        if done % self.every and done != self.steps:
            return False
        self.take(done)
        if self.patience is None:
            return False
        return len(self.history) - 1 - self._best_look >= self.patience

    def take(self, done: int) -> None:
        """Look after `done` steps; with 0, before the first, the start is a candidate, too."""
        was_training = self.network.training
        self.network.eval()
        with torch.no_grad():
            numbers = self.look(self.network)
        self.network.train(was_training)
        row = torch.tensor([[done, *numbers.values()]], dtype=torch.float64)
        if not len(self.history) or row[0, 1] < self.history[:, 1].min():
            self.best = _copied(self.network)
        self.history = torch.cat([self.history, row]) if len(self.history) else row

    @property
    def best_step(self) -> int:
        """Steps done at the best look."""
        return int(self.history[self._best_look, 0])

    @property
    def best_loss(self) -> float:
        """The loss on held-out data there."""
        return float(self.history[self._best_look, 1])

    @property
    def _best_look(self) -> int:
        return int(self.history[:, 1].argmin())

    def tensors(self) -> dict[str, Tensor]:
        """State for a checkpoint."""
        return {"history": self.history} | {f"best.{name}": tensor for name, tensor in self.best.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take the state back."""
        self.history = tensors["history"]
        self.best = {name: tensors[f"best.{name}"].to(tensor.device) for name, tensor in self.best.items()}


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def stratified_holdout(y: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit and rows to hold out: `fraction` of each class, at least one of each that has two.

    Raises
    ------
    DataError
        If no class has two series.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        count = min(len(members) - 1, max(1, round(fraction * len(members))))
        held_out[members[:count]] = True
    if not held_out.any():
        raise DataError("no class has two series, so that none can be held out; add series of the same classes")
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def holdout(n: int, y: np.ndarray | None, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """As `stratified_holdout`, of `n` series that may have no classes, or none with two series.

    Raises
    ------
    DataError
        If there are fewer than two series.
    """
    if n < 2:
        raise DataError("TRAIN is one series, so that none can be held out; add series, or hold none out")
    if y is None or np.unique(y, return_counts=True)[1].max() < 2:
        y = np.zeros(n, dtype=np.int64)
    return stratified_holdout(y, fraction, seed)
