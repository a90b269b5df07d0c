"""Every figure and table of a study has a caption in the report."""

from pathlib import Path

from nm_vqtsg.steps.plot import FIGURES

CAPTIONS = Path(__file__).parents[2] / "workflow" / "report"


def test_every_figure_and_table_has_a_caption() -> None:
    wanted = {Path(name).stem for name in FIGURES} | {
        "table1",
        "table2",
        "table3",
        "second_opinion",
        "controls",
        "summary",
        "workflow",
    }
    assert {path.stem for path in CAPTIONS.glob("*.rst")} == wanted


def test_captions_of_figures_name_data_set_and_seed() -> None:
    for name in FIGURES:
        text = (CAPTIONS / f"{Path(name).stem}.rst").read_text(encoding="utf-8")
        assert "{{ snakemake.wildcards.dataset }}" in text and "{{ snakemake.wildcards.seed }}" in text
