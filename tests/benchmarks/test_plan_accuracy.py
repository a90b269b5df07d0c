"""The plan beside what jobs took, on a study whose jobs took known times."""

import sys
from pathlib import Path

import pytest
from finished_run import finished_run

from nm_vqtsg.artifacts import load_json, save_json, save_text
from nm_vqtsg.params import Params, as_yaml
from nm_vqtsg.planning.plan import CHAIN, SHARED, Plan
from nm_vqtsg.planning.sizes import DataSize

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import plan_accuracy

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
TIMED = HEADER + "40\t0:00:40" + "\t1" * 7 + "\t30\n"
TOO_SHORT = HEADER + "0.1\t0:00:00" + "\tNA" * 8 + "\n"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    ctx = finished_run(tmp_path, channels=1, labelled=True)
    params = {
        "datasets": ["Toy"],
        "own_data": {"Toy": {"path": "toy.csv"}},
        "seeds": [0, 1],
        "fcn": {"epochs": 10},
    }
    (tmp_path / "params.yaml").write_text(as_yaml(Params.model_validate(params, strict=False)))
    save_json(ctx.paths.fcn_report, {"epochs": 4})
    for job in ("fcn-Toy", *(f"{step}-Toy-seed0" for step in CHAIN)):
        save_text(tmp_path / "logs" / "benchmarks" / f"{job}.tsv", TIMED)
    save_text(tmp_path / "logs" / "benchmarks" / "sample-Toy-seed0.tsv", TOO_SHORT)
    return tmp_path


def test_the_plan_beside_the_truth(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def planned(params: Params, sizes: dict[str, DataSize], *_: object) -> Plan:
        assert sizes == {"Toy": DataSize(40, 40, 1, 24, 2)}
        return Plan(sizes, {"Toy": dict.fromkeys((*SHARED, *CHAIN), 20.0)}, len(params.seeds))

    monkeypatch.setattr(plan_accuracy, "make_plan", planned)
    out, page = study / "plan.json", study / "page.md"
    plan_accuracy.main([str(study), "--out", str(out)])
    jobs = load_json(out)["studies"][study.name]["jobs"]["Toy"]
    assert jobs["stage1"] == {"predicted_s": 20, "measured": [{"cpu_s": 30, "wall_s": 40}]}
    assert jobs[plan_accuracy.JUDGE_SOONER]["predicted_s"] == 8, "four epochs of ten"
    assert "sample" not in jobs, "it was over before anybody looked"
    save_text(page, f"before\n{plan_accuracy.BEGIN}\nold\n{plan_accuracy.END}\nafter\n")
    plan_accuracy.main(["--report", "--out", str(out), "--page", str(page)])
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert "20 → 30, 1.50" in rows["stage1"] and "8 → 30, 3.75" in rows["fcn, epochs taken"]
    assert "→" not in rows["sample"]
    assert "120 → 180, 1.50" in rows["one run"], "without what was not noted"


def test_a_study_without_runs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(as_yaml(Params()))
    with pytest.raises(SystemExit):
        plan_accuracy.main([str(tmp_path), "--out", str(tmp_path / "plan.json")])
    assert not (tmp_path / "plan.json").exists()
