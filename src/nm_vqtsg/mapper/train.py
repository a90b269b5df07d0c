"""Training of the mapper on pairs of a series and its stochastic variant (paper, Algorithm 1)."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from nm_vqtsg.metrics.counts import ENOUGH
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.session import Session
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training import Budget, fit
from nm_vqtsg.training.order import derive_seed

CONSTANT = 0.01  # outputs that differ among each other by less than this share of the data's spread


@dataclass(frozen=True)
class MapperReport:
    """How the trained mapper does on fresh variants of (a part of) TRAIN, in eval mode.

    Attributes
    ----------
    l1 : float
        Mean of |x − f_φ(x̃')|.
    l1_input : float
        Mean of |x − x̃'|, what no mapping at all would give.
    spread : float
        Mean over channels and times of the mapped series' standard deviation, over the same of the real ones.
    n : int
        Series looked at.
    """

    l1: float
    l1_input: float
    spread: float
    n: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should look at, in sentences."""
        found = []
        if self.spread < CONSTANT:
            found.append(
                f"the mapper gives nearly the same series whatever goes in (its outputs vary by {self.spread:.2g} "
                "of the data's spread); train longer, or with a lower stage3.learning_rate"
            )
        if self.l1 > self.l1_input:
            found.append(
                f"mapped variants are farther from the real series (L1 {self.l1:.3g}) than unmapped ones "
                f"({self.l1_input:.3g}); train longer, or with a lower stage3.learning_rate"
            )
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """The numbers and the warnings, for a report."""
        return asdict(self) | {"warnings": list(self.warnings)}


def fit_mapper(
    network: nn.Module,
    variants: StochasticVariants,
    tau: float,
    budget: Budget,
    seed: int = 0,
    session: Session | None = None,
) -> list[dict[str, float]]:
    """Minimise E |x − f_φ(x̃')| over fresh variants x̃', in place.

    The curve's ``l1_input`` is |x − x̃'| of the same batches: the loss of doing nothing.
    """

    def step_loss(rows: Tensor, source: torch.Generator, step: int) -> dict[str, Tensor]:
        x = variants.x[rows]
        variant = variants.draw(rows, tau, source)
        return {"loss": l1_loss(network(variant), x), "l1_input": l1_loss(variant, x)}

    return fit(
        network,
        step_loss,
        n=len(variants),
        budget=budget,
        seed=seed,
        session=session,
        description="stage 3",
        parts=[network],
    )


def check_mapper(network: nn.Module, variants: StochasticVariants, tau: float, seed: int = 0) -> MapperReport:
    """Look at the mapper on fresh variants of the first series; see `MapperReport`."""
    source = torch.Generator().manual_seed(derive_seed(seed, "mapper check"))
    n = min(ENOUGH, len(variants))
    variant = variants.draw(slice(0, n), tau, source)
    mapped, x = torch.cat(list(map_batches(network, variant))), variants.x[:n]
    spread = mapped.std(0, correction=0).mean() / x.std(0, correction=0).mean().clamp(min=1e-12)
    return MapperReport(float(l1_loss(mapped, x)), float(l1_loss(variant, x)), float(spread), n)


@torch.no_grad()
def map_batches(network: nn.Module, x: Tensor) -> Iterator[Tensor]:
    """f_φ(x) in eval mode whatever mode the network is in, (n, C, L) in batches."""
    training = network.training
    network.eval()
    try:
        for (batch,) in in_batches(x.shape[-1], x):
            yield network(batch)
    finally:
        network.train(training)
