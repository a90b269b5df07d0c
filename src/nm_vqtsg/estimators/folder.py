"""A saved generator: a folder of weights, facts and a model card, perhaps with its neural mapper.

``stage1.safetensors``, ``stage2.safetensors``, ``generator.json`` and ``README.md``; where they were saved, too,
``mapper.safetensors`` and ``metrics.json``.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg import __version__
from nm_vqtsg.artifacts import digest_tensors, load_json, load_model, save_json, save_text
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.estimators.card import card_text
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.params import Sample

if TYPE_CHECKING:
    from nm_vqtsg.estimators.generator import TwoStageEstimator

STAGES = ("stage1.safetensors", "stage2.safetensors")
GENERATOR, MAPPER, METRICS, CARD = "generator.json", "mapper.safetensors", "metrics.json", "README.md"


def present_versions() -> dict[str, str]:
    """What this process runs on."""
    return {"nm-vqtsg": __version__, "torch": str(torch.__version__).split("+")[0], "numpy": np.__version__}


@dataclass(frozen=True)
class Facts:
    """Data and versions that made a model.

    Attributes
    ----------
    n : int
        Series it learnt from; 0 where that is not known.
    n_per_class : tuple of int
        The same for each class.
    versions : dict
        Packages and their versions at the training.
    origin : dict
        Of a study's run: data set, seed, digest of the parameters.
    """

    n: int = 0
    n_per_class: tuple[int, ...] = ()
    versions: dict[str, str] = field(default_factory=present_versions)
    origin: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, X: np.ndarray, ids: Tensor | None = None, n_classes: int = 0) -> Self:
        """Of the series (n, C, L), with classes `ids` (n,)."""
        counts = () if ids is None else tuple(torch.bincount(ids, minlength=n_classes).tolist())
        return cls(len(X), counts)


def codes_digest(codebooks: Sequence[Codebook]) -> str:
    """SHA-256 of all codes and which of them live: what a prior and a mapper were made for."""
    return digest_tensors(*(tensor for book in codebooks for tensor in (book.codes, book.live)))


def write_generator(model: "TwoStageEstimator", folder: Path, data: str, metrics: dict[str, Any] | None) -> None:
    """Write all files of a fitted generator."""
    generator, tokenizer = model.generator_, model.tokenizer_
    codes = codes_digest(generator.codebooks)
    if not _is_mapper_of(folder, codes):
        (folder / MAPPER).unlink(missing_ok=True)
    (folder / METRICS).unlink(missing_ok=True)
    tokenizer.save(folder / STAGES[0])
    model.prior_.save(folder / STAGES[1])
    facts = {
        "kind": model.kind(),
        "class": type(model).__name__,
        "version": __version__,
        "data": data,
        "channels": tokenizer.in_channels,
        "length": tokenizer.length,
        "classes": model.classes_.tolist(),
        "mean": model.mean_.tolist(),
        "std": model.std_.tolist(),
        "random_state": model.random_state,
        "codes": codes,
        "stage1": tokenizer.config.model_dump(mode="json"),
        "stage2": model.prior_.config.model_dump(mode="json"),
        "sample": generator.sampling.model_dump(mode="json"),
        "facts": asdict(model.facts_),
    }
    save_json(folder / GENERATOR, facts)
    write_card(folder, metrics)


def read_generator(model: "TwoStageEstimator", folder: Path) -> None:
    """Fill a new estimator with what `write_generator` wrote.

    Raises
    ------
    ArtifactError
        If a file is missing, damaged or of another kind.
    """
    facts, kind = read_facts(folder), type(model)
    if facts["kind"] != kind.kind():
        raise ArtifactError(
            f"{folder / GENERATOR}: describes a '{facts['kind']}' where a {kind.__name__} is needed"
        )
    try:
        model.sampling = Sample.model_validate(facts["sample"], strict=False)
        model.random_state = int(facts["random_state"])
        model.load_tokenizer(folder / STAGES[0]).load_prior(folder / STAGES[1])
        if facts["codes"] != codes_digest(model.tokenizer_.codebooks):
            raise ArtifactError(
                f"{folder / STAGES[0]}: is not the one that {GENERATOR} describes; save the model again"
            )
        model.classes_ = np.array(facts["classes"]) if facts["classes"] else np.empty(0, dtype=np.int64)
        model.mean_, model.std_ = (np.array(facts[name], dtype=np.float64) for name in ("mean", "std"))
        stored = dict(facts["facts"])
        model.facts_ = Facts(**stored | {"n_per_class": tuple(stored["n_per_class"])})
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{folder / GENERATOR}: is damaged ({type(error).__name__}); save the model again"
        ) from error


def read_facts(folder: Path) -> dict[str, Any]:
    """The content of ``generator.json``.

    Raises
    ------
    ArtifactError
        If there is none, or it describes no generator.
    """
    path = folder / GENERATOR
    if not path.is_file():
        raise ArtifactError(f"{folder}: holds no {GENERATOR}, so it is not a saved generator; correct the path")
    facts = load_json(path)
    if not isinstance(facts, dict) or not isinstance(facts.get("kind"), str):
        raise ArtifactError(f"{path}: does not describe a generator; save the model again")
    return facts


def check_mapper_fits(folder: Path, codes: str) -> None:
    """Refuse a mapper whose generator's codes are not those of the generator in `folder`, if there is one.

    Raises
    ------
    ArtifactError
        If they differ.
    """
    if (folder / GENERATOR).is_file() and read_facts(folder).get("codes") != codes:
        raise ArtifactError(
            f"{folder}: holds another generator than the mapper was trained for; save them together"
        )


def _is_mapper_of(folder: Path, codes: str) -> bool:
    try:
        return bool(load_model(folder / MAPPER)[1].get("codes") == codes)
    except ArtifactError:
        return False


def write_card(folder: Path, metrics: dict[str, Any] | None = None) -> None:
    """Keep `metrics`, where there are any, and write the model card from what the folder holds."""
    if metrics is not None:
        save_json(folder / METRICS, metrics)
    scores = load_json(folder / METRICS) if (folder / METRICS).is_file() else None
    mapper = load_model(folder / MAPPER)[1] if (folder / MAPPER).is_file() else None
    save_text(folder / CARD, card_text(read_facts(folder), mapper, scores))
