"""The schedule of the paper: linear warm-up, then a cosine, one step of it per optimiser step."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from nm_vqtsg.params import Training
from nm_vqtsg.training.order import BatchOrder
from nm_vqtsg.training.schedule import make_optimizer, make_schedule
from nm_vqtsg.training.seeds import derive_seed

BUDGET = Training(steps=1000)


def rates(budget: Training) -> list[float]:
    optimizer = make_optimizer(nn.Linear(1, 1), budget)
    schedule, seen = make_schedule(optimizer, budget), []
    for _ in range(budget.steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_rises_linearly_then_falls_to_the_minimum() -> None:
    seen = rates(BUDGET)
    assert seen[0] == pytest.approx(0.005 / 51)
    assert seen[49] == pytest.approx(0.005 * 50 / 51)
    assert seen[50] == pytest.approx(0.005)
    assert seen[-1] == pytest.approx(0.0005)
    assert all(a > b for a, b in pairwise(seen[50:]))
    middle = seen[50 + (999 - 50) // 2]
    assert middle == pytest.approx((0.005 + 0.0005) / 2, rel=5e-3)


@pytest.mark.parametrize("steps", [1, 2, 19, 20])
def test_short_budgets_have_positive_rates(steps: int) -> None:
    assert min(rates(Training(steps=steps))) > 0


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (3, 10), (7, 7), (1, 4)])
def test_each_epoch_holds_every_row_once(n: int, batch_size: int) -> None:
    order = BatchOrder(n, batch_size, seed=5)
    stream = torch.cat([order.rows(step) for step in range(3 * n)])
    assert all(len(order.rows(step)) == batch_size for step in range(4))
    for epoch in range(len(stream) // n):
        assert sorted(stream[epoch * n : (epoch + 1) * n].tolist()) == list(range(n))


def test_any_batch_can_be_asked_for_alone() -> None:
    fresh = BatchOrder(10, 3, seed=5)
    in_turn = BatchOrder(10, 3, seed=5)
    batches = [in_turn.rows(step) for step in range(20)]
    assert torch.equal(fresh.rows(17), batches[17])
    assert not torch.equal(batches[0], BatchOrder(10, 3, seed=6).rows(0))


def test_seeds_of_different_parts_differ() -> None:
    seeds = {derive_seed(0, "step", step) for step in range(1000)}
    assert len(seeds) == 1000
    assert derive_seed(1, 11) != derive_seed(11, 1)
