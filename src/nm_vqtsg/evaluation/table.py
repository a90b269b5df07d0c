"""Scores as a table for people: the same text for a terminal, for Markdown and for a model card."""

from collections.abc import Mapping
from typing import Any

from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.evaluation.legend import GAIN, LEGEND, SPREADS
from nm_vqtsg.markdown import escape_markdown
from nm_vqtsg.metrics.directions import BETTER, UP_TO_REAL, gain

ON_VALIDATION = (
    "Measured on VAL, a part of TRAIN that nothing here was trained on, and not on TEST: for choosing settings, "
    "not for reporting."
)


def format_scores(result: dict[str, Any]) -> str:
    """The scores of `evaluate` as a Markdown table, aligned so that it can be read as plain text, too.

    Each score with its 95 % interval, what real series score, and what is better; where one version is another one
    mapped, also by how much it is better. Below it, what could not be measured, why, and what to do; and what each
    score says.
    """
    rows = _rows(result)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([*lines, "", *_remarks(result), "", *_legend(result)])


def better(name: str) -> str:
    """``lower``, ``higher`` (``, up to real series``), or ``near 0.5`` ..."""
    direction = BETTER[name]
    if name in UP_TO_REAL:
        return "higher, up to real series"
    return direction if isinstance(direction, str) else f"near {direction:g}"


def versions_of(result: Mapping[str, Any]) -> list[str]:
    """Names of the sets of samples that were measured."""
    return [name for name in result["amplitude"] if name != "test"]


def shown_scores(result: Mapping[str, Any]) -> list[str]:
    """Keys of the scores that some version has, in the order of the legend."""
    measured = {score for name in versions_of(result) for score in flat_scores(result[name])}
    return [score for score in LEGEND if score in measured]


def score_text(result: Mapping[str, Any], version: str, score: str) -> str:
    """``1.23 [1.1, 1.4]`` with a 95 % interval, ``1.23 ± 0.1`` with a spread of its own; empty if unknown."""
    scores = flat_scores(result[version])
    interval = result["intervals"].get(version, {}).get(score)
    if score not in scores:
        return ""
    if interval is not None and None not in interval:
        return f"{scores[score]:.4g} [{interval[0]:.3g}, {interval[1]:.3g}]"
    return _with_spread(scores[score], scores.get(SPREADS.get(score, "")))


def real_text(result: Mapping[str, Any], score: str) -> str:
    """The score of real series and its sd over draws of them (or over networks); empty where unknown."""
    scores = flat_scores(result.get("reference") or {})
    sd = (result.get("reference") or {}).get("sd", {}).get(score, scores.get(SPREADS.get(score, "")))
    return "" if score not in scores else _with_spread(scores[score], sd)


def gain_text(result: Mapping[str, Any], score: str) -> str:
    """``+1.2 [0.9, 1.5]``, ``+0.1 [-0.3, 0.5] unresolved``, or ``+1.2`` where no interval is known.

    By how much ``mapped`` is better than ``baseline``; empty where one of them lacks the score.
    """
    before, after = (flat_scores(result[name]).get(score) for name in ("baseline", "mapped"))
    if before is None or after is None:
        return ""
    text = f"{gain(score, before, after):+.3g}"
    interval = result["intervals"].get("gain", {}).get(score)
    if interval is not None and None not in interval:
        text += f" [{interval[0]:.3g}, {interval[1]:.3g}]"
    return text + (" unresolved" if result["unresolved"].get(score) else "")


def change_text(result: Mapping[str, Any], score: str) -> str:
    """The paper's change in percent, of the scores that it is reported for."""
    change = result["change_percent"].get(score)
    return "" if change is None else f"{change:+.3g}"


def missing_by_reason(result: Mapping[str, Any]) -> dict[tuple[str, str | None], list[str]]:
    """(reason, remedy or None) to the scores that are missing for it."""
    remedies = result.get("remedies", {})
    grouped: dict[tuple[str, str | None], list[str]] = {}
    for score, reason in result["missing"].items():
        grouped.setdefault((reason, remedies.get(score)), []).append(score)
    return grouped


def judge_words(result: Mapping[str, Any]) -> list[str]:
    """A sentence about the judge, where there is one."""
    if result.get("fcn_accuracy") is None:
        return []
    whose = "published FCN" if result.get("fcn_source") == "published" else "FCN"
    words = f"The {whose} behind FID, IS and cFID is right for {result['fcn_accuracy']:.1%} of the real series"
    if result.get("fcn_balanced_accuracy") is not None:
        words += f" ({result['fcn_balanced_accuracy']:.1%} as the mean of its classes, which are unequal)"
    return [f"{words}."]


def _rows(result: dict[str, Any]) -> list[list[str]]:
    """Cells of the table, the header first: a column for each set of series, a row for each score."""
    versions, with_change = versions_of(result), "change_percent" in result
    header = ["score", *map(escape_markdown, versions)]
    header += ["gain", "change %"] if with_change else []
    header += ["real series"] if result.get("reference") else []
    rows = [[*header, "better"]]
    for score in shown_scores(result):
        cells = [score, *(score_text(result, name, score) for name in versions)]
        cells += [gain_text(result, score), change_text(result, score)] if with_change else []
        cells += [real_text(result, score)] if result.get("reference") else []
        rows.append([*cells, better(score)])
    return rows


def _with_spread(value: float, sd: float | None) -> str:
    return f"{value:.4g}" + ("" if sd is None else f" ± {sd if sd > 1e-9 else 0:.2g}")  # rounding is no spread


def _remarks(result: dict[str, Any]) -> list[str]:
    sizes = result["n"]
    remark = f"{sizes['generated']} synthetic against {sizes['test']} real series."
    remarks = [" ".join([remark, *judge_words(result)])]
    if result.get("evaluated_on") == "validation":
        remarks.append(ON_VALIDATION)
    if "scale" in result:
        judge = "" if result["judge"] is None else f"Judge: {escape_markdown(result['judge'])}. "
        remarks.append(f"{judge}Scale: {result['scale']}.")
    warnings = [text for texts in result.get("warnings", {}).values() for text in texts]
    remarks += [f"Warning: {escape_markdown(text)}." for text in warnings]
    for (reason, remedy), scores in missing_by_reason(result).items():
        remarks.append(f"Not measured: {', '.join(map(escape_markdown, scores))} ({reason}).")
        remarks += [f"To measure that: {remedy}."] if remedy else []
    return remarks


def _legend(result: dict[str, Any]) -> list[str]:
    lines = ["What the scores say (docs/evaluation.md says more):", ""]
    lines += [f"* {score}: {LEGEND[score].says}" for score in shown_scores(result)]
    if result.get("reference"):
        lines.append(
            "* real series: what series of TRAIN score in the place of the samples, ± sd over draws of them"
        )
    if "change_percent" in result:
        lines += [f"* {sentence}" for sentence in GAIN]
    return lines
