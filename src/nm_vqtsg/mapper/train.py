"""Training of the mapper on pairs of a series and its stochastic variant (paper, Algorithm 1)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from nm_vqtsg.params import Stage3
from nm_vqtsg.session import Session
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.loop import fit


def train(
    network: nn.Module, variants: StochasticVariants, tau: float, config: Stage3, seed: int, session: Session
) -> list[Row]:
    """Minimise E |x − f_φ(x̃')| over fresh variants x̃', in place.

    The curve's ``l1_input`` is |x − x̃'| of the same batches: the loss of doing nothing.
    """

    def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
        x = variants.x[rows]
        variant = variants.draw(rows, tau, rng)
        return {"loss": l1_loss(network(variant), x), "l1_input": l1_loss(variant, x)}

    return fit(
        network,
        step_loss,
        n=len(variants),
        budget=config,
        seed=seed,
        session=session,
        description="stage 3",
        parts=[network],
    )
