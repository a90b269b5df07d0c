"""The model card of a saved generator, as Markdown."""

import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from nm_vqtsg.estimators.description import Description
from nm_vqtsg.evaluation.table import format_scores
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.markdown import escape_markdown

HEAD = """---
library_name: nm-vqtsg
tags:
- time-series
- synthetic-data
---
"""
SHOWN = 30  # classes that are listed one by one


def card_text(model: Description, mapper: Mapper | None, scores: dict[str, Any] | None) -> str:
    """What a person needs to know before using the model.

    Parameters
    ----------
    model : Description
        Of the generator.
    mapper : Mapper, optional
        Its mapper.
    scores : dict, optional
        What `evaluate` gave.
    """
    parts = [
        HEAD,
        f"# {escape_markdown(model.title)}{': ' + escape_markdown(model.data) if model.data else ''}",
        _introduction(escape_markdown(model.title), mapper),
        _use(model, mapper),
        "## Data",
        _table(_data(model)),
        *([f"Before the training: {escape_markdown('; '.join(model.notes))}."] if model.notes else []),
    ]
    if scores is not None:
        parts += ["## Scores", format_scores(scores)]
    parts += ["## Parameters", _parameters(model, mapper), "## Made with", _table(model.facts.versions)]
    if model.facts.origin:
        parts += ["Exported from a study:", _table(model.facts.origin)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _introduction(name: str, mapper: Mapper | None) -> str:
    text = (
        f"A generator of synthetic time series ({name}: a vector-quantised tokeniser and a prior over its tokens)."
    )
    if mapper is not None and mapper.tau is None:
        text += " No neural mapper made its series more real, so that the one in this folder changes nothing."
    elif mapper is not None:
        text += (
            f" Its neural mapper, trained on stochastic vector quantisation at τ = {mapper.tau:g}, moves the "
            "generated series towards the real ones."
        )
    return text + " The series are synthetic; whether they may stand for real ones is for the scores to say."


def _use(model: Description, mapper: Mapper | None) -> str:
    lines = [
        "```sh",
        f"nm-vqtsg sample FOLDER -n 1000{_class_option(model)} --out synthetic.csv",
        "```",
        "",
        "```python",
        f"from nm_vqtsg import {'NeuralMapper, ' if mapper is not None else ''}load_generator",
        "",
        'X_hat = load_generator("FOLDER").sample(1000, rng=0)  # (n, channels, length), in the units below',
    ]
    if mapper is not None:
        lines.append('X_mapped = NeuralMapper.load("FOLDER").transform(X_hat)')
    return "\n".join([*lines, "```"])


def _class_option(model: Description) -> str:
    """`` --class LABEL`` with the first label, quoted for a shell; nothing if it cannot stand on one line."""
    if not model.classes:
        return ""
    label = str(model.classes[0])
    if not label.isprintable() or "`" in label:
        return ""
    return f" --class={shlex.quote(label)}" if label.startswith("-") else f" --class {shlex.quote(label)}"


def _data(model: Description) -> dict[str, Any]:
    counts = model.facts.n_per_class
    rows = {"series": model.facts.n or "not known", "channels": model.channels, "length": model.length}
    if model.channel_names:
        rows["names of the channels"] = ", ".join(model.channel_names[:SHOWN])
    if not model.classes:
        rows["classes"] = "none: the series had no labels"
    else:
        listed = model.classes[:SHOWN]
        words = (
            [f"{label} ({n})" for label, n in zip(listed, counts, strict=False)] if counts else map(str, listed)
        )
        more = ", ..." if len(model.classes) > SHOWN else ""
        rows["classes (series)" if counts else "classes"] = ", ".join(words) + more
    rows["mean of each channel"] = ", ".join(f"{value:.6g}" for value in model.mean)
    rows["standard deviation"] = ", ".join(f"{value:.6g}" for value in model.std)
    return rows


def _parameters(model: Description, mapper: Mapper | None) -> str:
    content = {"generator": model.kind, "seed": model.random_state}
    content |= {name: getattr(model, name).model_dump(mode="json") for name in ("stage1", "stage2", "sample")}
    if mapper is not None:
        content["tau"] = mapper.tau
        content |= {"svq": mapper.svq.model_dump(mode="json"), "stage3": mapper.config.model_dump(mode="json")}
    return f"```yaml\n{yaml.safe_dump(content, sort_keys=False)}```"


def _table(rows: Mapping[str, Any]) -> str:
    return "\n".join(
        [
            "| | |",
            "|---|---|",
            *(f"| {escape_markdown(key)} | {escape_markdown(str(value))} |" for key, value in rows.items()),
        ]
    )
