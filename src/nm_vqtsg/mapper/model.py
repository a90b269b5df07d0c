"""The mapper: its network, the temperature it was trained on, and the codes of the generator it belongs to."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.errors import DataError, ParameterError, UserError
from nm_vqtsg.mapper.network import UNet
from nm_vqtsg.mapper.pool import Pool
from nm_vqtsg.mapper.train import HeldOut, train
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.nn.instance import InstanceNorm
from nm_vqtsg.nn.saved import Channels, Finite, Header, Length, PositiveFinite, check_finite, filled, read, write
from nm_vqtsg.params import Stage3, Svq
from nm_vqtsg.session import Session
from nm_vqtsg.svq.quantize import check_tau
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.seeds import derive_seed, seeded


class MapperHeader(Header):
    """Header of a saved mapper: what it is built from and belongs to; without `tau` it changes nothing."""

    kind: Literal["mapper"] = "mapper"
    config: Stage3
    svq: Svq
    tau: PositiveFinite | None
    in_channels: Channels
    length: Length
    mean: tuple[Finite, ...]
    std: tuple[PositiveFinite, ...]
    codes: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _one_scale_for_each_channel(self) -> Self:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.in_channels:
                raise ValueError(f"{name} has {len(values)} values for {self.in_channels} channels")
        return self


class Mapper:
    """f_φ on z-scored tensors: generated series to series that look like real ones.

    Without a temperature it is no mapping, f(x) = x, with nothing to train: for where every mapper harms.

    Parameters
    ----------
    config : Stage3
        Network and budget.
    svq : Svq
        Distance and unit of temperatures of the variants that it learns from.
    tau : float or None
        Their temperature; None for no mapping.
    in_channels, length : int
        C and L of the series.
    codes : str
        Digest of the generator's codebooks (`codes_digest`).

    Attributes
    ----------
    scaling : Scaling
        From the units of the data to z-scores, for whoever has them; none in a study.
    held_out : HeldOut or None
        What `fit` found on the series that it held out, if it held out any; not saved.
    """

    def __init__(
        self, config: Stage3, svq: Svq, tau: float | None, in_channels: int, length: int, codes: str
    ) -> None:
        self.config, self.svq, self.codes = config, svq, codes
        self.tau = None if tau is None else check_tau(tau)
        if self.tau is not None and math.isinf(self.tau):
            raise ParameterError(
                "tau: is infinite, so that variants say nothing of their series; give a finite one"
            )
        self.in_channels, self.length = in_channels, length
        self.scaling = Scaling.none(in_channels)
        self.held_out: HeldOut | None = None
        self._network: nn.Module | None = self._build() if self.tau is None else None

    @property
    def network(self) -> nn.Module:
        """The trained network."""
        if self._network is None:
            raise UserError("the mapper is not trained yet; call fit first")
        return self._network

    def _build(self) -> nn.Module:
        if self.tau is None:
            return nn.Identity()
        config = self.config
        network = UNet(self.in_channels, config.width, config.multipliers, config.dropout, config.noise_channels)
        return nn.Sequential(network, InstanceNorm(self.in_channels)) if config.instance_norm else network

    def fit(
        self,
        variants: StochasticVariants,
        seed: int = 0,
        session: Session | None = None,
        y: np.ndarray | None = None,
        pool: Pool | None = None,
        description: str = "stage 3",
    ) -> list[Row]:
        """Train from scratch on real series and their variants; return the loss curve; no mapping has none.

        `y` (n,) are the classes of the series, of which ``validation_fraction`` holds out equal shares and
        ``balanced`` batches have equally many, `pool` is what the options take that learn on generated series, and
        `description` what the progress is called.

        Raises
        ------
        DataError
            If the series have another shape, or none can be held out.
        ParameterError
            If an option needs classes or a pool that are not given.
        TrainingError
            If a loss is not finite.
        """
        self._check(variants.x)
        if self.tau is None:
            return []
        for series in () if pool is None else (pool.samples, pool.redrawn):
            if len(series):
                self._check(series)
        network = seeded(derive_seed(seed, "mapper"), self._build)
        for part in network.modules():
            if isinstance(part, InstanceNorm):
                part.learn(variants.x.cpu())
        curve, self.held_out = train(
            network, variants, self.tau, self.config, seed, session or Session(), y, pool, description
        )
        self._network = network
        return curve

    @torch.no_grad()
    def map(self, x_hat: Tensor) -> Tensor:
        """Map series (n, C, L), in batches and always without dropout, to (n, C, L) on the network's device.

        Raises
        ------
        DataError
            If the series have another shape.
        ArtifactError
            If the result is not finite.
        """
        self._check(x_hat)
        if self.tau is None:
            return x_hat
        network, was_training = self.network, self.network.training
        network.eval()
        try:
            x_hat = x_hat.to(next(network.parameters()).device)
            mapped = torch.cat([network(batch) for (batch,) in in_batches(self.length, x_hat)])
        finally:
            network.train(was_training)
        check_finite(mapped, "mapper")
        return mapped

    def _check(self, x: Tensor) -> None:
        if x.ndim != 3 or x.shape[1:] != (self.in_channels, self.length) or not len(x):
            raise DataError(
                f"series of shape {tuple(x.shape)} do not fit a mapper of series "
                f"(n, {self.in_channels}, {self.length})"
            )

    def save(self, path: Path | str, facts: Mapping[str, Any] | None = None) -> None:
        """Write weights and header; `facts` (JSON) go into the header, too."""
        header = MapperHeader(
            config=self.config,
            svq=self.svq,
            tau=self.tau,
            in_channels=self.in_channels,
            length=self.length,
            mean=tuple(self.scaling.mean.tolist()),
            std=tuple(self.scaling.std.tolist()),
            codes=self.codes,
            facts=dict(facts or {}),
        )
        write(path, header, self.network.state_dict())

    @classmethod
    def load(cls, path: Path | str, device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or no mapper.
        """
        header, tensors = read(path, MapperHeader, "run stage3")
        mapper = cls(header.config, header.svq, header.tau, header.in_channels, header.length, header.codes)
        mapper.scaling = Scaling(np.array(header.mean), np.array(header.std))
        mapper._network = filled(path, mapper._build, tensors).to(device)
        return mapper
