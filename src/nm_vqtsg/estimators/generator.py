"""Generators for users: arrays in, arrays out, in the units of the data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg.datasets.arrays import as_labels, as_series, check_count, class_ids
from nm_vqtsg.datasets.panel import channel_names
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.errors import ArtifactError, ParameterError
from nm_vqtsg.estimators.description import Description, Facts
from nm_vqtsg.estimators.folder import GENERATOR, read_description, read_networks, write_folder
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.nn.saved import check_finite
from nm_vqtsg.params import Sample, Stage1, Stage2
from nm_vqtsg.params.estimator import SectionEstimator, check_random_state
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.session import Session
from nm_vqtsg.session.device import chosen_device
from nm_vqtsg.session.session import estimator_session
from nm_vqtsg.svq.variants import token_draws
from nm_vqtsg.tokenizer.kind import Kind
from nm_vqtsg.tokenizer.model import Tokenizer
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.seeds import new_rng

FIT = "fit(X, y) or load(folder)"


class TwoStageEstimator(SectionEstimator):
    """A generator of a tokeniser and a prior over its tokens; a subclass says which kind of tokeniser.

    Its two stages can be trained at once, by `fit`, or apart, by `fit_tokenizer` and `fit_prior`.

    Generators make series and change none, so there is no `transform` or `fit_transform`: in a scikit-learn
    pipeline one can only be the last step, and ``pipeline[-1].sample(n)`` draws series as that step saw them.

    Parameters
    ----------
    stage1 : Stage1 or dict, optional
        Networks and budget of the tokeniser, such as ``{"steps": 1000}``: the section `stage1` of params.yaml.
        What is not given is the paper's.
    stage2 : Stage2 or dict, optional
        Networks and budget of the prior: the section `stage2`.
    sampling : Sample or dict, optional
        How tokens are drawn: the section `sample`. It may be changed after `fit`.
    random_state : int, RandomState or None
        Seed of training, and of `sample` where it is not given another. Another one is drawn each time from a
        `numpy.random.RandomState`, or (None) from NumPy's global one, as scikit-learn does.
    scale : bool
        Z-score the series by their own mean and standard deviation per channel, and give samples back in the
        units of the data. False for series that are z-scored already.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    progress : bool
        Show progress: a bar on a terminal, else lines through `logging`.

    Attributes
    ----------
    kind : Kind
        How the tokeniser is built and loaded; of the class.
    tokenizer_, prior_ : Tokenizer, Prior
        The trained networks, for tensors that are z-scored.
    generator_ : TwoStageGenerator
        Both together; what the mapper works with.
    classes_ : ndarray
        (n_classes,) the labels seen in `fit`, sorted; empty without labels.
    mean_, std_ : ndarray
        (C,) the scaling of the data.
    seed_ : int
        The seed of the last training: `random_state`, or what was drawn from it. It is saved with the model.
    curves_ : dict
        Loss curves, ``{"stage1": [...], "stage2": [...]}``; empty after `load`.
    channel_names_ : tuple of str
        Names of the channels, where `fit` was given a panel whose columns have names; else empty.
    facts_ : Facts
        What the model card says of data and versions.
    """

    sections: ClassVar = {"stage1": Stage1, "stage2": Stage2, "sampling": Sample}
    kind: ClassVar[Kind]
    tokenizer_: Tokenizer
    prior_: Prior
    classes_: np.ndarray
    mean_: np.ndarray
    std_: np.ndarray
    seed_: int
    curves_: dict[str, list[Row]]
    channel_names_: tuple[str, ...]
    facts_: Facts

    def __init__(
        self,
        stage1: Stage1 | dict[str, Any] | None = None,
        stage2: Stage2 | dict[str, Any] | None = None,
        sampling: Sample | dict[str, Any] | None = None,
        *,
        random_state: int | np.random.RandomState | None = 0,
        scale: bool = True,
        device: str = "auto",
        progress: bool = True,
    ) -> None:
        self.stage1, self.stage2, self.sampling = stage1, stage2, sampling
        self.random_state, self.scale, self.device, self.progress = random_state, scale, device, progress
        self._check_sections()

    def fit(self, X: Any, y: Any = None, *, session: Session | None = None) -> Self:
        """Train on series `X`, with labels `y` where there are any.

        Parameters
        ----------
        X : array-like
            (n, C, L), or (n, L) for one channel; a data frame with a series in each row; or a panel of sktime's
            (``pd-multiindex``, ``nested_univ``, ``df-list``), in which the columns are the channels.
        y : array-like, optional
            (n,) labels in the order of the series. The index of a pandas Series is not looked at: sort it as `X`
            before.
        session : Session, optional
            Surroundings other than `device` and `progress` say, with checkpoints for example.

        Raises
        ------
        DataError
            If series or labels cannot be used; the message says why.
        """
        array = as_series(X)
        if y is not None:
            as_labels(y, len(array))  # refused before any training, as is what follows
        self._check_sections()
        seed = check_random_state(self.random_state)
        self._fit_tokenizer(array, seed, session).channel_names_ = channel_names(X)
        return self._fit_prior(array, y, seed, session)

    def fit_tokenizer(self, X: Any, *, session: Session | None = None) -> Self:
        """Train the first stage, the tokeniser, on series `X`; see `fit`."""
        self._fit_tokenizer(as_series(X), check_random_state(self.random_state), session)
        self.channel_names_ = channel_names(X)
        return self

    def _fit_tokenizer(self, array: np.ndarray, seed: int, session: Session | None) -> Self:
        config = self.section("stage1")
        tokenizer = self.kind.build(config, array.shape[1], array.shape[2])
        self._set_scaling(array)
        session = session or estimator_session(self.device, self.progress)
        x = self._scaled(array).to(session.device)
        curve = tokenizer.fit(x, seed, session)
        self.__dict__.pop("prior_", None)  # of another tokeniser
        self.tokenizer_, self.curves_, self.seed_ = tokenizer, {"stage1": curve}, seed
        self.facts_, self.channel_names_ = Facts.of(array), ()
        return self

    def fit_prior(self, X: Any, y: Any = None, *, session: Session | None = None) -> Self:
        """Train the second stage, the prior over the tokens of `X`, with labels `y` where there are any.

        Raises
        ------
        UserError
            If there is no tokeniser yet, or series or labels cannot be used.
        """
        tokenizer = self._tokenizer()
        array = as_series(X, tokenizer.in_channels, tokenizer.length)
        return self._fit_prior(array, y, check_random_state(self.random_state), session)

    def _fit_prior(self, array: np.ndarray, y: Any, seed: int, session: Session | None) -> Self:
        tokenizer = self._tokenizer()
        labels = None if y is None else as_labels(y, len(array))
        self.classes_ = np.empty(0, dtype=np.int64) if labels is None else np.unique(labels)
        ids = None if labels is None else torch.from_numpy(class_ids(labels, self.classes_))
        session = session or estimator_session(self.device, self.progress)
        x, config = self._scaled(array).to(session.device), self.section("stage2")
        tokens = tokenizer.to(session.device).tokens(x)
        prior = Prior(config, tokenizer.grids, tokenizer.codebooks, len(self.classes_))
        draw = token_draws(tokenizer, x, config.svq_tau)
        self.curves_["stage2"] = prior.fit(tokens, ids, seed, session, draw)
        self.prior_, self.seed_, self.facts_ = prior, seed, Facts.of(array, ids, len(self.classes_))
        return self

    @property
    def generator_(self) -> TwoStageGenerator:
        """Tokeniser and prior for z-scored tensors, a `VQGenerator`.

        Raises
        ------
        NotFitted
            If nothing was fitted yet.
        """
        prior = self._need("prior_", FIT)
        return TwoStageGenerator(self._tokenizer(), prior, self.section("sampling"), self.facts_.n_per_class)

    def sample(
        self,
        n: int,
        y: Any = None,
        rng: Any = None,
        *,
        seed: int | None = None,
        session: Session | None = None,
    ) -> np.ndarray:
        """Draw `n` series.

        Parameters
        ----------
        n : int
            How many, > 0.
        y : label or array-like of (n,) labels, optional
            Class of all, or of each. Without, `sampling.unconditional` says whether the prior draws without a
            class, or each series is of a class drawn by the frequencies in `fit`.
        rng : int, Generator or RandomState, optional
            Equal numbers give equal series; a generator of NumPy's moves on with every call. `random_state` by
            default.
        seed : int, optional
            The former name of `rng`, which stands in the cards of saved models.
        session : Session, optional
            Surroundings other than `device` and `progress` say.

        Returns
        -------
        ndarray
            (n, C, L) float32 in the units of the data.

        Raises
        ------
        UserError
            If nothing was fitted yet, a class is unknown or `n` is not positive.
        """
        generator = self.generator_
        if rng is not None and seed is not None:
            raise ParameterError("seed is the former name of rng; give only rng")
        given = next((source for source in (rng, seed) if source is not None), self.random_state)
        n, number = check_count(n), check_random_state(given)
        ids = None if y is None else torch.from_numpy(class_ids(y, self.classes_))
        session = session or estimator_session(self.device, self.progress)
        return self._unscaled(generator.sample(n, ids, rng=new_rng(number, "sample"), session=session))

    def reconstruct(self, X: Any) -> np.ndarray:
        """Series (n, C, L) after a round through the tokens, in the units of the data.

        Raises
        ------
        UserError
            If nothing was fitted yet, or `X` does not fit the data of `fit`.
        """
        tokenizer = self._tokenizer()
        array = as_series(X, tokenizer.in_channels, tokenizer.length)
        return self._unscaled(tokenizer.reconstruct(self._scaled(array).to(chosen_device(self.device))))

    def save(
        self,
        folder: Path | str,
        *,
        data: str = "",
        metrics: dict[str, Any] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Write the model into `folder`: weights (.safetensors), facts (.json) and a model card, ``README.md``.

        The folder holds no path and no time: it may lie anywhere, and equal models give equal bytes. What
        belongs to another generator in the same folder, a mapper and scores, is removed.

        Parameters
        ----------
        folder : path
            Made if need be.
        data : str, optional
            What the series are, for the card.
        metrics : dict, optional
            What `evaluate` gave, for the card.
        notes : sequence of str, optional
            What was done to the series before `fit`, in sentences, for the card.

        Raises
        ------
        UserError
            If nothing was fitted yet, or the folder cannot be written to.
        """
        generator = self.generator_
        description = Description.of(
            generator,
            kind=self.kind.name,
            title=type(self).__name__,
            data=data,
            classes=self.classes_.tolist(),
            mean=self.mean_.tolist(),
            std=self.std_.tolist(),
            random_state=self._need("seed_", FIT),
            facts=self.facts_,
            channel_names=self.channel_names_,
            notes=notes,
        )
        write_folder(Path(folder), description, generator, metrics)

    @classmethod
    def load(cls, folder: Path | str, *, device: str = "auto", progress: bool = True) -> Self:
        """Read what `save` wrote, on this or another machine.

        Raises
        ------
        ArtifactError
            If a file is missing, damaged or of another kind.
        """
        description = read_description(Path(folder))
        if description.kind != cls.kind.name:
            raise ArtifactError(
                f"{Path(folder) / GENERATOR}: describes a '{description.kind}' where a {cls.__name__} is needed"
            )
        generator = read_networks(Path(folder), cls.kind, description, chosen_device(device))
        return cls.of(generator, description, device=device, progress=progress)

    @classmethod
    def of(
        cls,
        generator: TwoStageGenerator,
        description: Description,
        *,
        device: str = "auto",
        progress: bool = True,
    ) -> Self:
        """An estimator around trained networks, as if it had been fitted."""
        tokenizer, prior = generator.tokenizer, generator.prior
        model = cls(tokenizer.config, prior.config, generator.sampling, device=device, progress=progress)
        model.random_state = model.seed_ = description.random_state
        model.tokenizer_, model.prior_, model.curves_ = tokenizer, prior, {}
        model.classes_ = np.array(description.classes) if description.classes else np.empty(0, dtype=np.int64)
        model.mean_, model.std_ = (
            np.array(of_channels, dtype=np.float64) for of_channels in (description.mean, description.std)
        )
        model.facts_, model.channel_names_ = description.facts, description.channel_names
        return model

    def _tokenizer(self) -> Tokenizer:
        tokenizer: Tokenizer = self._need("tokenizer_", FIT)
        return tokenizer

    def _set_scaling(self, array: np.ndarray) -> None:
        scaling = Scaling.of(array)
        if not self.scale:
            scaling = Scaling.none(array.shape[1])
        self.mean_, self.std_ = scaling.mean, scaling.std

    def _scaled(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(Scaling(self.mean_, self.std_).apply(array))

    def _unscaled(self, x: Tensor) -> np.ndarray:
        with np.errstate(over="ignore"):
            X = Scaling(self.mean_, self.std_).undo(x.cpu().numpy()).astype(np.float32)
        check_finite(X, "generator")
        return X
