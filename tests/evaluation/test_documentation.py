"""docs/evaluation.md says what every score means and which way is better."""

import re
from pathlib import Path

from nm_vqtsg.evaluation.legend import LEGEND, SPREADS
from nm_vqtsg.evaluation.table import better
from nm_vqtsg.metrics.directions import BETTER
from nm_vqtsg.tables.second_opinion import SCORES

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


def test_every_score_is_explained_with_its_direction_and_source() -> None:
    explained = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5 and (keys := re.findall(r"`(\w+)`", cells[1])):
            explained |= dict.fromkeys(keys, cells[2])
            assert cells[3] and cells[4]
    assert explained == {name: better(name) for name in BETTER}


def test_every_score_is_told_in_words_where_it_is_printed() -> None:
    assert set(LEGEND) == set(BETTER) and set(SPREADS) <= set(LEGEND)
    assert all(30 <= len(entry.says) <= 110 for entry in LEGEND.values() if entry.name != "IS / classes")


def test_the_table_of_the_second_opinion_knows_every_score_that_no_other_table_has() -> None:
    elsewhere = {"fid_trimmed", "is", "is_normalized", "is_gap", "is_trimmed", "cfid", "cfid_trimmed"}
    assert set(SCORES) == set(BETTER) - elsewhere
