"""One table in four notations, and in plain text.

Why not pandas' Styler or great_tables: neither has notes, plain text and a program's records, ± and τ stay as they
are in LaTeX, and the bytes, which DVC follows, would change with their releases.
"""

from __future__ import annotations

import csv
import html
import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nm_vqtsg.cells import escape_cell
from nm_vqtsg.errors import one_line
from nm_vqtsg.tables.aggregate import Change, Statistic

EMPTY = "–"
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "±": r"$\pm$",
    "–": "--",
    "×": r"$\times$",
    "τ": r"$\tau$",
    "≤": r"$\leq$",
}
_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:1.5em;color:#222}"
    "table{border-collapse:collapse;border-top:2px solid #222;border-bottom:2px solid #222}"
    "th,td{padding:.25em .6em;text-align:left}td{white-space:nowrap}"
    "th{border-bottom:1px solid #222;vertical-align:bottom}.n{text-align:right;font-variant-numeric:tabular-nums}"
    "tr:nth-child(even) td{background:#f5f5f5}div{overflow-x:auto}ul{max-width:60em;padding-left:1.2em;color:#444}"
)


@dataclass(frozen=True)
class Table:
    """A table for readers and for programs.

    Attributes
    ----------
    header, cells
        What readers see (Markdown, HTML, LaTeX, plain text); ``numeric`` tells which columns align right.
    records
        The same rows for programs (CSV): unrounded numbers, one value per column; None is written as nothing.
    """

    title: str
    header: Sequence[str]
    numeric: Sequence[bool]
    cells: Sequence[Sequence[str]]
    records: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    number: int | None = None

    @property
    def heading(self) -> str:
        return self.title if self.number is None else f"Table {self.number}: {self.title}"


def number(value: float | None, digits: int = 3) -> str:
    """At least `digits` significant digits without an exponent: 0.0123, 1.74, 1107."""
    if value is None or not math.isfinite(value):
        return EMPTY
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(max(digits - 1 - magnitude, 0), 6)}f}"


def mean_sd(value: Statistic | None, digits: int = 3) -> str:
    """``mean ± sd``, with decimals enough for the sd to be more than zeros.

    The mean alone for one run, and for what is the same in every run, as TRAIN–TEST is.
    """
    if value is None:
        return EMPTY
    text = number(value.mean, digits)
    if not math.isfinite(value.sd) or value.sd == 0:
        return text
    decimals = len(text.partition(".")[2])
    if value.sd > 0:
        decimals = max(decimals, min(-math.floor(math.log10(value.sd)), decimals + 1))
    return f"{value.mean:.{decimals}f} ± {value.sd:.{decimals}f}"


def marked(value: Statistic | None, at_floor: bool) -> str:
    """`mean_sd`, and whether real series score no better."""
    return mean_sd(value) + (" at the floor" if at_floor else "")


def gained(gain: Change | None) -> str:
    """Signed gain in a score's own unit with its uncertainty: ``unresolved`` when smaller, ``?`` without one.

    ``+1.37 [0.98, 1.71]`` of one run, ``+1.37 ± 0.20`` over seeds.
    """
    if gain is None or not math.isfinite(gain.value):
        return EMPTY
    if gain.value == 0 and gain.sd == 0:
        return "0"
    text = ("-" if gain.value < 0 else "+") + number(abs(gain.value))
    decimals = len(text.partition(".")[2])
    if math.isfinite(gain.sd):
        text += f" ± {number(gain.sd, 2)}"
    elif gain.n == 1 and math.isfinite(gain.low + gain.high):
        text += f" [{gain.low:.{decimals}f}, {gain.high:.{decimals}f}]"
    return f"{text} ?" if gain.unresolved is None else text + unresolved(gain)


def percent(change: Change | None) -> str:
    """Signed change in percent as the paper prints it; its uncertainty is told with the gain."""
    return EMPTY if change is None or not math.isfinite(change.value) else f"{change.value:+.1f}"


def unresolved(change: Change) -> str:
    """What follows a change that its uncertainty does not tell from none; over seeds, how many were better."""
    if not change.unresolved:
        return ""
    return " unresolved" + (f" ({change.improved} of {change.n} better)" if change.n > 1 else "")


def to_markdown(table: Table) -> str:
    """GitHub-flavoured Markdown, columns padded so that the source reads well too."""
    cells = [[one_line(cell).replace("|", r"\|") for cell in row] for row in table.cells]
    table = replace(table, cells=cells)
    widths = _widths(table)
    rule = ["-" * (width - right) + ":" * right for width, right in zip(widths, table.numeric, strict=True)]
    rows = [_padded(cells, table.numeric, widths) for cells in (table.header, *table.cells)]
    lines = ["| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:])]
    lines = [f"**{table.heading}**", "", *lines]
    lines += ["", *(f"* {note}" for note in table.notes)] if table.notes else []
    return "\n".join(lines) + "\n"


def to_html(table: Table) -> str:
    """A page of its own that needs nothing from elsewhere."""

    def row(cells: Sequence[str], tag: str) -> str:
        marks = (' class="n"' if right else "" for right in table.numeric)
        return "".join(
            f"<{tag}{mark}>{html.escape(cell)}</{tag}>" for cell, mark in zip(cells, marks, strict=True)
        )

    lines = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(table.heading)}</title>',
        f"<style>{_STYLE}</style>",
        f"<h3>{html.escape(table.heading)}</h3>",
        f"<div><table><thead><tr>{row(table.header, 'th')}</tr></thead><tbody>",
        *(f"<tr>{row(cells, 'td')}</tr>" for cells in table.cells),
        "</tbody></table></div>",
        *(["<ul>", *(f"<li>{html.escape(note)}</li>" for note in table.notes), "</ul>"] if table.notes else []),
    ]
    return "\n".join(lines) + "\n"


def to_text(table: Table) -> str:
    """Plain aligned columns for a terminal."""
    widths = _widths(table)
    rows = [_padded(cells, table.numeric, widths) for cells in (table.header, *table.cells)]
    rows.insert(1, ["─" * width for width in widths])
    lines = [table.heading, "", *("  ".join(row) for row in rows)]
    lines += ["", *(textwrap.fill(note, 100, subsequent_indent="  ") for note in table.notes)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def to_csv(table: Table) -> str:
    """Comma-separated records with a header, full precision, empty where there is no value.

    Texts that a spreadsheet would take for formulas get an apostrophe (`nm_vqtsg.cells`).
    """
    buffer = io.StringIO()
    columns = list(dict.fromkeys(key for record in table.records for key in record))
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writerow({column: escape_cell(column) for column in columns})
    for record in table.records:
        writer.writerow({key: _plain(value) for key, value in record.items()})
    return buffer.getvalue()


def to_latex(table: Table, label: str) -> str:
    """A ``table*`` for booktabs and graphicx, shrunk to the text's width, with the notes below."""
    columns = "".join("r" if right else "l" for right in table.numeric)
    rows = [" & ".join(map(_escape, cells)) + r" \\" for cells in table.cells]
    notes = [r"\par\smallskip\footnotesize " + " ".join(map(_escape, table.notes))] if table.notes else []
    lines = [
        r"% needs \usepackage{booktabs,graphicx}",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{_escape(table.title)}}}",
        rf"\label{{{label}}}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(_escape, table.header)) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}",
        *notes,
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _widths(table: Table) -> list[int]:
    return [max(map(len, column)) for column in zip(table.header, *table.cells, strict=True)]


def _padded(cells: Sequence[str], numeric: Sequence[bool], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, right, width in zip(cells, numeric, widths, strict=True)
    ]


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return escape_cell(value)
