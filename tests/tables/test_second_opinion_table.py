"""The table of the scores beside FID, IS and cFID."""

import csv
import io
from typing import Any

import pytest

from nm_vqtsg.tables import second_opinion_table, to_csv, to_markdown
from nm_vqtsg.tables.render import to_latex


def run(seed: int, before: dict[str, float], after: dict[str, float], **more: Any) -> dict[str, Any]:
    sides = {"baseline": before, "mapped": after, "reference": {"auc": 0.52, "cas": 0.9}}
    return {
        "dataset": "FaceAll",
        "seed": seed,
        **{side: {"fid": 3.0, "second_opinion": scores} for side, scores in sides.items()},
        **more,
    }


def rows(*runs: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {row["score"]: row for row in csv.DictReader(io.StringIO(to_csv(second_opinion_table(runs))))}


def test_gain_has_the_sign_of_the_scores_direction() -> None:
    found = rows(run(0, {"auc": 0.99, "cas": 0.8, "mdd": 1.0}, {"auc": 0.9, "cas": 0.7, "mdd": 0.5}))
    assert float(found["auc"]["gain"]) == pytest.approx(0.09)  # nearer to one half
    assert float(found["cas"]["gain"]) == pytest.approx(-0.1)
    assert float(found["mdd"]["gain"]) == 0.5
    assert found["auc"]["better"] == "near 0.5" and found["auc"]["reference_mean"] == "0.52"
    assert float(found["fid"]["gain"]) == 0.0


def test_one_seed_resolves_nothing_and_consistent_seeds_do() -> None:
    table = to_markdown(second_opinion_table([run(0, {"cas": 0.8}, {"cas": 0.7})]))
    assert "-0.100 ?" in next(line for line in table.splitlines() if "CAS" in line)
    gains = (0.10, 0.11, 0.12)
    found = rows(*(run(seed, {"cas": 0.5}, {"cas": 0.5 + gain}) for seed, gain in enumerate(gains)))
    assert found["cas"]["unresolved"] == "no" and found["cas"]["seeds"] == "0 1 2"
    found = rows(run(0, {"cas": 0.5}, {"cas": 0.7}), run(1, {"cas": 0.5}, {"cas": 0.4}))
    assert found["cas"]["unresolved"] == "yes"


def test_scores_as_good_as_those_of_real_series_are_marked() -> None:
    record = run(0, {"auc": 0.99, "cas": 0.8}, {"auc": 0.55, "cas": 0.85}, n={"generated": 100})
    record["reference"] |= {"n": 100, "draws": 5, "sd": {"auc": 0.02}}
    record["reference"]["second_opinion"] = {"auc": 0.52, "cas": 0.9, "cas_sd": 0.03}
    found = rows(record)
    assert [found["auc"][f"{side}_at_floor"] for side in ("baseline", "mapped")] == ["", "yes"]
    assert [found["cas"][f"{side}_at_floor"] for side in ("baseline", "mapped")] == ["", "yes"]
    text = to_markdown(second_opinion_table([record]))
    assert "0.550 at the floor" in text and "0.520 ± 0.020" in text


def test_what_could_not_be_measured_is_named() -> None:
    table = second_opinion_table([run(0, {}, {}, missing={"auc": "five series of each"})], absent=["Crop seed 0"])
    text = to_markdown(table)
    assert "FaceAll: no auc; five series of each." in text and "No numbers: Crop seed 0." in text
    assert "AUC" not in "".join(line for line in text.splitlines() if line.startswith("| FaceAll"))
    assert r"\begin{table*}" in to_latex(table, "tab:second-opinion")
