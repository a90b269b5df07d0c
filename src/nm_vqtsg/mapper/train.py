"""Training of the mapper on pairs of a series and its stochastic variant (paper, Algorithm 1)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from nm_vqtsg.mapper.loss import MapperLoss
from nm_vqtsg.mapper.objective import Objective, trained_together
from nm_vqtsg.mapper.pool import Pool
from nm_vqtsg.metrics.counts import ENOUGH
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.params import Stage3
from nm_vqtsg.session import Session
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training.average import InTurn, MovingAverage
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.loop import Callback, fit
from nm_vqtsg.training.seeds import derive_seed, new_rng
from nm_vqtsg.training.validation import Validation, holdout, look_every

MOST_DRAWS = 8  # variants of each held-out series


@dataclass(frozen=True)
class HeldOut:
    """What the mapper did on the part of TRAIN that it was not trained on.

    Attributes
    ----------
    n_validation : int
        Series held out.
    validation_step : int
        Steps done when the loss on them was lowest: the weights that were kept. 0 is the start, no mapping.
    validation_loss, validation_input : float
        The training's loss on fixed variants of them then, and that of no mapping.
    """

    n_validation: int
    validation_step: int
    validation_loss: float
    validation_input: float


class HeldOutVariants:
    """Fixed variants of the held-out series, and the loss of a network on them.

    Parameters
    ----------
    variants : StochasticVariants
        Of all series.
    rows : ndarray
        Those held out; of few series there are several variants each.
    tau : float
        Their temperature.
    seed : int
        Of the draws.
    loss : MapperLoss
        What is measured.
    """

    def __init__(
        self, variants: StochasticVariants, rows: np.ndarray, tau: float, seed: int, loss: MapperLoss
    ) -> None:
        self._loss = loss
        draws = min(MOST_DRAWS, max(1, ENOUGH // len(rows)))
        held_out = torch.from_numpy(rows).to(variants.x.device).repeat(draws)
        rng = new_rng(seed, "mapper validation")
        self.n, self.x = len(rows), variants.x[held_out]
        self.variant = torch.cat(
            [variants.draw(part, tau, rng) for (part,) in in_batches(self.x.shape[2], held_out)]
        )
        self.loss_input = self._mean_loss(nn.Identity())

    @torch.no_grad()
    def look(self, network: nn.Module) -> Mapping[str, float]:
        """Mean loss, and that of no mapping."""
        return {"validation_loss": self._mean_loss(network), "validation_input": self.loss_input}

    def _mean_loss(self, network: nn.Module) -> float:
        batches = in_batches(self.x.shape[2], self.variant, self.x)
        sums = [float(self._loss(network(variant), x)["loss"]) * len(x) for variant, x in batches]
        return sum(sums) / len(self.x)


def train(
    network: nn.Module,
    variants: StochasticVariants,
    tau: float,
    config: Stage3,
    seed: int,
    session: Session,
    y: np.ndarray | None = None,
    pool: Pool | None = None,
    description: str = "stage 3",
) -> tuple[list[Row], HeldOut | None]:
    """Minimise E |x − f_φ(x̃')|, or another `MapperLoss`, over fresh variants x̃', in place.

    A share ``redrawn_fraction`` of a batch are other variants, those of the `pool`, of which the prior has drawn a
    part of the tokens anew; with ``balanced`` batches all classes of `y` are drawn equally often. Of series x̂ of
    the pool, so many times the `EnergyDistance` between f_φ(x̂) and real series is added as ``energy_weight`` says,
    and with an ``adversarial_weight`` so many times the loss of a network that learns, beside the mapper, to tell
    the two (`Critic`). With ``validation_fraction`` a part of the series, of every class of `y` alike, is held
    out, and the weights are those that did best on it, by the loss of pairs alone; with ``ema_decay`` weights are
    their moving average.

    Returns
    -------
    list of dict
        The curve. Its ``l1_input`` is |x − x̃'| of the same batches: L1 of doing nothing. With other losses than
        L1 it also has the parts: ``l1``, and ``stft``, ``energy``, or ``adversarial`` and ``critic``, what the
        critic minimises. With series held out there are ``validation_loss`` and ``validation_input``, the loss on
        them and that of doing nothing.
    HeldOut or None
        What the weights that were kept did on the held-out series.

    Raises
    ------
    ParameterError
        If an option needs classes or a pool that are not given.
    """
    network.to(session.device)
    loss = MapperLoss(config, variants.x.shape[2], session.device)
    callbacks: list[Callback] = []
    average = MovingAverage(network, config.ema_decay) if config.ema_decay else None
    if average is not None:
        callbacks.append(average)
    trained = network if average is None else average.network
    fitted, validation, held_out = None, None, None
    if config.validation_fraction:
        parts = holdout(len(variants), y, config.validation_fraction, derive_seed(seed, "mapper holdout"))
        fitted = torch.from_numpy(parts[0]).to(session.device)
        held_out = HeldOutVariants(variants, parts[1], tau, seed, loss)
        every = look_every(config.steps)
        validation = Validation(trained, held_out.look, every=every, steps=config.steps)
        validation.take(0)
        callbacks.append(validation)
        session = replace(session, log_every=every)
    objective = Objective(config, loss, variants, tau, fitted, y, pool, seed)
    curve = fit(
        trained_together(network, objective),
        lambda rows, rng, step: objective.losses(network, rows, rng),
        n=len(objective),
        budget=config,
        seed=seed,
        session=session,
        callback=InTurn(*callbacks) if callbacks else None,
        description=description,
        parts=[network],
    )
    if validation is None or held_out is None:
        if average is not None:
            network.load_state_dict(average.network.state_dict())
        return curve, None
    network.load_state_dict(validation.best)
    for row, (_, on_held_out, unmapped) in zip(curve, validation.history[1:].tolist(), strict=True):
        row["validation_loss"], row["validation_input"] = on_held_out, unmapped
    return curve, HeldOut(held_out.n, validation.best_step, validation.best_loss, held_out.loss_input)
