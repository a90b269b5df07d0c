"""Write the API reference, docs/api.md, from the docstrings: python scripts/api.py docs/api.md."""

import inspect
import re
import sys
from pathlib import Path

import nm_vqtsg
from nm_vqtsg import figures
from nm_vqtsg.estimators.authors import AuthorsGenerator
from nm_vqtsg.estimators.generator import TwoStageEstimator
from nm_vqtsg.generators.base import VQGenerator

HEAD = """# API reference

Made from the docstrings by `python scripts/api.py docs/api.md`; a test fails when it is out of date.

Series are NumPy arrays `(n, channels, length)` in the units of the data; `(n, length)` stands for one channel, and
lists, data frames and tensors are taken, too. Attributes that end in `_` are there after `fit`. Mistakes a user
can mend are a `UserError` of one sentence: `DataError` for series and labels, `ParameterError` for parameters,
`ArtifactError` for files, `NotFitted` (also scikit-learn's `NotFittedError`) for what needs `fit` first.
"""
METHODS = {
    "TimeVQVAE": ("fit", "sample", "reconstruct", "save", "load", "get_params", "set_params"),
    "NeuralMapper": ("fit", "transform", "save", "load"),
    "VQGenerator": ("codebooks", "encode", "decode", "sample"),
}
SECTION = re.compile(r"^(\w[\w ]*)\n-+$", re.MULTILINE)


def main(out: Path) -> None:
    out.write_text(api_text(), encoding="utf-8")


def api_text() -> str:
    """The whole page."""
    parts = [HEAD, "## From `nm_vqtsg`"]
    for name in nm_vqtsg.__all__:
        thing = getattr(nm_vqtsg, name)
        if inspect.isclass(thing) and issubclass(thing, Exception):
            parts.append(f"### {name}\n\n{inspect.getdoc(thing)} In `nm_vqtsg.errors`.")
        elif inspect.isclass(thing):
            parts += class_parts(name, thing)
        elif callable(thing):
            parts += entry(f"### {name}", name, thing)
    parts += [
        "## Other generators",
        *class_parts("VQGenerator", VQGenerator),
        *class_parts("AuthorsGenerator", AuthorsGenerator),
    ]
    parts += ["## Figures", "From `nm_vqtsg.figures`; each gives a `matplotlib.figure.Figure`."]
    for name in ("overlays", "pairs", "reconstructions", "tau_curve"):
        parts += entry(f"### figures.{name}", f"figures.{name}", getattr(figures, name))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def class_parts(name: str, thing: type) -> list[str]:
    """A class and its methods; parameters of a generator are those of its base, shown once."""
    parts = entry(f"### {name}", name, thing)
    if name == "TimeVQVAE":
        parts += [part for part in docstring(TwoStageEstimator) if part.startswith("**")]
    for method in METHODS.get(name, ()):
        found = getattr(thing, method)
        if isinstance(found, property):
            parts += [f"#### {name}.{method}", *docstring(found)]
        else:
            parts += entry(f"#### {name}.{method}", f"{name}.{method}", found)
    return parts


def entry(heading: str, name: str, thing: object) -> list[str]:
    """Heading, call and docstring."""
    if getattr(thing, "_is_protocol", False):
        return [heading, *docstring(thing)]
    signature = inspect.signature(thing)  # type: ignore[arg-type]
    kept = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name != "self"]
    call = str(signature.replace(parameters=kept, return_annotation=signature.empty))
    return [heading, f"```text\n{name}{call}\n```", *docstring(thing)]


def docstring(thing: object) -> list[str]:
    """A NumPy docstring as Markdown paragraphs and lists."""
    text = (inspect.getdoc(thing) or "").replace("``", "`")
    pieces = SECTION.split(text)
    parts = [pieces[0].strip()]
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        body = body.strip("\n")
        if title == "Examples":
            parts.append(f"```pycon\n{body}\n```")
        else:
            parts.append(f"**{title}**\n\n{items(body)}")
    return [part for part in parts if part]


def items(body: str) -> str:
    """`name : type` with an indented text becomes a list item."""
    lines: list[str] = []
    for line in body.splitlines():
        if not line.strip():
            continue
        if line.startswith(" "):
            lines[-1] += f" {line.strip()}"
        else:
            name, _, kind = line.partition(" : ")
            lines.append(f"* `{name}`{f' ({kind})' if kind else ''}:" if kind or title_like(name) else f"* {name}")
    return "\n".join(lines)


def title_like(text: str) -> bool:
    """Whether a line is a name or an exception rather than a sentence."""
    return bool(re.fullmatch(r"[\w., ]+", text)) and " " not in text.replace(", ", "")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
