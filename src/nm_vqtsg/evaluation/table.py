"""Scores as a table for people: the same text for a terminal, for Markdown and for a model card."""

from typing import Any

from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.markdown import escape_markdown
from nm_vqtsg.metrics.directions import BETTER, UP_TO_REAL

ON_VALIDATION = (
    "Measured on VAL, a part of TRAIN that nothing here was trained on, and not on TEST: for choosing settings, "
    "not for reporting."
)


def format_scores(result: dict[str, Any]) -> str:
    """The scores of `evaluate` as a Markdown table, aligned so that it can be read as plain text, too.

    Each score with its 95 % interval, what real series score, and what is better; below it, what could not be
    measured and why.
    """
    rows = _rows(result)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([*lines, "", *_remarks(result)])


def better(name: str) -> str:
    """``lower``, ``higher`` (``, up to real series``), ``near 0.5`` ..., or ``-`` where it is no score."""
    direction = BETTER.get(name, "-")
    if name in UP_TO_REAL:
        return "higher, up to real series"
    return direction if isinstance(direction, str) else f"near {direction:g}"


def _rows(result: dict[str, Any]) -> list[list[str]]:
    """Cells of the table, the header first: a column for each set of series, a row for each score."""
    versions = [name for name in result["amplitude"] if name != "test"]
    reference = flat_scores(result.get("reference", {}))
    spread = (result.get("reference") or {}).get("sd", {})
    columns = {name: flat_scores(result[name]) for name in versions}
    rows = [["score", *map(escape_markdown, versions), *(["real series"] if reference else []), "better"]]
    for score in dict.fromkeys(score for column in columns.values() for score in column):
        cells = [
            _cell(columns[name].get(score), result["intervals"].get(name, {}).get(score)) for name in versions
        ]
        real = [_of_draws(reference.get(score), spread.get(score))] if reference else []
        rows.append([score, *cells, *real, better(score)])
    return rows


def _cell(value: float | None, interval: list[float] | None = None) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}"
    return text if interval is None else f"{text} ({interval[0]:.3g} .. {interval[1]:.3g})"


def _of_draws(value: float | None, sd: float | None) -> str:
    return _cell(value) + ("" if value is None or sd is None else f" ± {sd:.2g}")


def _remarks(result: dict[str, Any]) -> list[str]:
    sizes = result["n"]
    remark = f"{sizes['generated']} synthetic against {sizes['test']} real series."
    if result.get("fcn_accuracy") is not None:
        remark += f" The FCN behind FID, IS and cFID is right for {result['fcn_accuracy']:.1%} of the real series."
    remarks = [remark]
    if result.get("evaluated_on") == "validation":
        remarks.append(ON_VALIDATION)
    if "scale" in result:
        judge = "" if result["fcn_accuracy"] is None else f"Judge: {escape_markdown(result['judge'])}. "
        remarks.append(f"{judge}Scale: {result['scale']}.")
    warnings = [text for texts in result.get("warnings", {}).values() for text in texts]
    remarks += [f"Warning: {escape_markdown(text)}." for text in warnings]
    for reason in dict.fromkeys(result["missing"].values()):
        scores = [escape_markdown(score) for score, why in result["missing"].items() if why == reason]
        remarks.append(f"Not measured: {', '.join(scores)} ({reason}).")
    return remarks
