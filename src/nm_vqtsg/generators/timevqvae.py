"""TimeVQVAE for users: arrays in, arrays out, in the units of the data."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg import __version__
from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.errors import ArtifactError, DataError, UserError
from nm_vqtsg.generators.arrays import as_labels, as_series, class_ids
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.params import Sample, Stage1, Stage2
from nm_vqtsg.prior import Prior
from nm_vqtsg.tokenizer import Tokenizer
from nm_vqtsg.training import Budget
from nm_vqtsg.training.order import derive_seed
from nm_vqtsg.training.session import chosen_device, estimator_session

KIND = "timevqvae"


class TimeVQVAE:
    """Generator of time series by vector quantisation in two frequency bands (Lee et al. 2023).

    Parameters
    ----------
    stage1 : Stage1, optional
        Networks and budget of the tokeniser; the paper's by default.
    stage2 : Stage2, optional
        Networks and budget of the prior; the paper's by default.
    sampling : Sample, optional
        How tokens are drawn.
    random_state : int
        Seed of training, and of `sample` where it is not given another.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    progress : bool
        Show progress.

    Attributes
    ----------
    generator_ : TwoStageGenerator
        The trained networks, for tensors that are z-scored; what the mapper works with.
    classes_ : ndarray
        (n_classes,) the labels seen in `fit`, sorted; empty without labels.
    mean_, std_ : ndarray
        (C,) the scaling of the data.
    curves_ : dict
        Loss curves, ``{"stage1": [...], "stage2": [...]}``.

    Examples
    --------
    >>> import numpy as np
    >>> from nm_vqtsg.params import Stage1, Stage2
    >>> t = np.linspace(0, 6.28, 24)
    >>> X = np.stack([np.sin(t * k) for k in (1, 2)] * 16)
    >>> y = np.array(["slow", "fast"] * 16)
    >>> model = TimeVQVAE(Stage1(steps=5, codebook_size=16), Stage2(steps=5), progress=False).fit(X, y)
    >>> model.sample(3).shape, model.sample(2, y="fast").shape
    ((3, 1, 24), (2, 1, 24))
    """

    generator_: TwoStageGenerator
    classes_: np.ndarray
    mean_: np.ndarray
    std_: np.ndarray
    curves_: dict[str, list[dict[str, float]]]

    def __init__(
        self,
        stage1: Stage1 | None = None,
        stage2: Stage2 | None = None,
        sampling: Sample | None = None,
        *,
        random_state: int = 0,
        device: str = "auto",
        progress: bool = True,
    ) -> None:
        self.stage1, self.stage2, self.sampling = stage1 or Stage1(), stage2 or Stage2(), sampling or Sample()
        self.random_state, self.device, self.progress = random_state, device, progress

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on series `X` (n, C, L), or (n, L) for one channel, with labels `y` (n,) where there are any.

        Raises
        ------
        DataError
            If series or labels cannot be used; the message says why.
        """
        array = as_series(X)
        labels = None if y is None else as_labels(y, len(array))
        self.mean_ = array.mean((0, 2), dtype=np.float64)
        self.std_ = array.std((0, 2), dtype=np.float64)
        if not self.std_.all():
            raise DataError(f"channel {int(self.std_.argmin())} of X is constant, so it cannot be scaled; drop it")
        self.classes_ = np.unique(labels) if labels is not None else np.empty(0, dtype=np.int64)
        session = estimator_session(self.device, self.progress)
        x = self._scaled(array).to(session.device)
        ids = None if labels is None else torch.from_numpy(class_ids(labels, self.classes_))
        tokenizer = Tokenizer(self.stage1, array.shape[1], array.shape[2])
        first = tokenizer.fit(x, Budget.of(self.stage1), self.random_state, session)
        live = [codebook.live for codebook in tokenizer.codebooks]
        prior = Prior(self.stage2, tokenizer.grids, live, len(self.classes_))
        second = prior.fit(tokenizer.tokens(x), ids, Budget.of(self.stage2), self.random_state, session)
        self.curves_ = {"stage1": first, "stage2": second}
        self.generator_ = TwoStageGenerator(tokenizer, prior, self.sampling)
        return self

    def sample(self, n: int, y: Any = None, seed: int | None = None) -> np.ndarray:
        """Draw `n` series.

        Parameters
        ----------
        n : int
            How many, > 0.
        y : label or array-like of (n,) labels, optional
            Class of all, or of each; unconditional without.
        seed : int, optional
            Equal seeds give equal series; `random_state` by default.

        Returns
        -------
        ndarray
            (n, C, L) float32 in the units of the data.

        Raises
        ------
        UserError
            If nothing was fitted yet, a class is unknown or `n` is not positive.
        """
        generator = self._fitted()
        ids = None if y is None else torch.from_numpy(np.asarray(class_ids(y, self.classes_)))
        source = torch.Generator().manual_seed(derive_seed(self.random_state if seed is None else seed, "sample"))
        return self._unscaled(
            generator.sample(n, ids, generator=source, session=estimator_session(self.device, self.progress))
        )

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

    def save(self, folder: Path | str) -> None:
        """Write ``stage1.safetensors``, ``stage2.safetensors`` and ``generator.json`` into `folder`."""
        generator, tokenizer, folder = self._fitted(), self._tokenizer(), Path(folder)
        tokenizer.save(folder / "stage1.safetensors")
        generator.prior.save(folder / "stage2.safetensors")
        facts = {
            "kind": KIND,
            "version": __version__,
            "classes": self.classes_.tolist(),
            "mean": self.mean_.tolist(),
            "std": self.std_.tolist(),
            "sampling": self.sampling.model_dump(mode="json"),
            "random_state": self.random_state,
        }
        save_json(folder / "generator.json", facts)

    @classmethod
    def load(cls, folder: Path | str, *, device: str = "auto", progress: bool = True) -> Self:
        """Read what `save` wrote, on this or another machine.

        Raises
        ------
        ArtifactError
            If a file is missing, damaged or of another kind.
        """
        folder = Path(folder)
        facts = load_json(folder / "generator.json")
        if not isinstance(facts, dict) or facts.get("kind") != KIND:
            raise ArtifactError(f"{folder / 'generator.json'}: does not describe a TimeVQVAE")
        sampling = Sample.model_validate(facts["sampling"], strict=False)
        model = cls(sampling=sampling, random_state=facts["random_state"], device=device, progress=progress)
        model.classes_ = np.array(facts["classes"]) if facts["classes"] else np.empty(0, dtype=np.int64)
        model.mean_, model.std_ = (np.array(facts[name], dtype=np.float64) for name in ("mean", "std"))
        model.generator_ = TwoStageGenerator.load(
            folder / "stage1.safetensors", folder / "stage2.safetensors", sampling, chosen_device(model.device)
        )
        model.stage1, model.stage2 = model._tokenizer().config, model.generator_.prior.config
        model.curves_ = {}
        return model

    def _fitted(self) -> TwoStageGenerator:
        if not hasattr(self, "generator_"):
            raise UserError("this TimeVQVAE is not fitted yet; call fit(X, y) or load(folder) first")
        return self.generator_

    def _tokenizer(self) -> Tokenizer:
        tokenizer = self._fitted().tokenizer
        assert isinstance(tokenizer, Tokenizer)
        return tokenizer

    def _scaled(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(((array - self.mean_[:, None]) / self.std_[:, None]).astype(np.float32))

    def _unscaled(self, x: Tensor) -> np.ndarray:
        return (x.cpu().numpy() * self.std_[:, None] + self.mean_[:, None]).astype(np.float32)
