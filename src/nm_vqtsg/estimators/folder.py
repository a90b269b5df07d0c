"""A saved generator: a folder of weights, facts and a model card, perhaps with its neural mapper.

``stage1.safetensors``, ``stage2.safetensors``, ``generator.json`` and ``README.md``; where they were saved, too,
``mapper.safetensors`` and ``metrics.json``.
"""

import os
from pathlib import Path
from typing import Any

import torch

from nm_vqtsg.artifacts import load_config, load_json, save_json, save_text
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.estimators.card import card_text
from nm_vqtsg.estimators.description import Description, read_json
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.nn.quantizer import codes_digest
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.tokenizer.kind import Kind

STAGES = ("stage1.safetensors", "stage2.safetensors")
GENERATOR, MAPPER, METRICS, CARD = "generator.json", "mapper.safetensors", "metrics.json", "README.md"


def write_folder(
    folder: Path, description: Description, generator: TwoStageGenerator, metrics: dict[str, Any] | None
) -> None:
    """Write all files of a fitted generator; a mapper and scores of another one in the same folder are removed."""
    if _codes_of_mapper(folder) != description.codes:
        (folder / MAPPER).unlink(missing_ok=True)
    (folder / METRICS).unlink(missing_ok=True)
    generator.tokenizer.save(folder / STAGES[0])
    generator.prior.save(folder / STAGES[1])
    save_json(folder / GENERATOR, description.as_json())
    write_card(folder, metrics)


def read_description(folder: Path) -> Description:
    """The content of ``generator.json``.

    Raises
    ------
    ArtifactError
        If there is none, or it is damaged.
    """
    return read_json(folder / GENERATOR)


def read_networks(
    folder: Path, kind: Kind, description: Description, device: torch.device | str
) -> TwoStageGenerator:
    """Tokeniser and prior of a folder, which must be those that `description` describes.

    Raises
    ------
    ArtifactError
        If a file is missing, damaged, or not what is described.
    """
    tokenizer = kind.load(folder / STAGES[0], device)
    prior = Prior.load(folder / STAGES[1], device)
    own = {
        "codes": codes_digest(tokenizer.codebooks),
        "channels": tokenizer.in_channels,
        "length": tokenizer.length,
        "stage1": tokenizer.config,
    }
    for name, value in own.items():
        _check_described(folder / STAGES[0], name, value, getattr(description, name))
    _check_described(folder / STAGES[1], "stage2", prior.config, description.stage2)
    _check_described(folder / STAGES[1], "number of classes", prior.n_classes, len(description.classes))
    return TwoStageGenerator(tokenizer, prior, description.sample, description.facts.n_per_class)


def _check_described(path: Path, name: str, value: Any, described: Any) -> None:
    if value != described:
        raise ArtifactError(f"{path}: is not the one that {GENERATOR} describes ({name}); save the model again")


def read_mapper(path: Path, device: torch.device | str) -> Mapper:
    """The mapper of a folder, which must be its generator's, or of a file.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged or no mapper, or the folder holds another generator than the mapper's.
    """
    file = path / MAPPER if path.is_dir() else path
    mapper = Mapper.load(file, device)
    if file != path:
        check_mapper_fits(path, mapper.codes)
    return mapper


def check_mapper_fits(folder: Path, codes: str) -> None:
    """Refuse a mapper whose generator's codes are not those of the generator in `folder`, if there is one.

    Raises
    ------
    ArtifactError
        If they differ.
    """
    if exists(folder / GENERATOR) and read_description(folder).codes != codes:
        raise ArtifactError(
            f"{folder}: holds another generator than the mapper was trained for; save them together"
        )


def _codes_of_mapper(folder: Path) -> str:
    try:
        return str(load_config(folder / MAPPER).get("codes"))
    except ArtifactError:
        return ""


def write_card(folder: Path, metrics: dict[str, Any] | None = None) -> None:
    """Keep `metrics`, where there are any, and write the model card from what the folder holds.

    Raises
    ------
    ArtifactError
        If a file in the folder is damaged.
    """
    if metrics is not None:
        save_json(folder / METRICS, metrics)
    scores = load_json(folder / METRICS) if exists(folder / METRICS) else None
    mapper = Mapper.load(folder / MAPPER) if exists(folder / MAPPER) else None
    description = read_description(folder)
    try:
        card = card_text(description, mapper, scores)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ArtifactError(f"{folder / METRICS}: holds no scores of evaluate; remove the file") from error
    save_text(folder / CARD, card)


def exists(path: Path) -> bool:
    """Whether anything is there, be it a link that leads nowhere: whoever reads it says what is wrong."""
    return os.path.lexists(path)
