"""What a saved generator says of itself, ``generator.json``: checked when it is read, whoever wrote it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from nm_vqtsg import __version__
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.files import open_file
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.nn.quantizer import codes_digest
from nm_vqtsg.nn.saved import Channels, Finite, Length, PositiveFinite
from nm_vqtsg.params import Sample, Stage1, Stage2
from nm_vqtsg.params.models import Seed
from nm_vqtsg.params.text import first_problem

Label = str | bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | Finite
Count = Annotated[int, Field(ge=0, lt=2**63)]
LARGEST = 2**24  # bytes of a generator.json


def present_versions() -> dict[str, str]:
    """What this process runs on."""
    return {"nm-vqtsg": __version__, "torch": str(torch.__version__).split("+")[0], "numpy": np.__version__}


class Facts(BaseModel):
    """Data and versions that made a model.

    Attributes
    ----------
    n : int
        Series it learned from; 0 where that is not known.
    n_per_class : tuple of int
        The same for each class.
    versions : dict
        Packages and their versions at the training.
    origin : dict
        Of a study's run: data set, seed, digest of the parameters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    n: Count
    n_per_class: tuple[Count, ...]
    versions: dict[str, str]
    origin: dict[str, str | int]

    @classmethod
    def of(
        cls,
        X: np.ndarray,
        ids: Tensor | None = None,
        n_classes: int = 0,
        origin: Mapping[str, str | int] | None = None,
    ) -> Self:
        """Of the series (n, C, L), with classes `ids` (n,), made by this process or taken from `origin`."""
        counts = () if ids is None else tuple(torch.bincount(ids, minlength=n_classes).tolist())
        return cls(n=len(X), n_per_class=counts, versions=present_versions(), origin=dict(origin or {}))


class Description(BaseModel):
    """A generator in words and numbers.

    Attributes
    ----------
    kind, title : str
        The kind of generator, and the name of its estimator.
    version : str
        Of this package, when it was written.
    data : str
        What the series are.
    channels, length : int
        C and L of the series.
    classes : tuple
        The users' labels, in class order; empty without.
    mean, std : tuple of float
        (C,) the scaling of the data.
    random_state : int
        Seed of the training, and of samples that are given none.
    codes : str
        Digest of the codebooks.
    stage1, stage2, sample
        Networks, budgets and how tokens are drawn.
    facts : Facts
        Of data and versions.
    channel_names : tuple of str
        In the data; empty where channels have none.
    notes : tuple of str
        What was done to the series before the training, in sentences.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    kind: str
    title: str = Field(validation_alias="class", serialization_alias="class")
    version: str
    data: str
    channels: Channels
    length: Length
    classes: tuple[Label, ...]
    mean: tuple[Finite, ...]
    std: tuple[PositiveFinite, ...]
    random_state: Seed
    codes: str
    stage1: Stage1
    stage2: Stage2
    sample: Sample
    facts: Facts
    channel_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        for name, n in (("mean", len(self.mean)), ("std", len(self.std))):
            if n != self.channels:
                raise ValueError(f"{name} has {n} values for {self.channels} channels")
        if self.channel_names and len(self.channel_names) != self.channels:
            raise ValueError(f"channel_names has {len(self.channel_names)} names for {self.channels} channels")
        if len({type(label) for label in self.classes}) > 1 or len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: must be different labels of one type")
        if self.facts.n_per_class and len(self.facts.n_per_class) != len(self.classes):
            raise ValueError(f"facts.n_per_class has not one number for each of {len(self.classes)} classes")
        return self

    @classmethod
    def of(
        cls,
        generator: TwoStageGenerator,
        *,
        kind: str,
        title: str,
        data: str,
        classes: Sequence[Label],
        mean: Sequence[float],
        std: Sequence[float],
        random_state: int,
        facts: Facts,
        channel_names: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> Self:
        """What there is to say of `generator` and the data it learned from."""
        return cls(
            kind=kind,
            title=title,
            version=__version__,
            data=data,
            channels=generator.tokenizer.in_channels,
            length=generator.tokenizer.length,
            classes=tuple(classes),
            mean=tuple(mean),
            std=tuple(std),
            random_state=random_state,
            codes=codes_digest(generator.codebooks),
            stage1=generator.tokenizer.config,
            stage2=generator.prior.config,
            sample=generator.sampling,
            facts=facts,
            channel_names=tuple(channel_names),
            notes=tuple(notes),
        )

    def as_json(self) -> dict[str, Any]:
        """What is written; names and notes only where there are any."""
        empty = {name for name in ("channel_names", "notes") if not getattr(self, name)}
        return self.model_dump(mode="json", by_alias=True, exclude=empty)


def read_json(path: Path) -> Description:
    """Read a description.

    Raises
    ------
    ArtifactError
        Naming the first thing that is wrong.
    """
    try:
        with open_file(path) as file:
            content = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArtifactError(
            f"{path.parent}: holds no {path.name}, so it is not a saved generator; correct the path"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArtifactError(f"{path}: cannot be read ({reason}); correct the path") from error
    if len(content) > LARGEST:
        raise ArtifactError(f"{path}: is larger than any description of a generator; save the model again")
    try:
        return Description.model_validate_json(content)
    except ValidationError as error:
        raise ArtifactError(f"{path}: is damaged ({first_problem(error)}); save the model again") from error
