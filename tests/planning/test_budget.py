"""From minutes to steps: costs that are known give steps that fit, and less is done where time is short."""

import time

import pytest
import torch

from nm_vqtsg.errors import ParameterError
from nm_vqtsg.params import Params, override, with_preset
from nm_vqtsg.planning.budget import CHOSEN, LEAST_STEPS, check_minutes, choose, fitted
from nm_vqtsg.planning.calibration import Costs
from nm_vqtsg.planning.judging import Judging
from nm_vqtsg.planning.plan import CHAIN, job_seconds
from nm_vqtsg.planning.sizes import DataSize

BEST = with_preset(Params(), "best")
COSTS = Costs(0.01, 0.02, 0.015, 0.1, *(1e-4,) * 7)
JUDGING = Judging(0.1, 1e-7, 1e-8, 1e-7, 1e-10, 1e-4, 0.3, 0.01, 0.03, 2e-4, 0.02)
LABELLED, UNLABELLED = DataSize(240, 60, 1, 24, 2), DataSize(240, 60, 1, 24, 0)


def seconds(params: Params, size: DataSize) -> float:
    jobs = job_seconds(params, size, COSTS, JUDGING, 0.0)
    return sum(jobs[step] for step in ("fcn", *CHAIN))


@pytest.mark.parametrize("size", [LABELLED, UNLABELLED])
@pytest.mark.parametrize("minutes", [2, 5, 10, 20])
def test_what_is_chosen_fits_and_uses_the_time(size: DataSize, minutes: int) -> None:
    chosen = fitted(BEST, size, COSTS, JUDGING, 60 * minutes)
    assert 0.85 * 60 * minutes < seconds(chosen, size) < 1.05 * 60 * minutes
    ratio = chosen.stage2.steps / BEST.stage2.steps
    assert chosen.stage1.steps / BEST.stage1.steps == pytest.approx(ratio, rel=0.15)
    assert chosen.stage3.steps / BEST.stage3.steps == pytest.approx(ratio, rel=0.15)
    kept = chosen.model_dump(exclude={"stage1", "stage2", "stage3", "tau_search", "fcn", "evaluate"})
    assert kept == BEST.model_dump(exclude={"stage1", "stage2", "stage3", "tau_search", "fcn", "evaluate"})


def test_more_time_never_gives_fewer_steps_or_fewer_scores() -> None:
    chosen = [fitted(BEST, LABELLED, COSTS, JUDGING, each) for each in (-5, 30, 60, 120, 600, 1200, 10**6)]
    steps = [params.stage1.steps for params in chosen]
    scored = [params.evaluate.network_seeds for params in chosen]
    assert steps == sorted(steps) and scored == sorted(scored) and scored[0] == 0
    assert chosen[0].stage3.steps == chosen[0].tau_search.mapper_steps == LEAST_STEPS
    assert chosen[-1] == BEST


def test_steps_that_were_asked_for_are_never_exceeded() -> None:
    small = override(BEST, ["stage1.steps=30", "stage2.steps=200", "stage3.steps=100", "fcn.max_steps=20"])
    for each in (1, 60, 10**5):
        chosen = fitted(small, LABELLED, COSTS, JUDGING, each)
        assert chosen.stage1.steps == 30 and chosen.stage2.steps <= 200 and chosen.fcn.max_steps == 20
    similar = override(BEST, ["tau_search.choose=similarity"])
    assert fitted(similar, LABELLED, COSTS, JUDGING, 60).tau_search == similar.tau_search


def test_a_calibration_of_this_machine() -> None:
    """Real networks at a real shape."""
    looked = []
    chosen = choose(
        BEST, LABELLED, 600, torch.device("cpu"), time.monotonic(), lambda what, done, total: looked.append(what)
    )
    assert looked == ["one step of each training", "scores"]
    changed = {change.partition("=")[0] for change in chosen.changes}
    assert {"stage1.steps", "stage2.steps", "stage3.steps"} <= changed
    assert override(BEST, list(chosen.changes)) == chosen.params
    assert changed <= {*CHOSEN, *(f"evaluate.{name}" for name in type(BEST.evaluate).model_fields)}
    assert "A training step takes here: of the tokeniser " in chosen.says[0]
    assert f"stage1.steps={chosen.params.stage1.steps}" in chosen.says[1]
    late = choose(BEST, LABELLED, 60, torch.device("cpu"), time.monotonic() - 100)
    assert late.params.stage1.steps == LEAST_STEPS and "too few for this data" in late.says[-1]


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf")])
def test_no_time_is_refused(minutes: float) -> None:
    with pytest.raises(ParameterError, match="are no time; give more than 0"):
        check_minutes(minutes)
