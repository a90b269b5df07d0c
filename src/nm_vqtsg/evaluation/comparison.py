"""Several generators that were measured on the same series, in one result and one table."""

from collections.abc import Mapping
from typing import Any

from nm_vqtsg.evaluation.changes import CHANGES
from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.evaluation.legend import GAIN
from nm_vqtsg.evaluation.table import format_scores, gain_text, shown_scores, versions_of
from nm_vqtsg.markdown import escape_markdown

MAPPED = " + mapper"
REAL = "real series"
SHARED = (
    "n",
    "fcn_accuracy",
    "fcn_balanced_accuracy",
    "fcn_source",
    "reference",
    "judge",
    "scale",
    "evaluated_on",
)


def merged(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One result, as of `evaluate`, whose versions are the generators, before and after the mapper.

    Parameters
    ----------
    results : mapping
        Name of a generator to what `evaluate_samples` gave for its version ``baseline``, and for ``mapped`` where
        a mapper was trained for it; of the same real series, with the same judge and the same parameters.

    Returns
    -------
    dict
        What the generators share is that of the first. ``missing`` names what could be measured of none;
        ``missing_of`` what else is missing of which. ``gain``, ``intervals.gain`` and ``unresolved`` are those of
        each generator, under its name.
    """
    first = next(iter(results.values()))
    everywhere = set.intersection(*(set(result["missing"]) for result in results.values()))
    combined: dict[str, Any] = {key: first[key] for key in SHARED if key in first}
    combined |= {
        "intervals": {key: first["intervals"][key] for key in ("level", "draws")} | {"gain": {}},
        "amplitude": {"test": first["amplitude"]["test"]},
        "missing": {score: why for score, why in first["missing"].items() if score in everywhere},
        "remedies": {score: what for score, what in first.get("remedies", {}).items() if score in everywhere},
        "missing_of": {},
        "warnings": {},
        "gain": {},
        "unresolved": {},
    }
    for generator, result in results.items():
        for version in versions_of(result):
            name = generator + MAPPED if version == "mapped" else generator
            combined[name] = result[version]
            combined["amplitude"][name] = result["amplitude"][version]
            combined["intervals"][name] = result["intervals"].get(version, {})
        if "gain" in result:
            combined["gain"][generator] = result["gain"]
            combined["unresolved"][generator] = result["unresolved"]
            combined["intervals"]["gain"][generator] = result["intervals"]["gain"]
        only = {score: why for score, why in result["missing"].items() if score not in everywhere}
        combined["missing_of"] |= {generator: only} if only else {}
        sentences = [text for texts in result.get("warnings", {}).values() for text in texts]
        combined["warnings"] |= {generator: [f"{generator}: {text}" for text in sentences]} if sentences else {}
    return combined


def format_comparison(results: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Mapping[str, str]]) -> str:
    """Tables in Markdown: of facts, of all scores, of what each mapper changes; and remarks.

    Parameters
    ----------
    results : mapping
        As of `merged`.
    facts : mapping
        Name of a generator to what there is to say of it, by the heading of a column.
    """
    combined = merged(results)
    parts = [
        _table(
            [["generator", *next(iter(facts.values()))], *([name, *row.values()] for name, row in facts.items())]
        )
    ]
    gains = _gains(results)
    if gains:
        parts.append("What the mapper changes, with a 95 % interval:\n\n" + _table(gains) + f"\n\n* {GAIN[0]}")
    for generator, missing in combined["missing_of"].items():
        for reason in dict.fromkeys(missing.values()):
            scores = [escape_markdown(score) for score, own in missing.items() if own == reason]
            parts.append(f"Not measured of {generator}: {', '.join(scores)} ({reason}).")
    return "\n\n".join([*parts, format_scores(combined)])


def rows_of(
    results: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """A row for each generator, before and after its mapper, and one for real series, for programs.

    Of each score its value and, where they are known, the ends ``_low`` and ``_high`` of its 95 % interval, or the
    ``_sd`` of real series; what is not known is None. `facts` are put in front.
    """
    combined = merged(results)
    scores = shown_scores(combined)
    blank: dict[str, Any] = dict.fromkeys(next(iter(facts.values())))
    rows = []
    for name in versions_of(combined):
        generator = name.removesuffix(MAPPED)
        row = {"generator": generator, "mapped": name != generator, **facts[generator]}
        intervals = combined["intervals"][name]
        values = flat_scores(combined[name])
        for score in scores:
            low, high = intervals.get(score) or (None, None)
            row |= {score: values.get(score), f"{score}_low": low, f"{score}_high": high, f"{score}_sd": None}
        rows.append(row)
    reference = combined.get("reference")
    if reference:
        row = {"generator": REAL, "mapped": False, **blank}
        values = flat_scores(reference)
        for score in scores:
            sd = reference["sd"].get(score, values.get(f"{score}_sd"))
            row |= {score: values.get(score), f"{score}_low": None, f"{score}_high": None, f"{score}_sd": sd}
        rows.append(row)
    known = [key for key in rows[0] if any(row.get(key) is not None for row in rows)]
    return [{key: row.get(key) for key in known} for row in rows]


def _gains(results: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Cells, the header first; none where there is no mapper."""
    mapped = {name: result for name, result in results.items() if "mapped" in result}
    scores = [score for score in CHANGES if any(score in result["gain"] for result in mapped.values())]
    if not mapped:
        return []
    return [
        ["gain of", *scores],
        *([name, *(gain_text(result, score) for score in scores)] for name, result in mapped.items()),
    ]


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
