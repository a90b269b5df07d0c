"""A `Baseline` that needs no package: samples are series of TRAIN with noise."""

import time
from typing import ClassVar

import torch
from torch import Tensor

from nm_vqtsg.generators.baseline import Baseline
from nm_vqtsg.params.models import Section, Steps, param
from nm_vqtsg.session import Session

STEP_S = 0.004  # of a processor


class RowsConfig(Section):
    """Settings of `Rows`."""

    steps: Steps = param(50000, "ours", "steps that only take time")


class Rows(Baseline[RowsConfig]):
    """It learns all series alike."""

    name: ClassVar = "rows"
    title: ClassVar = "rows of TRAIN"
    package: ClassVar = "torch"
    config_type: ClassVar = RowsConfig
    budget: ClassVar = "steps"
    by_class: ClassVar = False
    trained: ClassVar[list[int]] = []

    @property
    def n_weights(self) -> int:
        return self._x.numel()

    def fit(self, x: Tensor, y: Tensor | None, seed: int, session: Session) -> None:
        self.trained.append(self.config.steps)
        with session.track("rows", self.config.steps) as task:
            for _ in range(self.config.steps):
                end = time.process_time() + STEP_S
                while time.process_time() < end:
                    pass
                task.advance()
        self._x = x

    def sample(self, n: int, y: Tensor | None, *, rng: torch.Generator, session: Session) -> Tensor:
        rows = torch.randint(len(self._x), (n,), generator=rng)
        return self._x[rows] + 0.1 * torch.randn((n, *self._x.shape[1:]), generator=rng)
