"""The judge: what an FCN that was trained on TRAIN says of series."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from nm_vqtsg.errors import DataError, UserError
from nm_vqtsg.judge.network import FCN
from nm_vqtsg.judge.train import train
from nm_vqtsg.metrics.accuracy import accuracy
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.nn.saved import Channels, Header, check_finite, filled, read, write
from nm_vqtsg.params import Fcn
from nm_vqtsg.session import Session
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.seeds import seeded


class JudgeHeader(Header):
    """Header of a saved judge: what it is built from."""

    kind: Literal["fcn"] = "fcn"
    config: Fcn
    in_channels: Channels
    n_classes: Annotated[int, Field(gt=0, le=2**20)]


class Judge:
    """Features and class probabilities of series.

    Parameters
    ----------
    config : Fcn
        Dropout, budget and seed: the judge's do not depend on those of the networks that it judges.
    in_channels, n_classes : int
        Of the data.
    network : FCN, optional
        Trained elsewhere, in place of `fit`.
    """

    def __init__(self, config: Fcn, in_channels: int, n_classes: int, network: FCN | None = None) -> None:
        self.config, self.in_channels, self.n_classes = config, in_channels, n_classes
        self._network = network

    @property
    def network(self) -> FCN:
        """The trained network."""
        if self._network is None:
            raise UserError("the judge is not trained yet; call fit first")
        return self._network

    @property
    def source(self) -> str:
        """``own``, or ``published`` where the paper's authors trained it."""
        return "own" if self.config.source == "own" else "published"

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.network.head.weight.device

    def _build(self) -> FCN:
        return FCN(self.in_channels, self.n_classes, self.config.dropout)

    def fit(self, X: np.ndarray, y: np.ndarray, session: Session | None = None) -> list[Row]:
        """Train from scratch on TRAIN; return the curve, one row per epoch (see `nm_vqtsg.judge.train`).

        Parameters
        ----------
        X : (n, C, L) float32 array, z-scored
        y : (n,) int array in 0..n_classes-1
        session : Session, optional

        Raises
        ------
        DataError
            If the series have another shape, or no class has two of them, so that nothing can be held out.
        TrainingError
            If a loss is not finite.
        """
        session = session or Session()
        x = self._checked(X).to(session.device)
        classes = torch.as_tensor(y, dtype=torch.int64, device=session.device)
        network = seeded(self.config.seed, self._build).to(session.device)
        curve = train(network, x, classes, self.config, session)
        self._network = network.eval()
        return curve

    @torch.no_grad()
    def features(self, X: np.ndarray) -> np.ndarray:
        """X (n, C, L) z-scored -> (n, 128) float64."""
        features = np.concatenate([self.network.features(x).double().cpu().numpy() for x in self._batches(X)])
        check_finite(features, "FCN")
        return features

    @torch.no_grad()
    def features_and_probabilities(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """X (n, C, L) z-scored -> features (n, 128) and softmax (n, n_classes), float64, in one pass."""
        features = self.features(X)
        inputs = torch.from_numpy(features).to(self.device, torch.float32)
        return features, self.network.head(inputs).double().softmax(1).cpu().numpy()

    def accuracy(self, X: np.ndarray, y: np.ndarray) -> float:
        """Share of the series whose class is recognised, in [0, 1]."""
        return accuracy(self.features_and_probabilities(X)[1], y)

    def save(self, path: Path | str, facts: Mapping[str, Any] | None = None) -> None:
        """Write weights and configuration; `facts` (JSON) go into the header, too."""
        header = JudgeHeader(
            config=self.config, in_channels=self.in_channels, n_classes=self.n_classes, facts=dict(facts or {})
        )
        write(path, header, self.network.state_dict())

    @classmethod
    def load(cls, path: Path | str, device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or not an FCN.
        """
        header, tensors = read(path, JudgeHeader, "run fcn")
        judge = cls(header.config, header.in_channels, header.n_classes)
        judge._network = filled(path, judge._build, tensors).to(device)
        return judge

    def _checked(self, X: np.ndarray) -> Tensor:
        if X.ndim != 3 or X.shape[1] != self.in_channels or not len(X):
            raise DataError(
                f"the FCN judges series of shape (n, {self.in_channels}, L); these have shape {X.shape}"
            )
        return torch.as_tensor(np.ascontiguousarray(X), dtype=torch.float32)

    def _batches(self, X: np.ndarray) -> Iterator[Tensor]:
        for (x,) in in_batches(X.shape[-1], self._checked(X)):
            yield x.to(self.device)
