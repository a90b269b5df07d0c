"""Presets: what they set, how they are printed and documented, and studies made with them."""

import re
from pathlib import Path

import pytest

from nm_vqtsg.errors import ParameterError
from nm_vqtsg.params import (
    PRESETS,
    Params,
    as_yaml,
    load_params,
    override,
    parse_params,
    preset_text,
    with_preset,
)
from nm_vqtsg.params.presets import preset_values
from nm_vqtsg.params.text import scalar

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_on_the_defaults_is_itself(name: str) -> None:
    assert with_preset(Params(), name) == PRESETS[name]


def test_the_papers_budget_is_in_each() -> None:
    for preset in PRESETS.values():
        assert (preset.stage1.steps, preset.stage2.steps, preset.stage3.steps) == (20000, 40000, 30000)


def test_going_from_one_to_another_leaves_nothing_behind() -> None:
    for first in PRESETS:
        for second in PRESETS:
            assert with_preset(with_preset(Params(), first), second) == PRESETS[second]


def test_what_no_preset_is_about_stays() -> None:
    mine = override(Params(), ["seeds=[7]", "stage1.steps=10", "stage3.dropout=0.1", "data.source=here"])
    changed = with_preset(mine, "paper")
    assert (changed.seeds, changed.stage1.steps, changed.data.source) == ((7,), 10, "here")
    assert changed.stage3.dropout == 0.5
    for name in PRESETS:
        sections = {key.partition(".")[0] for key in preset_values(name)}
        assert not sections & {"data", "datasets", "seeds", "fcn", "evaluate", "plot", "rocket", "own_data"}


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_printed_can_be_set(name: str) -> None:
    lines = preset_text(name).splitlines()
    assert lines and all("  # default: " in line for line in lines)
    assert override(Params(), [line.partition("  #")[0].strip() for line in lines]) == PRESETS[name]


def test_the_published_values_are_those_that_the_comments_name() -> None:
    text = (ROOT / "params.yaml").read_text()
    paper = preset_values("paper")
    section, published = "", {}
    for line in text.splitlines():
        if re.match(r"\w+:  #", line):
            section = line.partition(":")[0]
        elif found := re.search(r"^  (\w+):.*\(published: ([\d.]+)\)", line):
            published[f"{section}.{found[1]}"] = float(found[2])
    assert len(published) >= 3 and {key: paper[key] for key in published} == published


def test_the_page_on_parameters_lists_them() -> None:
    page = (ROOT / "docs" / "parameters.md").read_text()
    rows = dict(re.findall(r"^\| `([\w.]+)` \| [^|]+ \| ([^|]+ \| [^|]+) \|", page, re.M))
    for column, name in enumerate(PRESETS):
        listed = {key: cells.split(" | ")[column] for key, cells in rows.items()}
        assert listed == {key: scalar(value) for key, value in preset_values(name).items()}


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(ParameterError, match="preset: 'bst' is unknown; there are paper, best"):
        with_preset(Params(), "bst")


def test_a_written_study_reads_back(tmp_path: Path) -> None:
    text = as_yaml(with_preset(Params(), "paper"))
    assert parse_params(text) == PRESETS["paper"] and "changed from 0 (ours)" in text
    (tmp_path / "params.yaml").write_text(text)
    assert load_params(tmp_path / "params.yaml").stage1.dropout == 0.3
