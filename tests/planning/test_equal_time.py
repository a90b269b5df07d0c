"""The same time of a processor for generators that are compared."""

import pytest
import torch
from row_baseline import STEP_S, Rows

from nm_vqtsg.params import Params, override, with_preset
from nm_vqtsg.planning import budget as module
from nm_vqtsg.planning.baseline import length_within
from nm_vqtsg.planning.budget import GENERATION, LEAST_STEPS, choose_alike
from nm_vqtsg.planning.calibration import Costs
from nm_vqtsg.planning.judging import Judging
from nm_vqtsg.planning.plan import job_seconds
from nm_vqtsg.planning.sizes import DataSize
from nm_vqtsg.session import Session
from nm_vqtsg.session.stop import Interrupted

BEST = with_preset(Params(), "best")
COSTS = Costs(0.01, 0.02, 0.015, 0.1, *(1e-4,) * 7)
JUDGING = Judging(0.1, 1e-7, 1e-8, 1e-7, 1e-10, 1e-4, 0.3, 0.01, 0.03, 2e-4, 0.02)
SIZE = DataSize(240, 60, 1, 24, 2)
CPU = torch.device("cpu")


@pytest.mark.parametrize("seconds", [60, 300, 10**6])
def test_steps_take_the_time_that_another_generator_has(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    monkeypatch.setattr(module, "measure", lambda *_, **__: COSTS)
    monkeypatch.setattr(Judging, "measure", lambda _: JUDGING)
    choice = choose_alike(BEST, SIZE, seconds, CPU)
    jobs = job_seconds(choice.params, SIZE, COSTS, JUDGING, 0.0)
    assert choice.training == pytest.approx(sum(jobs[step] for step in GENERATION))
    if seconds == 10**6:
        assert choice.params == BEST and choice.changes == ()
    else:
        assert 0.8 * seconds < choice.training <= 1.02 * seconds
    assert override(BEST, choice.changes) == choice.params
    assert choice.params.fcn == BEST.fcn and choice.params.evaluate == BEST.evaluate


def test_another_projects_generator_gets_what_it_can_do_in_the_time() -> None:
    x = torch.zeros(20, 1, 12)
    length, says = length_within(Rows.of_changes(), x, None, 100, 2.0, Session())
    assert length == pytest.approx(2.0 / STEP_S, rel=0.25) and f"Chosen: rows.steps={length}" in says[1]
    length, says = length_within(Rows.of_changes(["steps=70"]), x, None, 100, 2.0, Session())
    assert length == 70 and says[1] == "All 70 fit into the time."
    length, says = length_within(Rows.of_changes(), x, None, 100, 0.01, Session())
    assert length == LEAST_STEPS and "is too short for this data" in says[-1]
    session = Session()
    session.stop.request(15)
    with pytest.raises(Interrupted):
        length_within(Rows.of_changes(), x, None, 100, 2.0, session)
