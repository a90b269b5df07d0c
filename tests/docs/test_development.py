"""The candidates for a better recipe: each is a study that can be run, and the protocol's page names them all."""

from __future__ import annotations

from pathlib import Path

import candidates
import development
import pytest

from nm_vqtsg.params.presets import flat

PAGE = Path(__file__).resolve().parents[2] / "docs" / "beyond.md"


def test_the_page_lists_every_candidate_with_what_it_changes() -> None:
    between = PAGE.read_text().split("<!-- scripts/development.py -->\n")[1].split("<!-- end -->")[0]
    told = {}
    for line in between.splitlines()[2:]:
        name, changes = (cell.strip() for cell in line.strip("|").split("|"))
        told[name] = () if changes == "none" else tuple(change.strip("` ") for change in changes.split("`, `"))
    assert told == development.CANDIDATES
    assert list(told) == list(development.CANDIDATES), "the order decides between candidates that are equally good"


def test_the_page_of_results_is_what_the_studies_in_git_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    development.results(tmp_path / "development", tmp_path / "confirmation")
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made[-3:] == ["development.csv", "development.md", "development_ranking.csv"]
    for name in made:
        assert (tmp_path / name).read_text() == (PAGE.parent / name).read_text(), f"{name}: make it anew"


def test_candidates_are_different_and_can_be_compared() -> None:
    recipes = {}
    for name in development.CANDIDATES:
        values = dict(flat(development.params_of(name)))
        assert values["data.evaluate_on"] == "validation"
        recipes[name] = {key: str(value) for key, value in values.items() if not key.startswith(candidates.BESIDE)}
    reference = recipes["reference"]
    for name, recipe in recipes.items():
        assert [other for other, values in recipes.items() if values == recipe] == [name]
        assert all(recipe[key] == reference[key] for key in recipe if key.startswith(candidates.COMMON))


def test_studies_are_made_for_the_data_sets_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    params = development.params_of("mixture", ["FaceAll"], [3])
    assert (params.datasets, params.seeds, params.sample.unconditional) == (("FaceAll",), (3,), "mixture")
    quarter, full = development.params_of("mixture"), development.params_of("mixture", full=True)
    for stage, steps in (("stage1", 20_000), ("stage2", 40_000), ("stage3", 30_000)):
        assert getattr(full, stage).steps == steps == 4 * getattr(quarter, stage).steps
    with pytest.raises(development.UserError, match="mixtur: is no candidate; there are reference, paper"):
        development.main(["mixture", "mixtur"])
    assert not capsys.readouterr().out
