"""YAML 1.2 as DVC reads and writes it: the one reader of params.yaml, dvc.yaml and dvc.lock.

Why not DVC's own reader: ruamel.yaml comes only with DVC and takes seconds for a large dvc.lock, and its composer
recurses like PyYAML's, so that a deep file ends the process. Here libyaml (through PyYAML) says what follows what,
and a loop puts the values together.

What has no plain meaning is refused: numbers that programs read differently (010, 0x1F, 1_000, 1:30), dates, tags,
anchors, merged keys, keys that stand twice or are no texts. What is read, DVC reads to the same value.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml

from nm_vqtsg.errors import UserError, shortened, shown
from nm_vqtsg.files import open_file

MAX_BYTES = 1_000_000
MAX_DEPTH = 50

_Parser: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Emitter: type = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.[0-9]+([eE][-+][0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
# numbers and dates to DVC (its patterns); what it writes never holds a text in these forms without quotes
_NOT_PLAIN = re.compile(
    r"[-+]?(0b[01_]+|0o?[0-7_]+|[0-9_]+|0x[0-9a-fA-F_]+)"
    r"|[-+]?([0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.[0-9_]+([eE][-+][0-9]+)?)"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?"
    r"([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?"
)
# texts to DVC, but numbers to readers of YAML 1.1 or nearly so
_DOUBTFUL = re.compile(
    r"[-+]?[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?|[-+]?\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|[-+]?0[xXoObB][0-9a-zA-Z_]*"
)
_STRANGE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"  # as YAML has it
)
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})(?= |$)", re.MULTILINE)
_EMPTY = object()
_TOO_DEEP = f"more than {MAX_DEPTH} levels lie in one another; use fewer"


class YamlError(UserError):
    """A YAML file cannot be read, or holds what has no plain meaning."""


class _Refusal(Exception):
    """Why a value is refused; the reader adds where it stands."""


def read_text(path: Path | str, limit: int = MAX_BYTES) -> str:
    """The text of a regular file of at most `limit` bytes, lines ending in a newline whatever ends them there.

    Raises
    ------
    YamlError
        If the file is missing, none (a folder, a pipe), too large, not to be read or not UTF-8.
    """
    name = shortened(str(path), 300)
    try:
        with open_file(path, YamlError) as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise YamlError(f"{name}: is larger than the {limit:,} bytes that are read; is it the right file?")
            text = file.read(limit).decode("utf-8")
    except FileNotFoundError as error:
        raise YamlError(f"{name}: no such file") from error
    except UnicodeDecodeError as error:
        raise YamlError(f"{name}: not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise YamlError(
            f"{name}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    except ValueError as error:
        raise YamlError(f"{name}: cannot be the name of a file; check the path") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_yaml(path: Path | str, *, strict: bool = True, limit: int = MAX_BYTES) -> Any:
    """The content of a YAML file; None when it is empty. Parameters as in `parse_yaml` and `read_text`.

    Raises
    ------
    YamlError
        If the file cannot be read or its text is refused.
    """
    return parse_yaml(read_text(path, limit), shortened(str(path), 300), strict=strict)


def parse_yaml(text: str, name: str, *, strict: bool = True) -> Any:
    """The value of a YAML text; None when it is empty.

    Parameters
    ----------
    text : str
        One document.
    name : str
        What errors call it.
    strict : bool
        Also refuse what a params.yaml has no need of: texts without quotes that look like numbers, such as 1:30
        (DVC itself writes them so into dvc.lock), tabs, and texts over several lines behind ``|`` or ``>``.

    Raises
    ------
    YamlError
        In one line, with the key, the line and the remedy.
    """
    text = text.removeprefix("\ufeff")
    if (strange := _STRANGE.search(text)) is not None:
        raise YamlError(
            f"{name}: line {_line(text, strange)}: holds the character U+{ord(strange[0]):04X}; take it out"
        )
    if strict and (tab := re.search("\t", text)) is not None:
        raise YamlError(f"{name}: line {_line(text, tab)}: holds a tab; use spaces")
    return _value(_events(text, name), name, strict)


def _events(text: str, name: str) -> Iterator[Any]:
    """What libyaml finds in a text, as far as it is YAML."""
    try:
        yield from yaml.parse(text, Loader=_Parser)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # an escape beyond Unicode, without libyaml
        if (conflict := _CONFLICT.search(text)) is not None:
            raise YamlError(
                f"{name}: line {_line(text, conflict)}: holds git's conflict markers; resolve the conflict"
            ) from error
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        problem = getattr(error, "problem", None) or "damaged"
        if "nesting depth" in problem:  # newer libyaml looks ahead, and counts, too
            raise YamlError(f"{name}: {where}{_TOO_DEEP}") from error
        raise YamlError(f"{name}: {where}not valid YAML ({shortened(problem)}); mend it there") from error


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def _value(events: Iterable[Any], name: str, strict: bool) -> Any:
    """What a stream of events describes. Nothing here recurses: the containers that are open form a list."""
    document: Any = _EMPTY
    containers: list[Any] = []
    keys: list[Any] = []  # of each open mapping the key that waits for its value
    for event in events:
        kind = type(event)
        try:
            if kind is yaml.ScalarEvent:
                _check_plain(event)
                if strict and event.style in ("|", ">"):
                    raise _Refusal(f"a text behind {event.style} is not read; put it into quotes, on one line")
                value: Any = _scalar(event.value, strict) if event.implicit[0] else event.value
            elif kind is yaml.MappingStartEvent:
                _check_plain(event)
                value = {}
            elif kind is yaml.SequenceStartEvent:
                _check_plain(event)
                value = []
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                containers.pop()
                keys.pop()
                if containers:
                    keys[-1] = _EMPTY
                continue
            elif kind is yaml.AliasEvent:
                raise _Refusal(f"the reference {shown('*' + event.anchor)} is not followed; write the value out")
            elif kind is yaml.DocumentStartEvent:
                if event.version or event.tags:
                    raise _Refusal("directives (lines that begin with %) are not read; leave them out")
                if document is not _EMPTY:
                    raise _Refusal("a second document begins here; keep one")
                continue
            elif kind is yaml.DocumentEndEvent and event.explicit and strict:
                raise _Refusal("the line `...` is not read; leave it out")
            else:
                continue

            if not containers:
                document = value
            elif type(containers[-1]) is list:
                containers[-1].append(value)
            elif keys[-1] is _EMPTY:
                keys[-1] = _key(value, event, containers[-1])
                continue
            else:
                containers[-1][keys[-1]] = value
            if kind is not yaml.ScalarEvent:
                if len(containers) == MAX_DEPTH:
                    raise _Refusal(_TOO_DEEP)
                containers.append(value)
                keys.append(_EMPTY)
            elif containers:
                keys[-1] = _EMPTY
        except _Refusal as refusal:
            line = f"line {event.start_mark.line + 1}"
            steps = (
                str(len(held) - (held is not containers[-1])) if type(held) is list else key
                for held, key in zip(containers, keys, strict=True)
                if type(held) is list or key is not _EMPTY
            )
            place = shortened(".".join(steps))
            raise YamlError(f"{name}: {f'{place} ({line})' if place else line}: {refusal}") from None
    return None if document is _EMPTY else document


def _check_plain(event: Any) -> None:
    if event.tag is not None:
        raise _Refusal(f"the tag {shown(event.tag)} is not read; leave it out, and put a text into quotes")
    if event.anchor is not None:
        raise _Refusal(f"the anchor {shown('&' + event.anchor)} is not read; write the value out where it is used")


def _key(value: Any, event: Any, mapping: dict[str, Any]) -> str:
    if isinstance(value, dict | list):
        raise _Refusal("a key must be a text, and this is a list or a mapping; close the brackets before it")
    if not isinstance(value, str):
        raise _Refusal(f"the key {shortened(event.value) or '(nothing)'} is no text; put it into quotes")
    if value in mapping:
        raise _Refusal(f"the key {shown(value)} stands twice; keep one")
    return value


def _scalar(text: str, strict: bool) -> Any:
    """The value of a scalar without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "-+.0123456789":
        if _INT.fullmatch(text):
            if len(text) > 20 or abs(number := int(text)) >= 2**63:
                raise _Refusal(f"the number {shortened(text, 30)} is too large; write one below 2**63")
            return number
        if _FLOAT.fullmatch(text):
            return _float(text)
        if _NOT_PLAIN.fullmatch(text) or (strict and _DOUBTFUL.fullmatch(text)):
            raise _Refusal(
                f"{shortened(text, 30)} means different things to different programs; write a plain number, such "
                "as 10, 0.005 or 1e-5, or put a text into quotes"
            )
    elif text in ("<<", "="):
        raise _Refusal(f"a bare {text} is not read; write the keys out, or put a text into quotes")
    return text


def _float(text: str) -> float:
    if text[-1] in "fFnN":  # .inf, .nan
        return float(text.replace(".", ""))
    number = float(text)
    if math.isinf(number):
        raise _Refusal(f"the number {shortened(text, 30)} is too large; write one below 1e308")
    return number


class _Dumper(_Emitter):  # type: ignore[misc]
    """A safe dumper that quotes whatever a reader of either version of YAML may take for something but a text."""

    yaml_implicit_resolvers: ClassVar[dict[str | None, Any]] = {
        **{key: list(rules) for key, rules in yaml.SafeDumper.yaml_implicit_resolvers.items()},
        None: [("!number", re.compile(rf"(?:{rule.pattern})\Z")) for rule in (_FLOAT, _NOT_PLAIN, _DOUBTFUL)],
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump_yaml(content: Any) -> str:
    """Text in the layout that DVC writes: block style, keys in their order."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)
