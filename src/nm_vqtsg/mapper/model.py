"""The mapper: its network, the temperature it was trained on, and the codes of the generator it belongs to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg.artifacts import load_model, load_state, save_model
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.errors import ArtifactError, DataError, UserError
from nm_vqtsg.mapper.network import UNet
from nm_vqtsg.mapper.train import train
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.params import Stage3, Svq
from nm_vqtsg.session import Session
from nm_vqtsg.svq.quantize import check_tau
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.seeds import derive_seed, seeded

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
    scaling : Scaling
        From the units of the data to z-scores, for whoever has them; none in a study.
    """

    def __init__(self, config: Stage3, svq: Svq, tau: float, in_channels: int, length: int, codes: str) -> None:
        self.config, self.svq, self.tau, self.codes = config, svq, check_tau(tau), codes
        self.in_channels, self.length = in_channels, length
        self.scaling = Scaling.none(in_channels)
        self._network: UNet | None = None

    @property
    def network(self) -> UNet:
        """The trained network."""
        if self._network is None:
            raise UserError("the mapper is not trained yet; call fit first")
        return self._network

    def _build(self) -> UNet:
        return UNet(self.in_channels, self.config.width, self.config.multipliers, self.config.dropout)

    def fit(self, variants: StochasticVariants, seed: int = 0, session: Session | None = None) -> list[Row]:
        """Train from scratch on real series and their variants; return the loss curve.

        Raises
        ------
        DataError
            If the series have another shape.
        TrainingError
            If a loss is not finite.
        """
        self._check(variants.x)
        network = seeded(derive_seed(seed, "mapper"), self._build)
        curve = train(network, variants, self.tau, self.config, seed, session or Session())
        self._network = network
        return curve

    @torch.no_grad()
    def map(self, x_hat: Tensor) -> Tensor:
        """Map series (n, C, L), in batches and always without dropout, to (n, C, L) on the network's device.

        Raises
        ------
        DataError
            If the series have another shape.
        """
        self._check(x_hat)
        network, was_training = self.network, self.network.training
        network.eval()
        try:
            x_hat = x_hat.to(next(network.parameters()).device)
            return torch.cat([network(batch) for (batch,) in in_batches(self.length, x_hat)])
        finally:
            network.train(was_training)

    def _check(self, x: Tensor) -> None:
        if x.ndim != 3 or x.shape[1:] != (self.in_channels, self.length) or not len(x):
            raise DataError(
                f"series of shape {tuple(x.shape)} do not fit a mapper of series "
                f"(n, {self.in_channels}, {self.length})"
            )

    def save(self, path: Path | str, facts: Mapping[str, Any] | None = None) -> None:
        """Write weights and header; `facts` (JSON) go into the header, too."""
        header = {
            "kind": KIND,
            "config": self.config.model_dump(mode="json"),
            "svq": self.svq.model_dump(mode="json"),
            "in_channels": self.in_channels,
            "length": self.length,
            "tau": self.tau,
            "mean": self.scaling.mean.tolist(),
            "std": self.scaling.std.tolist(),
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
        mapper.scaling = Scaling(
            np.array(header["mean"], dtype=np.float64), np.array(header["std"], dtype=np.float64)
        )
        network = mapper._build()
        load_state(network, tensors, path)
        mapper._network = network.to(device).eval()
        return mapper
