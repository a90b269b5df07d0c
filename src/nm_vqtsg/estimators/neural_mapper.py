"""The neural mapper for users: arrays in, arrays out, in the units of the data."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg.artifacts import load_model, load_state, save_model
from nm_vqtsg.datasets.arrays import as_series
from nm_vqtsg.errors import ArtifactError, DataError, UserError
from nm_vqtsg.estimators.folder import MAPPER, check_mapper_fits, codes_digest, write_card
from nm_vqtsg.generators.base import VQGenerator
from nm_vqtsg.mapper.train import MapperReport, check_mapper, fit_mapper, map_batches
from nm_vqtsg.mapper.unet import UNet
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Params, Rocket, Stage3, Svq
from nm_vqtsg.params.estimator import SectionEstimator, check_random_state
from nm_vqtsg.session import Session
from nm_vqtsg.session.device import chosen_device
from nm_vqtsg.session.session import estimator_session
from nm_vqtsg.svq.quantize import check_tau
from nm_vqtsg.svq.tau_search import TauCurve, search_tau
from nm_vqtsg.svq.variants import Codec, StochasticVariants
from nm_vqtsg.training import Budget
from nm_vqtsg.training.order import derive_seed

KIND, SUFFIX = "mapper", ".safetensors"
N_GENERATED = 1024  # samples that the search for tau compares with; published code


@runtime_checkable
class ScaledGenerator(Protocol):
    """A generator for users, such as `TimeVQVAE`: networks for z-scored series, and the scaling."""

    generator_: VQGenerator
    mean_: np.ndarray
    std_: np.ndarray


class NeuralMapper(SectionEstimator):
    """Maps generated series to series that look like real ones, x̂_R = f_φ(x̂).

    It is trained on real series and their stochastic variants under the generator's own tokeniser, and knows
    the generator by the few methods of `VQGenerator` only.

    Parameters
    ----------
    stage3 : Stage3 or dict, optional
        Network and budget, such as ``{"steps": 1000}``: the section `stage3` of params.yaml. What is not given is
        the paper's.
    svq : Svq or dict, optional
        The distance of stochastic vector quantisation.
    tau : float, optional
        Its temperature; searched for over `tau_grid` where it is not given.
    tau_grid : sequence of float, optional
        Temperatures to try; the paper's by default.
    rocket : Rocket or dict, optional
        Features on which temperatures are compared.
    random_state : int
        Seed of training and search.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    progress : bool
        Show progress: a bar on a terminal, else lines through `logging`.

    Attributes
    ----------
    tau_ : float
        The temperature that was trained on.
    tau_curve_ : TauCurve or None
        The search, if there was one.
    report_ : MapperReport
        L1 to the real series before and after mapping, on fresh variants of TRAIN.
    curve_ : list of dict
        Loss curve.
    in_channels_, length_ : int
        C and L of the series.
    mean_, std_ : ndarray
        (C,) the scaling; zeros and ones where the series of `fit` were scaled already.
    network_ : UNet
        f_φ, for z-scored tensors.
    codes_ : str
        Digest of the generator's codes: a mapper serves the generator that it was trained for.

    Examples
    --------
    >>> import numpy as np
    >>> from nm_vqtsg import NeuralMapper, TimeVQVAE
    >>> t = np.linspace(0, 6.28, 24)
    >>> X = 20 + np.stack([np.sin(t * k) for k in (1, 2)] * 16)
    >>> model = TimeVQVAE({"steps": 5, "codebook_size": 16}, {"steps": 5}, progress=False).fit(X)
    >>> mapper = NeuralMapper({"steps": 5}, tau=0.1, progress=False).fit(model, X)
    >>> mapper.transform(model.sample(3)).shape
    (3, 1, 24)
    """

    tau_: float
    tau_curve_: TauCurve | None
    report_: MapperReport
    curve_: list[dict[str, float]]
    in_channels_: int
    length_: int
    mean_: np.ndarray
    std_: np.ndarray
    network_: UNet
    codes_: str

    sections: ClassVar = {"stage3": Stage3, "svq": Svq, "rocket": Rocket}

    def __init__(
        self,
        stage3: Stage3 | dict[str, Any] | None = None,
        svq: Svq | dict[str, Any] | None = None,
        *,
        tau: float | None = None,
        tau_grid: Sequence[float] | None = None,
        rocket: Rocket | dict[str, Any] | None = None,
        random_state: int = 0,
        device: str = "auto",
        progress: bool = True,
    ) -> None:
        self.stage3, self.svq, self.rocket = stage3, svq, rocket
        self.tau, self.tau_grid = tau, tau_grid
        self.random_state, self.device, self.progress = random_state, device, progress

    def fit(self, generator: Codec | ScaledGenerator, X: Any, *, session: Session | None = None) -> Self:
        """Train on the real series that the generator was trained on.

        Parameters
        ----------
        generator : VQGenerator, ScaledGenerator or Codec
            Its tokeniser makes the variants; where `tau` is given, a tokeniser alone will do. With a
            `ScaledGenerator`, `X` is in the units of the data, and so are the series of `transform`; otherwise
            all are z-scored as the generator's are.
        X : array-like
            (n, C, L), or (n, L) for one channel.
        session : Session, optional
            Surroundings other than `device` and `progress` say, with checkpoints for example.

        Raises
        ------
        UserError
            If `X` cannot be used or does not fit the generator, or the generator is not fitted; the message says
            why.
        """
        config, distance, seed = self._checked()
        array = as_series(X)
        _, channels, length = array.shape
        inner: Codec
        if isinstance(generator, ScaledGenerator):
            inner, mean, std = generator.generator_, generator.mean_, generator.std_
        else:
            inner, mean, std = generator, np.zeros(channels), np.ones(channels)
        if not hasattr(inner, "codebooks"):
            raise UserError(f"{type(inner).__name__} has no codebooks; fit it first, or wrap it as a VQGenerator")
        if len(mean) != channels:
            raise DataError(f"X has channels {channels} where the generator was fitted on {len(mean)}")
        self.__dict__.pop("network_", None)  # from here on, what was fitted before is no more
        self.in_channels_, self.length_, self.mean_, self.std_ = channels, length, mean, std
        session = session or estimator_session(self.device, self.progress)
        x = self._scaled(array).to(session.device)

        variants = StochasticVariants(inner, x, distance)
        made = variants.draw(slice(0, 1), 1.0, torch.Generator().manual_seed(0)).shape[-1]
        if made != length:
            raise DataError(f"X has length {length} where the generator makes series of length {made}")
        self.tau_curve_ = None if self.tau is not None else self._search(inner, x, session)
        self.tau_ = check_tau(self.tau_curve_.tau if self.tau_curve_ else self.tau or 0.0)
        self.codes_ = codes_digest(inner.codebooks)
        network = self._build(config, seed)
        self.curve_ = fit_mapper(network, variants, self.tau_, Budget.of(config), seed, session)
        self.report_ = check_mapper(network, variants, self.tau_, seed)
        self.network_ = network
        return self

    def transform(self, X_hat: Any) -> np.ndarray:
        """Map generated series, (n, C, L) or (n, L) for one channel; always without dropout.

        Returns
        -------
        ndarray
            (n, C, L) float32, in the units of `X_hat`.

        Raises
        ------
        UserError
            If nothing was fitted yet, or `X_hat` has another size or holds NaN.
        """
        network = self._fitted()
        x_hat = self._scaled(as_series(X_hat, self.in_channels_, self.length_))
        device = next(network.parameters()).device
        mapped = torch.cat([batch.cpu() for batch in map_batches(network, x_hat.to(device))]).numpy()
        return (mapped * self.std_[:, None] + self.mean_[:, None]).astype(np.float32)

    def save(
        self, path: Path | str, facts: dict[str, Any] | None = None, *, metrics: dict[str, Any] | None = None
    ) -> None:
        """Write weights and configuration.

        Parameters
        ----------
        path : path
            The folder that the generator was saved into, so that one folder gives mapped samples: the mapper
            becomes ``mapper.safetensors`` in it, and the model card is written anew. Or a file whose name ends in
            ``.safetensors``.
        facts : dict, optional
            More for the file's header.
        metrics : dict, optional
            What `evaluate` gave, for the card in the folder.

        Raises
        ------
        UserError
            If nothing was fitted yet, or the folder holds another generator.
        """
        self._fitted()
        path = Path(path)
        file = path if path.suffix == SUFFIX else path / MAPPER
        if file != path:
            check_mapper_fits(path, self.codes_)
        config = {
            "kind": KIND,
            "config": self.section("stage3").model_dump(mode="json"),
            "svq": self.section("svq").model_dump(mode="json"),
            "in_channels": self.in_channels_,
            "length": self.length_,
            "tau": self.tau_,
            "mean": self.mean_.tolist(),
            "std": self.std_.tolist(),
            "codes": self.codes_,
            **(facts or {}),
        }
        save_model(file, self.network_.state_dict(), config)
        if file != path:
            write_card(path, metrics)

    @classmethod
    def load(cls, path: Path | str, *, device: str = "auto", progress: bool = True) -> Self:
        """Read what `save` wrote: a folder or a file.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or no mapper, or the folder holds another generator than the mapper's.
        """
        path = Path(path)
        file = path / MAPPER if path.is_dir() else path
        tensors, header = load_model(file)
        if header.get("kind") != KIND:
            raise ArtifactError(f"{file}: holds no mapper; run stage3")
        if file != path:
            check_mapper_fits(path, header.get("codes", ""))
        stage3 = Stage3.model_validate(header["config"], strict=False)
        svq = Svq.model_validate(header["svq"], strict=False)
        mapper = cls(stage3, svq, tau=float(header["tau"]), device=device, progress=progress)
        mapper.in_channels_, mapper.length_ = header["in_channels"], header["length"]
        mapper.tau_, mapper.tau_curve_, mapper.codes_ = float(header["tau"]), None, header.get("codes", "")
        mapper.mean_, mapper.std_ = (np.array(header[name], dtype=np.float64) for name in ("mean", "std"))
        network = mapper._build(stage3, 0)
        load_state(network, tensors, file)
        mapper.network_ = network.to(chosen_device(device)).eval()
        return mapper

    def _checked(self) -> tuple[Stage3, Literal["euclidean", "squared"], int]:
        """Network and budget, distance, seed; all that a user may have got wrong is refused here."""
        self.section("rocket")
        if self.tau is not None:
            check_tau(self.tau)
        return self.section("stage3"), self.section("svq").distance, check_random_state(self.random_state)

    def _search(self, generator: Codec, x: Tensor, session: Session) -> TauCurve:
        if not hasattr(generator, "sample"):
            raise UserError("tau cannot be searched for without generated series; give tau, or a whole generator")
        source = torch.Generator().manual_seed(derive_seed(self.random_state, "tau", "samples"))
        grid = self.tau_grid if self.tau_grid is not None else Params().tau_grid
        rocket = self.section("rocket")
        curve = search_tau(
            generator,
            x,
            generator.sample(N_GENERATED, generator=source, session=session),
            grid,
            RocketFeatures(self.in_channels_, self.length_, rocket.n_kernels, rocket.seed),
            distance=self.section("svq").distance,
            seed=self.random_state,
            session=session,
        )
        if curve.warning:
            logging.getLogger("nm_vqtsg").warning(curve.warning)
        return curve

    def _build(self, config: Stage3, seed: int) -> UNet:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed(seed, "mapper"))
            return UNet(self.in_channels_, config.width, config.multipliers, config.dropout)

    def _fitted(self) -> UNet:
        network: UNet = self._need("network_", "fit(generator, X) or load(path)")
        return network

    def _scaled(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(((array - self.mean_[:, None]) / self.std_[:, None]).astype(np.float32))
