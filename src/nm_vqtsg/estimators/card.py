"""The model card of a saved generator, as Markdown."""

from typing import Any

import yaml

from nm_vqtsg.evaluation.report import format_scores
from nm_vqtsg.params import Stage3

HEAD = """---
library_name: nm-vqtsg
tags:
- time-series
- synthetic-data
---
"""
SHOWN = 30  # classes that are listed one by one


def card_text(facts: dict[str, Any], mapper: dict[str, Any] | None, scores: dict[str, Any] | None) -> str:
    """What a person needs to know before using the model.

    Parameters
    ----------
    facts : dict
        ``generator.json``.
    mapper : dict, optional
        The header of ``mapper.safetensors``.
    scores : dict, optional
        What `evaluate` gave.
    """
    name = facts["class"]
    parts = [
        HEAD,
        f"# {name}{': ' + facts['data'] if facts['data'] else ''}",
        _introduction(name, mapper),
        _use(facts, mapper),
        "## Data",
        _table(_data(facts)),
    ]
    if scores is not None:
        parts += ["## Scores", format_scores(scores)]
    parts += ["## Parameters", _parameters(facts, mapper), "## Made with", _table(facts["facts"]["versions"])]
    if facts["facts"]["origin"]:
        parts += ["Exported from a study:", _table(facts["facts"]["origin"])]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _introduction(name: str, mapper: dict[str, Any] | None) -> str:
    text = (
        f"A generator of synthetic time series ({name}: a vector-quantised tokeniser and a prior over its tokens)."
    )
    if mapper is not None:
        text += (
            f" Its neural mapper, trained on stochastic vector quantisation at τ = {mapper['tau']:g}, moves the "
            "generated series towards the real ones."
        )
    return text + " The series are synthetic; whether they may stand for real ones is for the scores to say."


def _use(facts: dict[str, Any], mapper: dict[str, Any] | None) -> str:
    classes = f" --class {facts['classes'][0]}" if facts["classes"] else ""
    lines = [
        "```sh",
        f"python -m nm_vqtsg sample --model FOLDER -n 1000{classes} --out synthetic.csv",
        "```",
        "",
        "```python",
        f"from nm_vqtsg import {'NeuralMapper, ' if mapper is not None else ''}load_generator",
        "",
        'X_hat = load_generator("FOLDER").sample(1000, seed=0)  # (n, channels, length), in the units below',
    ]
    if mapper is not None:
        lines.append('X_mapped = NeuralMapper.load("FOLDER").transform(X_hat)')
    return "\n".join([*lines, "```"])


def _data(facts: dict[str, Any]) -> dict[str, Any]:
    counts = facts["facts"]["n_per_class"]
    rows = {"series": facts["facts"]["n"] or "not known", "channels": facts["channels"], "length": facts["length"]}
    if not facts["classes"]:
        rows["classes"] = "none: the series had no labels"
    else:
        listed = facts["classes"][:SHOWN]
        words = (
            [f"{label} ({n})" for label, n in zip(listed, counts, strict=False)] if counts else map(str, listed)
        )
        more = ", ..." if len(facts["classes"]) > SHOWN else ""
        rows["classes (series)" if counts else "classes"] = ", ".join(words) + more
    rows["mean of each channel"] = ", ".join(f"{value:.6g}" for value in facts["mean"])
    rows["standard deviation"] = ", ".join(f"{value:.6g}" for value in facts["std"])
    return rows


def _parameters(facts: dict[str, Any], mapper: dict[str, Any] | None) -> str:
    content = {"generator": facts["kind"], "seed": facts["random_state"]}
    content |= {name: facts[name] for name in ("stage1", "stage2", "sample")}
    if mapper is not None:
        stage3 = Stage3.model_validate(mapper["config"], strict=False)  # puts the keys in their usual order
        content |= {"tau": mapper["tau"], "svq": mapper["svq"], "stage3": stage3.model_dump(mode="json")}
    return f"```yaml\n{yaml.safe_dump(content, sort_keys=False)}```"


def _table(rows: dict[str, Any]) -> str:
    return "\n".join(
        ["| | |", "|---|---|", *(f"| {key} | {str(value).replace('|', '/')} |" for key, value in rows.items())]
    )
