"""Training of the judge; a part of TRAIN that is held out decides when it ends, and which weights are kept."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nm_vqtsg.errors import DataError
from nm_vqtsg.judge.network import FCN
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.params import Fcn, Training
from nm_vqtsg.session import Session
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.loop import fit


class EarlyStopping:
    """Keeps the weights with the lowest validation loss and ends training when it has stopped falling.

    Parameters
    ----------
    network : FCN
        Watched between steps.
    x, y : Tensor
        Validation series (n, C, L) and labels (n,).
    every : int
        Steps between two looks (an epoch).
    steps : int
        Steps of the whole training; there is always a look at the last one.
    patience : int
        Looks without a new best before training ends.
    """

    def __init__(self, network: FCN, x: Tensor, y: Tensor, *, every: int, steps: int, patience: int) -> None:
        self.network, self.x, self.y = network, x, y
        self.every, self.steps, self.patience = every, steps, patience
        self.best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        self.history = torch.zeros(0, 3, dtype=torch.float64)  # step, loss, accuracy of each look

    def after_step(self, step: int) -> bool:
        """Look when an epoch is over; True when patience is used up."""
        done = step + 1
        if done % self.every and done != self.steps:
            return False
        self.network.eval()
        loss, accuracy = score(self.network, self.x, self.y)
        self.network.train()
        if not len(self.history) or loss < self.history[:, 1].min():
            self.best = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        look = torch.tensor([[done, loss, accuracy]], dtype=torch.float64)
        self.history = torch.cat([self.history, look])
        return len(self.history) - 1 - int(self.history[:, 1].argmin()) >= self.patience

    def tensors(self) -> dict[str, Tensor]:
        """State for a checkpoint."""
        return {"history": self.history} | {f"best.{name}": tensor for name, tensor in self.best.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take the state back."""
        self.history = tensors["history"]
        self.best = {name: tensors[f"best.{name}"].to(tensor.device) for name, tensor in self.best.items()}


def train(
    network: FCN, x: Tensor, y: Tensor, config: Fcn, session: Session, warmup_fraction: float = 0.0
) -> list[Row]:
    """Train `network` in place on series x (n, C, L) and classes y (n,).

    The learning rate rises over the first `warmup_fraction` of the steps and then falls along a cosine.

    Returns
    -------
    list of dict
        One row per epoch: ``step``, ``loss``, ``accuracy``, ``validation_loss``, ``validation_accuracy`` and
        ``lr``.

    Raises
    ------
    DataError
        If no class has two series, so that nothing can be held out.
    """
    fitted, held_out = stratified_holdout(y.cpu().numpy(), config.validation_fraction, config.seed)
    x_fit, y_fit = x[fitted], y[fitted]
    epoch = math.ceil(len(fitted) / config.batch_size)
    budget = Training(
        steps=min(config.max_steps, config.epochs * epoch),
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        learning_rate_min=config.learning_rate_min,
        warmup_fraction=warmup_fraction,
        weight_decay=config.weight_decay,
    )
    stopping = EarlyStopping(
        network, x[held_out], y[held_out], every=epoch, steps=budget.steps, patience=config.patience
    )

    def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
        logits, target = network(x_fit[rows]), y_fit[rows]
        right = (logits.argmax(1) == target).float().mean()
        return {"loss": F.cross_entropy(logits, target), "accuracy": right}

    curve = fit(
        network,
        step_loss,
        n=len(fitted),
        budget=budget,
        seed=config.seed,
        session=replace(session, log_every=epoch),
        callback=stopping,
        description="fcn",
        parts=[network],
    )
    network.load_state_dict(stopping.best)
    for row, (_, loss, accuracy) in zip(curve, stopping.history.tolist(), strict=True):
        row["validation_loss"], row["validation_accuracy"] = loss, accuracy
    return curve


@torch.no_grad()
def score(network: FCN, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over x (n, C, L), y (n,), in the mode that `network` is in."""
    logits = torch.cat([network(rows) for (rows,) in in_batches(x.shape[2], x)])
    return float(F.cross_entropy(logits, y)), float((logits.argmax(1) == y).double().mean())


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
        raise DataError("the FCN needs a class with two series or more, so that one can be held out")
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
