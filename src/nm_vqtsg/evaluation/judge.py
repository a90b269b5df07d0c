"""The judge: an FCN trained on TRAIN alone, and what it says of series.

Training ends early by a part of TRAIN that is held out, and the weights that did best on that part are kept.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nm_vqtsg.artifacts import load_model, load_state, save_model
from nm_vqtsg.errors import ArtifactError, DataError
from nm_vqtsg.evaluation.fcn import FCN
from nm_vqtsg.session import Session
from nm_vqtsg.training import Budget, fit
from nm_vqtsg.training.curve import Row

KIND = "fcn"


class FCNConfig(Protocol):
    """What training needs to know; `nm_vqtsg.params` has it as the section ``fcn``."""

    @property
    def epochs(self) -> int: ...
    @property
    def max_steps(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def learning_rate_min(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def dropout(self) -> float: ...
    @property
    def patience(self) -> int: ...
    @property
    def validation_fraction(self) -> float: ...
    @property
    def seed(self) -> int: ...


class EarlyStopping:
    """Keeps the weights with the lowest validation loss and ends training when it has stopped falling.

    Parameters
    ----------
    model : FCN
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

    def __init__(self, model: FCN, x: Tensor, y: Tensor, *, every: int, steps: int, patience: int) -> None:
        self.model, self.x, self.y = model, x, y
        self.every, self.steps, self.patience = every, steps, patience
        self.best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self.history = torch.zeros(0, 3, dtype=torch.float64)  # step, loss, accuracy of each look

    def after_step(self, step: int) -> bool:
        """Look when an epoch is over; True when patience is used up."""
        done = step + 1
        if done % self.every and done != self.steps:
            return False
        self.model.eval()
        loss, accuracy = score(self.model, self.x, self.y)
        self.model.train()
        if not len(self.history) or loss < self.history[:, 1].min():
            self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
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


class Judge:
    """A trained FCN with its facts: features and class probabilities of series.

    Parameters
    ----------
    in_channels, n_classes : int
        Of the data.
    dropout : float
        While training.

    Attributes
    ----------
    model : FCN
        In eval mode, except while it is trained.
    """

    def __init__(self, in_channels: int, n_classes: int, dropout: float = 0.5) -> None:
        self.in_channels, self.n_classes, self.dropout = in_channels, n_classes, dropout
        self.model = FCN(in_channels, n_classes, dropout).eval()

    @classmethod
    def train(
        cls, X: np.ndarray, y: np.ndarray, n_classes: int, config: FCNConfig, session: Session | None = None
    ) -> tuple["Judge", list[Row]]:
        """Fit a judge to TRAIN.

        Parameters
        ----------
        X : (n, C, L) float32 array, z-scored
        y : (n,) int array in 0..n_classes-1
        n_classes : int
        config : FCNConfig
            ``epochs`` and ``max_steps`` both bound the training; the cosine runs over what they leave.
        session : Session, optional

        Returns
        -------
        judge : Judge
        curve : list of dict
            One row per epoch: ``step``, ``loss``, ``accuracy``, ``validation_loss``, ``validation_accuracy``
            and ``lr``.

        Raises
        ------
        DataError
            If no class has two series, so that nothing can be held out.
        """
        session = session or Session()
        fitted, held_out = stratified_holdout(y, config.validation_fraction, config.seed)
        with torch.random.fork_rng([]):
            torch.manual_seed(config.seed)
            judge = cls(X.shape[1], n_classes, config.dropout)
        model = judge.model.to(session.device)
        x_all = as_tensor(X, session.device)
        y_all = torch.as_tensor(y, dtype=torch.int64, device=session.device)
        x_fit, y_fit = x_all[fitted], y_all[fitted]
        epoch = math.ceil(len(fitted) / config.batch_size)
        budget = Budget(
            steps=min(config.max_steps, config.epochs * epoch),
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            learning_rate_min=config.learning_rate_min,
            warmup_fraction=0.0,
            weight_decay=config.weight_decay,
        )
        stopping = EarlyStopping(
            model, x_all[held_out], y_all[held_out], every=epoch, steps=budget.steps, patience=config.patience
        )

        def step_loss(rows: Tensor, generator: torch.Generator, step: int) -> dict[str, Tensor]:
            logits, target = model(x_fit[rows]), y_fit[rows]
            right = (logits.argmax(1) == target).float().mean()
            return {"loss": F.cross_entropy(logits, target), "accuracy": right}

        curve = fit(
            model,
            step_loss,
            n=len(fitted),
            budget=budget,
            seed=config.seed,
            session=replace(session, log_every=epoch),
            callback=stopping,
            description="fcn",
            parts=[model],
        )
        model.load_state_dict(stopping.best)
        model.eval()
        for row, (_, loss, accuracy) in zip(curve, stopping.history.tolist(), strict=True):
            row["validation_loss"], row["validation_accuracy"] = loss, accuracy
        return judge, curve

    def _batches(self, X: np.ndarray) -> Iterator[Tensor]:
        if X.ndim != 3 or X.shape[1] != self.in_channels:
            raise DataError(
                f"the FCN judges series of shape (n, {self.in_channels}, L); these have shape {X.shape}"
            )
        device = self.model.head.weight.device
        for piece in np.split(X, range(256, len(X), 256)):
            yield as_tensor(piece, device)

    @torch.no_grad()
    def features(self, X: np.ndarray) -> np.ndarray:
        """X (n, C, L) z-scored -> (n, 128) float64."""
        found = [self.model.features(x).double().cpu().numpy() for x in self._batches(X)]
        return np.concatenate(found)

    @torch.no_grad()
    def features_and_probabilities(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """X (n, C, L) z-scored -> features (n, 128) and softmax (n, n_classes), float64, in one pass."""
        features = self.features(X)
        inputs = as_tensor(features, self.model.head.weight.device)
        return features, self.model.head(inputs).double().softmax(1).cpu().numpy()

    def accuracy(self, X: np.ndarray, y: np.ndarray) -> float:
        """Share of the series whose class is found, in [0, 1]."""
        return float((self.features_and_probabilities(X)[1].argmax(1) == y).mean())

    def save(self, path: Path) -> None:
        """Write the weights and what is needed to rebuild the network."""
        config = {"in_channels": self.in_channels, "n_classes": self.n_classes, "dropout": self.dropout}
        save_model(path, self.model.state_dict(), {"kind": KIND, **config})

    @classmethod
    def load(cls, path: Path) -> "Judge":
        """Read a judge.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or not an FCN.
        """
        tensors, config = load_model(path)
        if config.get("kind") != KIND:
            raise ArtifactError(f"{path}: holds a model of kind '{config.get('kind')}', not an FCN")
        judge = cls(config["in_channels"], config["n_classes"], config["dropout"])
        load_state(judge.model, tensors, path)
        return judge


def as_tensor(X: np.ndarray, device: torch.device) -> Tensor:
    """A float32 tensor on `device`."""
    return torch.as_tensor(np.ascontiguousarray(X), dtype=torch.float32, device=device)


@torch.no_grad()
def score(model: FCN, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over x (n, C, L), y (n,), in the mode that `model` is in."""
    logits = torch.cat([model(piece) for piece in x.split(256)])
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
