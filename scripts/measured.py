"""What a script measured of the runs of a study: ``results/NAME/DATASET/seedK.json``, and the page made of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from nm_vqtsg.artifacts import atomic_path, load_json, save_text
from nm_vqtsg.errors import UserError
from nm_vqtsg.figures import style
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tables import Table, to_markdown


def record_file(paths: Paths, name: str) -> Path:
    """Where the numbers of a run go."""
    return paths.study / "results" / name / paths.dataset / f"seed{paths.seed}.json"


def records_of(studies: Sequence[Path], name: str) -> list[dict[str, Any]]:
    """All that was measured of the studies, by data set and seed; each record bears the name of its study.

    Raises
    ------
    UserError
        If nothing was of one of them.
    """
    records = []
    for study in studies:
        files = sorted((study / "results" / name).glob("*/seed*.json"))
        if not files:
            raise UserError(f"{study}: nothing has been measured yet; run this for a data set first")
        records += [load_json(file) | {"study": study.resolve().name} for file in files]
    return sorted(records, key=lambda record: (record["dataset"], record["seed"]))


def write_page(out: Path, table: Table, figure: Figure) -> None:
    """To ``OUT.md`` and ``OUT.png``."""
    save_text(Path(f"{out}.md"), to_markdown(table))
    with atomic_path(Path(f"{out}.png")) as temporary:
        temporary.write_bytes(style.png_bytes(figure))
