"""Results of a study as tables: Tables 1-3 of the paper with its own figures beside, a second opinion, controls of
the mapper, and a short summary."""

from nm_vqtsg.tables.aggregate import DatasetSummary, summarise
from nm_vqtsg.tables.build import flat_metrics, paper_tables, summary_table, summary_text
from nm_vqtsg.tables.controls import controls_table
from nm_vqtsg.tables.paper import change_bounds, load_paper
from nm_vqtsg.tables.render import Table, to_csv, to_html, to_latex, to_markdown, to_text
from nm_vqtsg.tables.second_opinion import second_opinion_table

__all__ = [
    "DatasetSummary",
    "Table",
    "change_bounds",
    "controls_table",
    "flat_metrics",
    "load_paper",
    "paper_tables",
    "second_opinion_table",
    "summarise",
    "summary_table",
    "summary_text",
    "to_csv",
    "to_html",
    "to_latex",
    "to_markdown",
    "to_text",
]
