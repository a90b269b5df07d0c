"""The neural mapper for users: arrays in, arrays out, in the units of the data."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, cast, runtime_checkable

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from nm_vqtsg.datasets.arrays import as_labels, as_series
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.errors import DataError, UserError
from nm_vqtsg.estimators.folder import MAPPER, check_mapper_fits, read_mapper, write_card
from nm_vqtsg.generators.base import VQGenerator
from nm_vqtsg.mapper import advice
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.mapper.objective import samples_option
from nm_vqtsg.mapper.outcome import Outcome, search_by_outcome
from nm_vqtsg.mapper.pool import SIZE, Pool, Source, draw_pool
from nm_vqtsg.mapper.quality import MapperReport, measure
from nm_vqtsg.mapper.train import HeldOut
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.nn.quantizer import codes_digest
from nm_vqtsg.nn.saved import check_finite
from nm_vqtsg.params import Params, Rocket, Stage3, Svq, TauSearch
from nm_vqtsg.params.estimator import NotFitted, SectionEstimator, check_random_state
from nm_vqtsg.session import Session
from nm_vqtsg.session.device import chosen_device
from nm_vqtsg.session.session import estimator_session
from nm_vqtsg.svq import advice as svq_advice
from nm_vqtsg.svq.quantize import check_tau
from nm_vqtsg.svq.tau_search import TauCurve, search_tau
from nm_vqtsg.svq.variants import Codec, StochasticVariants
from nm_vqtsg.training.seeds import derive_seed, new_rng

SUFFIX = ".safetensors"


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

    `fit` takes the generator beside its series, and `transform` takes other series than `fit`, so there is no
    `fit_transform`; a scikit-learn pipeline holds a fitted mapper, as ``FrozenEstimator(mapper)``.

    Parameters
    ----------
    stage3 : Stage3 or dict, optional
        Network and budget, such as ``{"steps": 1000}``: the section `stage3` of params.yaml. What is not given is
        the paper's.
    svq : Svq or dict, optional
        Distance and unit of the temperatures of stochastic vector quantisation.
    tau : float, optional
        Its temperature; searched for over `tau_grid` where it is not given.
    tau_grid : sequence of float, optional
        Temperatures to try; the paper's by default.
    rocket : Rocket or dict, optional
        Features on which temperatures are compared.
    tau_search : TauSearch or dict, optional
        How: ``{"choose": "outcome"}`` goes by what short mappers make of generated series; no mapping may win.
    random_state : int, RandomState or None
        Seed of training and search; from a `numpy.random.RandomState`, or (None) from NumPy's global one, each
        `fit` draws another.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    progress : bool
        Show progress: a bar on a terminal, else lines through `logging`.

    Attributes
    ----------
    tau_ : float or None
        The temperature that was trained on; None where no mapping was better, so that series stay as they are.
    tau_curve_ : TauCurve or None
        How alike generated series and variants are at each temperature, if there was a search.
    outcome_ : Outcome or None
        What the short mappers made of generated series, if that decided.
    report_ : MapperReport or None
        L1 to the real series before and after mapping, on fresh variants of TRAIN; None without a mapping.
    held_out_ : HeldOut or None
        What it does on the series that ``stage3.validation_fraction`` held out.
    warnings_ : list of str
        What the search and the training warn of, in sentences, which are logged, too.
    curve_ : list of dict
        Loss curve.
    seed_ : int
        The seed of `fit`: `random_state`, or what was drawn from it.
    mean_, std_ : ndarray
        (C,) the scaling; zeros and ones where the series of `fit` were scaled already.
    mapper_ : Mapper
        f_φ for z-scored tensors, with the digest of the generator's codes: a mapper serves the generator that it
        was trained for.

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

    mapper_: Mapper
    tau_: float | None
    tau_curve_: TauCurve | None
    outcome_: Outcome | None
    report_: MapperReport | None
    held_out_: HeldOut | None
    warnings_: list[str]
    curve_: list[dict[str, float]]
    mean_: np.ndarray
    std_: np.ndarray
    seed_: int

    sections: ClassVar = {"stage3": Stage3, "svq": Svq, "rocket": Rocket, "tau_search": TauSearch}

    def __init__(
        self,
        stage3: Stage3 | dict[str, Any] | None = None,
        svq: Svq | dict[str, Any] | None = None,
        *,
        tau: float | None = None,
        tau_grid: Sequence[float] | None = None,
        rocket: Rocket | dict[str, Any] | None = None,
        tau_search: TauSearch | dict[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        device: str = "auto",
        progress: bool = True,
    ) -> None:
        self.stage3, self.svq, self.rocket, self.tau_search = stage3, svq, rocket, tau_search
        self.tau, self.tau_grid = tau, tau_grid
        self.random_state, self.device, self.progress = random_state, device, progress
        self._check_sections()

    def fit(
        self,
        generator: Codec | ScaledGenerator,
        X: Any,
        y: Any = None,
        *,
        generated: Any = None,
        n_redrawn: int = SIZE,
        session: Session | None = None,
    ) -> Self:
        """Train on the real series that the generator was trained on.

        Parameters
        ----------
        generator : VQGenerator, ScaledGenerator or Codec
            Its tokeniser makes the variants; where `tau` is given and nothing is learnt on generated series, a
            tokeniser alone will do. With a `ScaledGenerator`, `X` is in the units of the data, and so are the
            series of `transform`; otherwise all are z-scored as the generator's are.
        X : array-like
            (n, C, L), or (n, L) for one channel, or a table or panel as the generator takes it.
        y : array-like, optional
            (n,) labels, those that the generator was trained with if the prior draws anew: a part of every class
            is held out by ``stage3.validation_fraction``, and all are drawn equally often by ``stage3.balanced``.
        generated : array-like, optional
            (m, C, L) or (m, L), in the units of `X`: series of the generator to learn on where
            ``stage3.energy_weight`` or ``stage3.adversarial_weight`` is not 0; without them 4096 are drawn. Map
            others than these.
        n_redrawn : int
            Series of `X` that the generator's prior draws anew in part, for ``stage3.redrawn_fraction``.
        session : Session, optional
            Surroundings other than `device` and `progress` say, with checkpoints for example.

        Raises
        ------
        UserError
            If `X` cannot be used or does not fit the generator, or the generator is not fitted; the message says
            why.
        """
        self._check_sections()  # all that a user may have got wrong is refused before any work
        config, svq, seed = self.section("stage3"), self.section("svq"), check_random_state(self.random_state)
        if self.tau is not None:
            check_tau(self.tau)
        array = as_series(X)
        labels = None if y is None else np.unique(as_labels(y, len(array)), return_inverse=True)[1]
        _, channels, length = array.shape
        inner: Codec
        if isinstance(generator, ScaledGenerator):
            inner, mean, std = generator.generator_, generator.mean_, generator.std_
        else:
            inner, mean, std = generator, np.zeros(channels), np.ones(channels)
        if not hasattr(inner, "codebooks"):
            kind = NotFitted if isinstance(inner, BaseEstimator) else UserError
            raise kind(f"{type(inner).__name__} has no codebooks; fit it first, or wrap it as a VQGenerator")
        if len(mean) != channels:
            raise DataError(f"X has channels {channels} where the generator was fitted on {len(mean)}")
        self.__dict__.pop("mapper_", None)  # from here on, what was fitted before is no more
        self.mean_, self.std_ = mean, std
        session = session or estimator_session(self.device, self.progress)
        x = self._scaled(array).to(session.device)

        self.tau_curve_ = self.outcome_ = None
        self.warnings_ = []
        variants = StochasticVariants(inner, x, svq)
        pool = self._pool(inner, generated, n_redrawn, x, labels, seed, session)
        tau = self._search(inner, x, labels, pool, seed, session) if self.tau is None else self.tau
        mapper = Mapper(config, svq, tau, channels, length, codes_digest(inner.codebooks))
        mapper.scaling = Scaling(mean, std)
        self.curve_ = mapper.fit(variants, seed, session, labels, pool)
        self.report_ = None if tau is None else measure(mapper, variants, seed)
        self.held_out_ = mapper.held_out
        findings = [vars(report) for report in (self.report_, self.held_out_) if report is not None]
        self._warn(
            advice.warnings(
                {"tau": tau} | {name: value for finding in findings for name, value in finding.items()}
            )
        )
        self.mapper_, self.tau_, self.seed_ = mapper, mapper.tau, seed
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
        mapper = self._fitted()
        array = as_series(X_hat, mapper.in_channels, mapper.length)
        if mapper.tau is None:
            return array.astype(np.float32)  # to scale and to scale back would change the last digits
        x_hat = self._scaled(array)
        with np.errstate(over="ignore"):
            X = Scaling(self.mean_, self.std_).undo(mapper.map(x_hat).cpu().numpy()).astype(np.float32)
        check_finite(X, "mapper")
        return X

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
        mapper, path = self._fitted(), Path(path)
        file = path if path.suffix == SUFFIX else path / MAPPER
        if file != path:
            check_mapper_fits(path, mapper.codes)
        mapper.save(file, facts)
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
        return cls.of(read_mapper(Path(path), chosen_device(device)), device=device, progress=progress)

    @classmethod
    def of(cls, mapper: Mapper, *, device: str = "auto", progress: bool = True) -> Self:
        """An estimator around a trained mapper, as if it had been fitted."""
        estimator = cls(mapper.config, mapper.svq, tau=mapper.tau, device=device, progress=progress)
        estimator.mapper_, estimator.tau_ = mapper, mapper.tau
        estimator.tau_curve_ = estimator.outcome_ = None
        estimator.warnings_ = []
        estimator.mean_, estimator.std_ = mapper.scaling.mean, mapper.scaling.std
        return estimator

    def _pool(
        self,
        generator: Codec,
        generated: Any,
        n_redrawn: int,
        x: Tensor,
        labels: np.ndarray | None,
        seed: int,
        session: Session,
    ) -> Pool:
        """What the options that learn on generated series need."""
        config: Stage3 = self.section("stage3")
        option, samples = samples_option(config), None
        if option and generated is not None:
            samples = self._scaled(as_series(generated, *x.shape[1:]))
        elif option and not hasattr(generator, "sample"):
            raise UserError(
                f"stage3.{option}: needs generated series; give them (generated), or a whole generator"
            )
        if config.redrawn_fraction and not hasattr(generator, "redraw"):
            raise UserError(
                "stage3.redrawn_fraction: needs a generator that draws tokens anew (redraw); "
                f"{type(generator).__name__} does not. Set it to 0"
            )
        pool = draw_pool(
            cast(Source, generator),
            x,
            None if labels is None else torch.from_numpy(labels),
            n_samples=SIZE if option and samples is None else 0,
            n_redrawn=n_redrawn if config.redrawn_fraction else 0,
            seed=derive_seed(seed, "mapper"),
            session=session,
        )
        return pool if samples is None else pool._replace(samples=samples)

    def _search(
        self,
        generator: Codec,
        x: Tensor,
        labels: np.ndarray | None,
        pool: Pool,
        seed: int,
        session: Session,
    ) -> float | None:
        if not hasattr(generator, "sample"):
            raise UserError("tau cannot be searched for without generated series; give tau, or a whole generator")
        rng = new_rng(seed, "tau", "samples")
        rocket, how = self.section("rocket"), self.section("tau_search")
        searched = (
            generator,
            x,
            generator.sample(how.n_samples, rng=rng, session=session),
            self.tau_grid if self.tau_grid is not None else Params().tau_grid,
            RocketFeatures(x.shape[1], x.shape[2], rocket.n_kernels, rocket.seed),
        )
        svq = self.section("svq")
        curve = search_tau(*searched, svq=svq, n_train=how.n_train, seed=seed, session=session)
        self.tau_curve_ = curve
        chosen: TauCurve | Outcome = curve
        if how.choose == "outcome":
            config = self.section("stage3").model_copy(update={"steps": how.mapper_steps})
            chosen = self.outcome_ = search_by_outcome(
                *searched, config=config, svq=svq, y=labels, pool=pool, seed=seed, session=session
            )
        self._warn(svq_advice.warnings({"grid": chosen.grid, "tau": chosen.tau, "at_edge": chosen.at_edge}))
        return chosen.tau

    def _fitted(self) -> Mapper:
        mapper: Mapper = self._need("mapper_", "fit(generator, X) or load(path)")
        return mapper

    def _scaled(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(Scaling(self.mean_, self.std_).apply(array))

    def _warn(self, sentences: list[str]) -> None:
        self.warnings_ += sentences
        for sentence in sentences:
            logging.getLogger("nm_vqtsg").warning(sentence)
