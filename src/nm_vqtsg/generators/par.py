"""PAR (Zhang et al. 2022), the autoregressive model of SDV, by its package ``deepecho``, as it stands.

The package trains by itself, on all series at once and on the CPU, and draws one series after the other. So a
training that is ended begins anew, and long series take long.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from nm_vqtsg.errors import TrainingError
from nm_vqtsg.generators.baseline import Baseline
from nm_vqtsg.params.models import Section, Steps, param
from nm_vqtsg.session import Session
from nm_vqtsg.training.seeds import derive_seed


class PARConfig(Section):
    """Settings of `PAR`."""

    epochs: Steps = param(128, "code", "optimiser steps, each over all series")


class PAR(Baseline[PARConfig]):
    """A recurrent network that draws one time step after the other; a class is its context."""

    name: ClassVar = "par"
    title: ClassVar = "autoregressive (PAR) of deepecho"
    package: ClassVar = "deepecho"
    config_type: ClassVar = PARConfig
    budget: ClassVar = "epochs"
    by_class: ClassVar = True

    _model: Any
    _shape: tuple[int, int]
    _class_counts: Tensor | None

    @property
    def n_weights(self) -> int:
        return sum(weights.numel() for weights in self._model._model.parameters())

    def fit(self, x: Tensor, y: Tensor | None, seed: int, session: Session) -> None:
        package = self.required()
        self._shape = (x.shape[1], x.shape[2])
        self._class_counts = None if y is None else torch.bincount(y).double()
        contexts = [[]] * len(x) if y is None else [[label] for label in y.tolist()]
        sequences = [
            {"context": context, "data": series.tolist()}
            for context, series in zip(contexts, x.cpu().double(), strict=True)
        ]
        types = [] if y is None else ["categorical"], ["continuous"] * x.shape[1]
        with torch.random.fork_rng(devices=[]), session.track("par", self.config.epochs) as task:
            torch.manual_seed(derive_seed(seed, "par"))
            model = _told(package, task.advance)(epochs=self.config.epochs, cuda=False, verbose=False)
            model.fit_sequences(sequences, *types)
        if not all(bool(weights.isfinite().all()) for weights in model._model.parameters()):
            raise TrainingError("par: a weight is not finite; set fewer epochs or look for extreme values")
        self._model = model

    @torch.no_grad()
    def sample(self, n: int, y: Tensor | None, *, rng: torch.Generator, session: Session) -> Tensor:
        if y is None and self._class_counts is not None:  # by the frequencies of the classes in TRAIN
            y = torch.multinomial(self._class_counts, n, replacement=True, generator=rng)
        seed = int(torch.randint(2**62, (1,), generator=rng))
        drawn = []
        with torch.random.fork_rng(devices=[]), session.track("par, sampling", total=n) as task:
            torch.manual_seed(seed)
            for row in range(n):
                context = [] if y is None else [int(y[row])]
                drawn.append(self._model.sample_sequence(context, sequence_length=self._shape[1]))
                task.advance()
        return torch.tensor(drawn, dtype=torch.float32)


def _told(package: Any, advance: Callable[[], None]) -> Any:
    """Its model, which says after every epoch that it has got on: the package itself only prints."""

    class Told(package.PARModel):  # type: ignore[misc]
        def _compute_loss(self, *arguments: Any) -> Any:
            advance()
            return super()._compute_loss(*arguments)

    return Told
