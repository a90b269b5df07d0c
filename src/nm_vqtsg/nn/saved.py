"""Saved models, one form for all: a .safetensors file whose header says what its networks are built from.

A file may come from anybody. So its header is checked field by field, and its tensors are held against networks
without memory before any is made: nothing is allocated, and no layer built, because a header says so.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from nm_vqtsg.artifacts import json_text, load_model, save_model
from nm_vqtsg.errors import ArtifactError, shortened, shown
from nm_vqtsg.params.text import first_problem

Channels = Annotated[int, Field(gt=0, le=2**16)]
Length = Annotated[int, Field(gt=0, le=2**24)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
PositiveFinite = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Header(BaseModel):
    """What every header holds.

    Attributes
    ----------
    kind : str
        What the file holds; a subclass says what it must be.
    facts : dict
        More about its making, such as the data set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: str
    facts: dict[str, str | int | float | bool | None] = Field(default_factory=dict)


Form = TypeVar("Form", bound=Header)
Network = TypeVar("Network", bound=nn.Module)


def write(path: Path | str, header: Header, tensors: Mapping[str, Tensor]) -> None:
    """Write a model."""
    save_model(path, tensors, header.model_dump(mode="json"))


def read(path: Path | str, form: type[Form], remedy: str) -> tuple[Form, dict[str, Tensor]]:
    """Read a model's header and tensors; the latter fit no network yet (see `filled`).

    Parameters
    ----------
    path : path
        The file.
    form : type
        What the header must be.
    remedy : str
        What to do about a file that holds something else, such as "run stage1".

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, or of another kind, naming the first field that is wrong.
    """
    tensors, content = load_model(path)
    kind, wanted = content.get("kind"), form.model_fields["kind"].default
    if kind != wanted:
        raise ArtifactError(f"{path}: holds a model of kind {shown(kind, 40)}, not a {wanted}; {remedy}")
    try:
        header = form.model_validate_json(json_text(content))
    except ValidationError as error:
        problem = first_problem(error)
        raise ArtifactError(f"{path}: its header is damaged ({problem}); {remedy} again") from error
    return header, tensors


def filled(
    path: Path | str,
    build: Callable[[], Network],
    tensors: Mapping[str, Tensor],
    remedy: str = "train the model again",
) -> Network:
    """The network that `build` makes, with `tensors` in it, in eval mode; values that cannot be have a `remedy`.

    Raises
    ------
    ArtifactError
        If names, shapes or types are not those of the network, or a value is none that training leaves: not
        finite, or a variance below zero.
    """
    try:
        with torch.device("meta"):
            needed = build().state_dict()
    except (RuntimeError, OverflowError) as error:
        raise ArtifactError(f"{path}: its header asks for an impossible network; save the model again") from error
    for name in sorted(needed.keys() ^ tensors.keys()):
        where = "lacks" if name in needed else "has an unknown"
        raise ArtifactError(f"{path}: {where} tensor '{shortened(name)}'; it belongs to another kind of model")
    for name, like in needed.items():
        _check(path, name, tensors[name], like, remedy)
    network = build()
    network.load_state_dict(dict(tensors))
    return network.eval()


def _check(path: Path | str, name: str, tensor: Tensor, like: Tensor, remedy: str) -> None:
    if tensor.shape != like.shape:
        raise ArtifactError(
            f"{path}: tensor '{name}' has shape {tuple(tensor.shape)} where {tuple(like.shape)} is needed; "
            "it belongs to another configuration or data set"
        )
    if tensor.dtype != like.dtype:
        raise ArtifactError(
            f"{path}: tensor '{name}' holds {tensor.dtype} where {like.dtype} is needed; save the model again"
        )
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        raise ArtifactError(f"{path}: tensor '{name}' holds NaN or infinity; {remedy}")
    if name.endswith("running_var") and not bool((tensor >= 0).all()):
        raise ArtifactError(f"{path}: tensor '{name}' holds a variance below zero; {remedy}")


def check_finite(values: Tensor | np.ndarray, source: str) -> None:
    """Refuse what damaged weights gave: finite ones can lead to infinity, too.

    Raises
    ------
    ArtifactError
        If a value is not finite.
    """
    finite = values.isfinite().all() if isinstance(values, Tensor) else np.isfinite(values).all()
    if not bool(finite):
        raise ArtifactError(f"the {source} gives values that are not finite, so it is damaged; train it again")
