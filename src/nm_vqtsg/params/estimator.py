"""Scikit-learn's conventions for estimators whose parameters come in sections, as in params.yaml."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import sklearn.utils
from pydantic import ValidationError
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from nm_vqtsg.errors import ParameterError, UserError, shown
from nm_vqtsg.params.models import Section
from nm_vqtsg.params.text import first_problem, unknown_keys

SectionKind = TypeVar("SectionKind", bound=Section)


class NotFitted(UserError, NotFittedError):
    """An estimator was asked for something before `fit`."""


def as_section(value: Any, kind: type[SectionKind], name: str) -> SectionKind:
    """A section called `name`: `value` itself, made from a dict, or the defaults for None.

    Raises
    ------
    ParameterError
        If a key is unknown or a value impossible.
    """
    if value is None:
        return kind()
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise ParameterError(
            f"{name}: give a dict such as {{'{next(iter(kind.model_fields))}': ...}}, not {shown(value)}"
        )
    content = _plain(value)
    for key, allowed in unknown_keys(content, kind, f"{name}."):
        raise ParameterError(f"the parameter {shown(key)} is unknown; there are {', '.join(allowed)}")
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ParameterError(f"{name}.{first_problem(error)}") from error


def check_random_state(value: Any) -> int:
    """A seed, 0 <= seed < 2**32: `value` itself, or one drawn from it.

    Parameters
    ----------
    value : int, RandomState, Generator or None
        A generator of NumPy's moves on by one draw; None is NumPy's global one, as everywhere in scikit-learn.

    Raises
    ------
    ParameterError
        If it is anything else.
    """
    if isinstance(value, np.random.Generator):
        return int(value.integers(2**32))
    if value is None or isinstance(value, np.random.RandomState):
        return int(sklearn.utils.check_random_state(value).randint(2**32, dtype=np.uint64))
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**32:
        raise ParameterError(
            f"a seed (random_state, rng) is a whole number from 0 to 2**32 - 1, a generator of NumPy's, or None, "
            f"not {shown(value)}"
        )
    return int(value)


class SectionEstimator(BaseEstimator):
    """An estimator some of whose parameters are sections of params.yaml.

    A section is given as an object, ``Stage1(steps=1000)``, or as a dict, ``{"steps": 1000}``; None means the
    defaults. `get_params` and `set_params` know what is inside as ``stage1__steps``, which serves searches over
    parameters. What cannot be a section is refused when the estimator is made, and by `set_params`.
    """

    sections: ClassVar[dict[str, type[Section]]]

    def _check_sections(self) -> None:
        """For the end of a subclass's ``__init__``; parameters stay the objects that were given."""
        for name in self.sections:
            self.section(name)

    def section(self, name: str) -> Any:
        """The section `name`, checked, with its defaults filled in."""
        return as_section(getattr(self, name), self.sections[name], name)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; with `deep` those inside the sections, too, as ``stage1__steps``."""
        parameters: dict[str, Any] = super().get_params(deep=False)
        if deep:
            for name in self.sections:
                parameters |= dict(_inside(self.section(name), f"{name}__"))
        return parameters

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name; ``stage1__steps=1000`` leaves the rest of `stage1` as it is.

        Raises
        ------
        ParameterError
            If a name is unknown or a value in a section impossible; then nothing was changed.
        """
        parameters, changed = self.get_params(), dict[str, Any]()
        for name, value in sorted(params.items(), key=lambda item: item[0].count("__")):  # whole sections first
            if name not in parameters:
                raise ParameterError(
                    f"the parameter {shown(name)} is unknown to {type(self).__name__}; there are "
                    f"{', '.join(parameters)}"
                )
            section, *path = name.split("__")
            if path:
                kind = self.sections[section]
                content = as_section(changed.get(section, getattr(self, section)), kind, section).model_dump()
                place = content
                for key in path[:-1]:
                    place = place[key]
                place[path[-1]] = value
                value = as_section(content, kind, section)
            elif section in self.sections:
                as_section(value, self.sections[section], section)
            changed[section] = value
        for name, value in changed.items():
            setattr(self, name, value)
        return self

    def _need(self, attribute: str, remedy: str) -> Any:
        """A fitted attribute.

        Raises
        ------
        NotFitted
            If it is not there.
        """
        if not hasattr(self, attribute):
            raise NotFitted(f"this {type(self).__name__} is not fitted yet; call {remedy} first")
        return getattr(self, attribute)


def _inside(section: Section, prefix: str) -> Iterator[tuple[str, Any]]:
    for key in type(section).model_fields:
        value = getattr(section, key)
        yield prefix + key, value
        if isinstance(value, Section):
            yield from _inside(value, f"{prefix}{key}__")


def _plain(value: Any) -> Any:
    """Dicts in the place of sections, Python's numbers in the place of NumPy's."""
    if isinstance(value, Section):
        return value.model_dump()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value.item() if isinstance(value, np.generic) else value
