"""The planner: sizes without data, work in proportion to steps, and a calibration that really runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nm_vqtsg.errors import DataError
from nm_vqtsg.params import Params, override
from nm_vqtsg.planning.calibration import Costs
from nm_vqtsg.planning.judging import Judging
from nm_vqtsg.planning.plan import CHAIN, Plan, fcn_seconds, job_seconds, make_plan
from nm_vqtsg.planning.sizes import DataSize, data_size
from nm_vqtsg.planning.table import duration, judges_in_words

ABSENT = (Path("absent/train.npz"), Path("absent/test.npz"))
COST = Costs(*(float(number) for number in (2, 3, 5, 7)), *(0.0,) * 7)
NOTHING = Judging(*(0.0,) * 11)
UNLABELLED = DataSize(100, 25, 1, 64, 0)


def test_sizes_come_from_the_archives_list() -> None:
    assert data_size(Params(), "Crop", Path(), ABSENT) == DataSize(19200, 4800, 1, 46, 24)
    assert data_size(Params(), "ECG5000", Path(), ABSENT) == DataSize(4000, 1000, 1, 140, 5)


def test_sizes_of_own_data_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", X=np.zeros((11, 2, 30), np.float32), y=np.arange(11) % 3)
    params = override(Params(own_data={"Own": {}}), ["datasets=[Own]", "own_data.Own.path=own.npz"])
    assert data_size(params, "Own", tmp_path, ABSENT) == DataSize(8, 3, 2, 30, 3)
    (tmp_path / "own.npz").unlink()
    with pytest.raises(DataError, match="own.npz"):
        data_size(params, "Own", tmp_path, ABSENT)


def test_what_is_split_already_counts_as_it_is(tmp_path: Path) -> None:
    files = (tmp_path / "train.npz", tmp_path / "test.npz")
    for path, n in zip(files, (7, 5), strict=True):
        np.savez(path, X=np.zeros((n, 1, 33), np.float32), y=np.arange(n) % 2)
    assert data_size(Params(), "Crop", tmp_path, files) == DataSize(7, 5, 1, 33, 2)


def test_lengths_that_vary_are_not_guessed() -> None:
    params = override(Params(), ["datasets=[PLAID]"])
    with pytest.raises(DataError, match="run download"):
        data_size(params, "PLAID", Path(), ABSENT)


def test_a_stage_takes_its_steps() -> None:
    params = override(
        Params(), ["stage1.steps=10", "stage2.steps=100", "stage3.steps=1000", "stage2.batch_size=32"]
    )
    jobs = job_seconds(params, UNLABELLED, COST, NOTHING, start=1.0)
    assert jobs["stage1"] == 1 + 10 * 2
    assert jobs["stage3"] == 1 + 1000 * 5
    scored = 125 * 3 / 32 / 3  # all series once, a third of a step's time each
    assert jobs["stage2"] == pytest.approx(1 + 100 * 3 + scored)
    assert jobs["fcn"] == 1  # no labels, no judge
    assert all(job >= 1 for job in jobs.values())


@pytest.mark.parametrize(("epochs", "max_steps", "steps"), [(4, 20000, 4), (4, 3, 3)])
def test_the_judge_is_counted_at_all_its_epochs(epochs: int, max_steps: int, steps: int) -> None:
    params = override(Params(), [f"fcn.epochs={epochs}", f"fcn.max_steps={max_steps}"])
    size = DataSize(100, 25, 1, 64, 2)  # 90 series to fit are one batch
    assert fcn_seconds(params, size, COST) == steps * 7


def test_early_stopping_and_judges_that_are_not_trained_here_are_known() -> None:
    size, fast = DataSize(100, 25, 1, 64, 2), replace(COST, judge=1.0)
    changes = ["fcn.epochs=8", "fcn.patience=2"]
    params = override(Params(), changes)
    looks = 10  # series held out, looked at after each epoch; 125 at the end
    assert fcn_seconds(params, size, fast) == 8 * 7 + 8 * looks + 125
    assert fcn_seconds(params, size, fast, sooner=True) == 3 * 7 + 3 * looks + 125
    plan = Plan({"A": size}, {}, 1, judge_sooner=7200.0)
    assert "all its epochs (8, or 20000 steps); early stopping ends it after 3" in judges_in_words(params, plan)
    assert "2.0 h less" in judges_in_words(params, plan)
    patient = override(params, ["fcn.patience=20"])
    assert fcn_seconds(patient, size, fast, sooner=True) == fcn_seconds(patient, size, fast)
    assert "never ends them" in judges_in_words(patient, replace(plan, judge_sooner=0.0))
    fetched = override(params, ["fcn.source=published"])
    assert fcn_seconds(fetched, size, fast) == 125
    assert "published one" in judges_in_words(fetched, plan)


def test_elapsed_time_is_bounded_by_the_cores_and_by_the_longest_run() -> None:
    job = {"data": 1.0, "fcn": 100.0, **dict.fromkeys(CHAIN, 10.0)}
    plan = Plan({"A": UNLABELLED, "B": UNLABELLED}, {"A": job, "B": job}, n_seeds=2)
    assert plan.of_seed("A") == 70
    assert plan.total == 2 * (101 + 2 * 70)
    assert plan.elapsed(1) == plan.total
    assert plan.elapsed(1000) == 1 + 100 + 10 + 10  # the judge takes longer than the stages before evaluate


def test_a_calibration_measures_every_job() -> None:
    small = [
        "stage1.codebook_size=32",
        "evaluate.bootstrap=2",
        "evaluate.network_steps=5",
        "rocket.n_kernels=50",
        "seeds=[0]",
    ]
    params = override(Params(), small)
    said: list[str] = []
    size = DataSize(60, 20, 2, 24, 3)
    plan = make_plan(params, {"Own": size}, torch.device("cpu"), lambda what, done, total: said.append(what))
    jobs = plan.jobs["Own"]
    assert set(jobs) == {"data", "fcn", *CHAIN}
    assert all(0 < seconds < float("inf") for seconds in jobs.values())
    twice = override(params, ["stage2.steps=80000"])
    again = make_plan(twice, {"Own": size}, torch.device("cpu"))
    assert 1.2 < again.jobs["Own"]["stage2"] / jobs["stage2"] < 4
    assert said == ["series of length 24", "scores"]
    assert 0 < plan.judge_sooner < jobs["fcn"]


def test_networks_and_draws_of_the_evaluation_are_counted() -> None:
    network = replace(NOTHING, encoder=1.0, recurrent=10.0, told_apart=1000.0)
    size = DataSize(2000, 500, 1, 64, 0)
    params = override(
        Params(), ["evaluate.network_seeds=2", "evaluate.network_steps=5", "evaluate.reference_draws=4"]
    )
    assert network.seconds(params, size) == 2 * 5 * (0.5 + 3 * 10) + (2 + 4) * 1000
    assert network.seconds(override(params, ["evaluate.network_seeds=0"]), size) == 6000


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (99.6, "2 min"), (720, "12 min"), (12240, "3.4 h")])
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
