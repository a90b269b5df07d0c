"""What the mapper minimises at a step: losses of pairs, and distances of generated series from real ones."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from nm_vqtsg.errors import ParameterError
from nm_vqtsg.mapper.critic import Critic, adversarial_losses
from nm_vqtsg.mapper.energy import BATCH, EnergyDistance
from nm_vqtsg.mapper.loss import MapperLoss
from nm_vqtsg.mapper.pool import Pool
from nm_vqtsg.params import Stage3
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training.seeds import derive_seed, seeded

Network = Callable[[Tensor], Tensor]


class Objective:
    """The losses of one step of the mapper's training (paper, Algorithm 1, and this project's options).

    Parameters
    ----------
    config : Stage3
        Which losses, with what weights.
    loss : MapperLoss
        Of pairs.
    variants : StochasticVariants
        Of all of TRAIN.
    tau : float
        Temperature of the variants.
    fitted : Tensor, optional
        (n,) int64: the series that may be used; all by default.
    y : ndarray, optional
        Classes of all of TRAIN.
    pool : Pool, optional
        What the generator gives to learn on.
    seed : int
        Of the critic's first weights.

    Attributes
    ----------
    critic : Critic or None
        What is trained beside the mapper, where there is an ``adversarial_weight``.

    Raises
    ------
    ParameterError
        If the pool or the classes that an option needs are missing.
    """

    def __init__(
        self,
        config: Stage3,
        loss: MapperLoss,
        variants: StochasticVariants,
        tau: float,
        fitted: Tensor | None = None,
        y: np.ndarray | None = None,
        pool: Pool | None = None,
        seed: int = 0,
    ) -> None:
        self._config, self._loss, self._variants, self._tau = config, loss, variants, tau
        device = variants.x.device
        self._rows = torch.arange(len(variants), device=device) if fitted is None else fitted
        self._members = _members(config, None if y is None else y[self._rows.cpu().numpy()], device)
        self._pairs = _pairs(config, pool, self._rows)
        self._drawn = max(1, round(config.redrawn_fraction * config.batch_size)) if self._pairs else 0
        self.critic = None
        if config.adversarial_weight:
            self.critic = seeded(derive_seed(seed, "mapper critic"), lambda: Critic(variants.x.shape[1])).to(
                device
            )
        self._generated = None
        if samples_option(config):
            self._generated = _Generated(config, pool, variants.x[self._rows], self.critic)

    def __len__(self) -> int:
        """Series to choose the rows of a step from."""
        return len(self._rows)

    def losses(self, network: Network, rows: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """``loss``, its parts, and ``l1_input``, L1 of doing nothing, of (B,) int64 rows below ``len(self)``."""
        variant, x = self._batch(rows, rng)
        unmapped = {"l1_input": l1_loss(variant, x)}
        if self._generated is None:
            return self._loss(network(variant), x) | unmapped
        mapped = network(torch.cat([variant, self._generated.draw(rng)]))  # one pass
        of_pairs = self._loss(mapped[: len(x)], x)
        total, parts = self._generated.losses(mapped[len(x) :], rng)
        return {"l1": of_pairs["loss"]} | of_pairs | {"loss": of_pairs["loss"] + total} | parts | unmapped

    def _batch(self, rows: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Variants and what they are variants of."""
        if self._members is not None:
            rows = self._members.draw(len(rows), rng)
        rows = self._rows[rows[self._drawn :]]
        variant, x = self._variants.draw(rows, self._tau, rng), self._variants.x[rows]
        if self._pairs is None:
            return variant, x
        some = randint(len(self._pairs.rows), self._drawn, rng, x.device)
        others = self._variants.x[self._rows[self._pairs.rows[some]]]
        return torch.cat([variant, self._pairs.redrawn[some]]), torch.cat([x, others])


def samples_option(config: Stage3) -> str:
    """The option by which a mapper learns on unconditional samples; empty where there is none."""
    options = {"energy_weight": config.energy_weight, "adversarial_weight": config.adversarial_weight}
    return next((name for name, weight in options.items() if weight), "")


def randint(n: int, count: int, rng: torch.Generator, device: torch.device) -> Tensor:
    """(count,) int64 below `n`, on a device."""
    return torch.randint(n, (count,), generator=rng, device=rng.device).to(device)


class _Members:
    """Series by class, so that all classes are drawn equally often."""

    def __init__(self, y: np.ndarray, device: torch.device) -> None:
        _, counts = np.unique(y, return_counts=True)
        self._order = torch.from_numpy(np.argsort(y, kind="stable")).to(device)
        self._counts = torch.from_numpy(counts).to(device)
        self._starts = self._counts.cumsum(0) - self._counts

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        classes = randint(len(self._counts), n, rng, self._counts.device)
        uniform = torch.rand(n, generator=rng, device=rng.device, dtype=torch.float64).to(classes.device)
        return self._order[self._starts[classes] + (uniform * self._counts[classes]).long()]


def _members(config: Stage3, y: np.ndarray | None, device: torch.device) -> _Members | None:
    if not config.balanced:
        return None
    if y is None:
        raise ParameterError("stage3.balanced: the series have no classes; set it to false, or give labels")
    return _Members(y, device)


def _pairs(config: Stage3, pool: Pool | None, fitted: Tensor) -> Pool | None:
    if not config.redrawn_fraction:
        return None
    pairs = None if pool is None else pool.to(fitted.device).within(fitted)
    if pairs is None or not len(pairs.rows):
        raise ParameterError(
            "stage3.redrawn_fraction: there are no series that the prior has drawn anew in part to learn on; give "
            "a pool of them (sample.n_redrawn), or set it to 0"
        )
    return pairs


class _Generated:
    """Generated series, and how far from real ones the network maps them."""

    def __init__(self, config: Stage3, pool: Pool | None, x: Tensor, critic: Critic | None) -> None:
        self._config, self._x, self._critic = config, x, critic
        if pool is None or len(pool.samples) < 2:
            raise ParameterError(
                f"stage3.{samples_option(config)}: there are no generated series to learn on; give a pool of two "
                "or more, or set it to 0"
            )
        self._samples = pool.samples.to(x.device)
        self._energy = EnergyDistance(x.shape[2]).to(x.device) if config.energy_weight else None

    def draw(self, rng: torch.Generator) -> Tensor:
        """A batch of samples."""
        return self._samples[randint(len(self._samples), BATCH, rng, self._samples.device)]

    def losses(self, mapped: Tensor, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """What is added to the loss of pairs, and its parts, against a batch of real series."""
        x = self._x[randint(len(self._x), BATCH, rng, self._x.device)]
        total, parts = mapped.new_zeros(()), dict[str, Tensor]()
        if self._energy is not None:
            parts["energy"] = self._energy(mapped, x)
            total = total + self._config.energy_weight * parts["energy"]
        if self._critic is not None:
            parts |= adversarial_losses(self._critic, mapped, x)
            total = total + self._config.adversarial_weight * parts["adversarial"] + parts["critic"]
        return total, parts


def trained_together(network: nn.Module, objective: Objective) -> nn.Module:
    """What the optimiser and a checkpoint hold: the network, and with it the critic if there is one."""
    if objective.critic is None:
        return network
    return nn.ModuleDict({"network": network, "critic": objective.critic})
