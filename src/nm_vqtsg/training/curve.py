"""Loss curves as a table: rows of numbers against steps."""

from collections.abc import Sequence
from pathlib import Path

from nm_vqtsg.artifacts import save_text

Row = dict[str, float]


def save_curve(path: Path, rows: Sequence[Row]) -> None:
    """Write a curve as tab-separated text: a header, then one line per row, six significant digits."""
    parts = sorted({name for row in rows for name in row} - {"step", "loss", "lr"})
    names = ["step", "loss", *parts, "lr"]  # an order of its own: a resumed run reads its rows back sorted
    lines = ["\t".join(names)]
    for row in rows:
        lines.append("\t".join(f"{row[name]:.6g}" if name != "step" else f"{int(row[name])}" for name in names))
    save_text(path, "\n".join(lines) + "\n")
