"""docs/reliability.md names tests that exist, in the tier that it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from attacks import BEGIN, END

ROOT = Path(__file__).resolve().parents[2]
MARKS = {"": set(), "●": {"faults"}, "◆": {"engines"}}


def marks_of(file: Path, name: str) -> set[str] | None:
    """Tiers of a test by its marks and those of its file; None if the file has no such test."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    of_file = [node for node in tree.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            text = " ".join(ast.unparse(part) for part in (*node.decorator_list, *of_file))
            return set(re.findall(r"pytest\.mark\.(engines|faults)", text))
    return None


def test_every_promise_names_a_test() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)::(\w+)`(?: ([●◆]))?", text)
    assert len(named) > 30
    for file, name, mark in named:
        found = [marks_of(path, name) for path in ROOT.glob(f"tests/**/{file}")]
        found = [marks for marks in found if marks is not None]
        assert len(found) == 1, f"{file}::{name} is named, and {len(found)} such tests exist"
        assert found[0] >= MARKS[mark] and (mark or not found[0]), f"{file}::{name} is in the tier {found[0]}"


def test_no_row_makes_a_promise_without_a_test() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    promises = text[: text.index(BEGIN)] + text[text.index(END) :]
    rows = [
        line
        for line in promises.splitlines()
        if line.startswith("| ") and not line.startswith(("| promise", "| ---"))
    ]
    assert rows and all("::" in row for row in rows)
