"""What a generator of another project must offer to be compared with: it learns series, and draws others.

It has no tokens that the mapper could work with. Its package is an extra, and is imported when it is trained.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

import torch
from pydantic import ValidationError
from torch import Tensor

from nm_vqtsg.errors import ParameterError, UserError, shown
from nm_vqtsg.params.models import Section
from nm_vqtsg.params.text import first_problem
from nm_vqtsg.session import Session
from nm_vqtsg.yaml12 import YamlError, parse_yaml

EXTRA = "pip install 'nm-vqtsg[baselines]'"
Config = TypeVar("Config", bound=Section)


class Baseline(ABC, Generic[Config]):
    """A generator of another project. Series are float32 (n, C, L), z-scored by TRAIN.

    Parameters
    ----------
    config : Section
        Its settings.

    Attributes
    ----------
    name : str
        On the command line.
    title : str
        What it is, in words.
    package : str
        What must be installed, as it is imported and as it is called on the package index.
    config_type : type
        Of its settings.
    budget : str
        The setting that says how long it trains.
    by_class : bool
        Whether it can be asked for series of a class; else it learns all series alike.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    package: ClassVar[str]
    config_type: ClassVar[type[Section]]
    budget: ClassVar[str]
    by_class: ClassVar[bool]

    def __init__(self, config: Config) -> None:
        self.config = config

    @classmethod
    def of_changes(cls, changes: Iterable[str] = ()) -> "Baseline[Any]":
        """With some settings changed, such as ``steps=1000``; the value is YAML.

        Raises
        ------
        ParameterError
            If a setting is unknown or a value impossible.
        """
        values: dict[str, Any] = {}
        allowed = cls.config_type.model_fields
        for change in changes:
            key, equals, text = change.partition("=")
            if not equals or key not in allowed:
                raise ParameterError(
                    f"{shown(f'{cls.name}.{change}')}: write {cls.name}.key=value with one of {', '.join(allowed)}"
                )
            try:
                values[key] = parse_yaml(text, f"{cls.name}.{key}")
            except YamlError as error:
                raise ParameterError(str(error)) from error
        try:
            config: Any = cls.config_type.model_validate(values)
        except ValidationError as error:
            raise ParameterError(f"{cls.name}.{first_problem(error)}") from error
        return cls(config)

    @classmethod
    def required(cls) -> Any:
        """Its package, imported.

        Raises
        ------
        UserError
            If it is not installed, or cannot be imported.
        """
        try:
            return import_module(cls.package)
        except ModuleNotFoundError as error:
            if error.name != cls.package:
                raise UserError(f"{cls.name}: {cls.package} cannot be imported ({error}); {EXTRA}") from error
            raise UserError(f"{cls.name}: needs the package {cls.package}; {EXTRA}") from error
        except (ImportError, RuntimeError) as error:
            raise UserError(f"{cls.name}: {cls.package} cannot be imported ({error}); {EXTRA}") from error

    @property
    @abstractmethod
    def n_weights(self) -> int:
        """Numbers that training chose."""

    @abstractmethod
    def fit(self, x: Tensor, y: Tensor | None, seed: int, session: Session) -> None:
        """Train from scratch on series `x` (n, C, L), of the classes `y` (n,) int64 from 0 on, if there are any.

        Raises
        ------
        UserError
            If its package is missing, or the series cannot be used.
        """

    @abstractmethod
    def sample(self, n: int, y: Tensor | None, *, rng: torch.Generator, session: Session) -> Tensor:
        """Draw `n` series (n, C, L) on the CPU, of the classes `y` (n,) where these are given and it knows any."""
