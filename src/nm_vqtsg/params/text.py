"""Parameters as YAML: reading with clear refusals, writing with every value's source."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from nm_vqtsg.errors import ParameterError, shortened, shown
from nm_vqtsg.params.models import OwnData, Params
from nm_vqtsg.yaml12 import YamlError, dump_yaml, parse_yaml, read_yaml

COMMENT_COLUMN = 34


def load_params(path: Path | str) -> Params:
    """Read and check a params.yaml.

    Raises
    ------
    ParameterError
        If the file cannot be read or a key is unknown, missing, of a wrong type or impossible. The message names
        file and key and says what is allowed.
    """
    try:
        content = read_yaml(path)
    except YamlError as error:
        missing = isinstance(error.__cause__, FileNotFoundError)
        more = "; start from the project's params.yaml" if missing else ""
        raise ParameterError(f"{error}{more}") from error
    return _checked(content, shortened(str(path), 300))


def parse_params(text: str, name: str = "params.yaml") -> Params:
    """Check the text of a params.yaml called `name`; raises as `load_params` does."""
    try:
        return _checked(parse_yaml(text, name), name)
    except YamlError as error:
        raise ParameterError(str(error)) from error


def _checked(content: Any, name: str) -> Params:
    if not isinstance(content, dict):
        raise ParameterError(f"{name}: must hold keys such as 'datasets' and 'stage1'")
    for key, allowed in unknown_keys(content, Params, ""):
        raise ParameterError(f"{name}: the key {shown(key)} is unknown; allowed here: {', '.join(allowed)}")
    for key in _missing(content, Params, ""):
        raise ParameterError(f"{name}: the key '{key}' is missing; see the project's params.yaml for its meaning")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ParameterError(f"{name}: {first_problem(error)}") from error


def override(params: Params, changes: Iterable[str]) -> Params:
    """`params` with some values changed.

    Parameters
    ----------
    params : Params
        Where to start from.
    changes : iterable of str
        Such as ``stage1.steps=1000`` or ``seeds=[0, 1]``; the value is YAML.

    Raises
    ------
    ParameterError
        If a key is unknown or a value impossible.
    """
    content = params.model_dump(mode="json")
    for change in changes:
        key, equals, text = change.partition("=")
        place: Any = content
        parts = key.split(".")
        for part in parts[:-1]:
            place = place.get(part) if isinstance(place, dict) else None
        if not equals or not isinstance(place, dict) or parts[-1] not in place:
            raise ParameterError(
                f"{shown(change)}: write key=value with a key of params.yaml, such as stage1.steps=1000"
            )
        try:
            place[parts[-1]] = parse_yaml(text, shown(change))
        except YamlError as error:
            raise ParameterError(str(error)) from error
    return _checked(content, "changed parameters")


def unknown_keys(content: Any, model: type[BaseModel], prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Keys that the file should not hold, each with the keys allowed in its place."""
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        if key not in model.model_fields:
            yield f"{prefix}{key}", list(model.model_fields)
        elif (section := _section_type(model, key)) is not None:
            yield from unknown_keys(value, section, f"{prefix}{key}.")
        elif model.model_fields[key].annotation == dict[str, OwnData] and isinstance(value, dict):
            for entry, keys in value.items():
                yield from unknown_keys(keys, OwnData, f"{prefix}{key}.{entry}.")


def _section_type(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    annotation = model.model_fields[key].annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _missing(content: Any, model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Keys that the file lacks. Nothing has a silent default: both engines watch what stands in the file."""
    if not isinstance(content, dict):
        return
    for name in model.model_fields:
        if name not in content:
            yield prefix + name
        elif (section := _section_type(model, name)) is not None:
            yield from _missing(content[name], section, f"{prefix}{name}.")


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong, with its key, in one line."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown_input = "" if isinstance(problem["input"], dict) else f", found {shown(problem['input'])}"
    return f"{shortened(key)}: {message}{shown_input}" if key else message


def as_yaml(params: Params) -> str:
    """`params` as YAML, every list in block style, every line with the source and meaning of its value.

    The style is the one in which DVC writes, so that ``dvc exp run -S`` changes no other line than it is to.
    """
    lines = [
        "# Parameters of the study. Each comment names the source of the default (paper, code = the authors'",
        "# published code, ours = decided here, see docs/method.md) and the meaning. Every key must be present.",
    ]
    lines += _section_lines(params, Params(), "")
    return "\n".join(lines) + "\n"


def _section_lines(section: BaseModel, default: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value, standard = getattr(section, name), getattr(default, name)
        extra = field.json_schema_extra
        source = extra["source"] if isinstance(extra, dict) else "ours"
        if value != standard and not isinstance(value, BaseModel):
            text = scalar(standard) if not isinstance(standard, dict) else "{}"
            source = f"changed from {text if len(text) < 30 else 'the default'} ({source})"
        comment = f"# {source}: {field.description}"
        if isinstance(value, BaseModel):
            yield from [] if indent else [""]
            yield f"{indent}{name}:  # {field.description}"
            yield from _section_lines(value, standard, indent + "  ")
        elif isinstance(value, tuple):
            yield _commented(f"{indent}{name}:", comment)
            yield from (f"{indent}- {scalar(item)}" for item in value)
        elif isinstance(value, dict) and value:
            yield _commented(f"{indent}{name}:", comment)
            for key, item in value.items():
                yield f"{indent}  {scalar(key)}:"
                yield from (f"{indent}    {k}: {scalar(v)}".rstrip(" ") for k, v in item.model_dump().items())
        else:
            yield _commented(f"{indent}{name}: {scalar(value)}", comment)


def _commented(text: str, comment: str) -> str:
    return f"{text:<{COMMENT_COLUMN}}  {comment}"


def _positional(value: float) -> str:
    """A number without an exponent, whose last digit DVC would not always keep.

    DVC writes a number anew with as many decimals as it has, correctly rounded. Next to a power of two the
    shortest text that is this number may be no such rounding (of 2⁻²⁴, …5390625, that is …539062, which reads as
    another number than …539063), so it gets more decimals.
    """
    text = f"{Decimal(repr(value)):f}"
    if "." not in text:
        return f"{text}.0"
    decimals = len(text.partition(".")[2])
    while float(text := f"{value:.{decimals}f}") != value:
        decimals += 1
    return text


def scalar(value: Any) -> str:
    """A value as YAML on one line; a tuple as a flow list, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return _positional(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(scalar(item) for item in value) + "]"
    return dump_yaml(value).removesuffix("\n...\n").strip(" \n")
