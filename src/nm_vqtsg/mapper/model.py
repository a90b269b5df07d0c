"""The mapper: its network, the temperature it was trained on, and the codes of the generator it belongs to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from nm_vqtsg.artifacts import load_model, load_state, save_model
from nm_vqtsg.errors import ArtifactError, DataError, UserError
from nm_vqtsg.mapper.train import fit_mapper, map_batches
from nm_vqtsg.mapper.unet import UNet
from nm_vqtsg.params import Stage3, Svq
from nm_vqtsg.session import Session
from nm_vqtsg.svq.quantize import check_tau
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training import Budget
from nm_vqtsg.training.order import derive_seed

KIND = "mapper"


class Mapper:
    """f_φ on z-scored tensors: generated series to series that look like real ones.

    Parameters
    ----------
    config : Stage3
        Network and budget.
    svq : Svq
        The distance of the variants that it learns from.
    tau : float
        Their temperature.
    in_channels, length : int
        C and L of the series.
    codes : str
        Digest of the generator's codebooks (`codes_digest`).

    Attributes
    ----------
    mean, std : tuple of float
        Of each channel: the scaling of data in other units, for whoever applies it; 0 and 1 in a study.
    """

    def __init__(self, config: Stage3, svq: Svq, tau: float, in_channels: int, length: int, codes: str) -> None:
        self.config, self.svq, self.tau, self.codes = config, svq, check_tau(tau), codes
        self.in_channels, self.length = in_channels, length
        self.mean, self.std = (0.0,) * in_channels, (1.0,) * in_channels
        self._network: UNet | None = None

    @property
    def network(self) -> UNet:
        """The trained network."""
        if self._network is None:
            raise UserError("the mapper is not trained yet; call fit first")
        return self._network

    def _build(self, seed: int) -> UNet:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed(seed, "mapper"))
            return UNet(self.in_channels, self.config.width, self.config.multipliers, self.config.dropout)

    def fit(
        self, variants: StochasticVariants, seed: int, session: Session | None = None
    ) -> list[dict[str, float]]:
        """Train from scratch on real series and their variants; return the loss curve.

        Raises
        ------
        TrainingError
            If a loss is not finite.
        """
        network = self._build(seed)
        curve = fit_mapper(network, variants, self.tau, Budget.of(self.config), seed, session)
        self._network = network
        return curve

    def map(self, x_hat: Tensor) -> Tensor:
        """Map series (n, C, L), in batches and without dropout, to (n, C, L) on the CPU.

        Raises
        ------
        DataError
            If the series have another shape.
        """
        if x_hat.ndim != 3 or x_hat.shape[1:] != (self.in_channels, self.length) or not len(x_hat):
            raise DataError(
                f"series of shape {tuple(x_hat.shape)} do not fit a mapper of series "
                f"(n, {self.in_channels}, {self.length})"
            )
        device = next(self.network.parameters()).device
        return torch.cat([batch.cpu() for batch in map_batches(self.network, x_hat.to(device))])

    def save(self, path: Path | str, facts: Mapping[str, Any] | None = None) -> None:
        """Write weights and header; `facts` (JSON) go into the header, too."""
        header = {
            "kind": KIND,
            "config": self.config.model_dump(mode="json"),
            "svq": self.svq.model_dump(mode="json"),
            "in_channels": self.in_channels,
            "length": self.length,
            "tau": self.tau,
            "mean": self.mean,
            "std": self.std,
            "codes": self.codes,
            **(facts or {}),
        }
        save_model(path, self.network.state_dict(), header)

    @classmethod
    def load(cls, path: Path | str, device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or no mapper.
        """
        tensors, header = load_model(path)
        if header.get("kind") != KIND:
            raise ArtifactError(f"{path}: holds no mapper; run stage3")
        stage3 = Stage3.model_validate(header["config"], strict=False)
        svq = Svq.model_validate(header["svq"], strict=False)
        mapper = cls(
            stage3, svq, float(header["tau"]), header["in_channels"], header["length"], header.get("codes", "")
        )
        mapper.mean, mapper.std = tuple(header["mean"]), tuple(header["std"])
        network = mapper._build(seed=0)
        load_state(network, tensors, path)
        mapper._network = network.to(device).eval()
        return mapper
