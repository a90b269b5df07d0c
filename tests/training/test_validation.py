"""Looks at held-out data, averaged weights, parts of TRAIN held out: against values known in advance."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nm_vqtsg.errors import DataError
from nm_vqtsg.params import Training
from nm_vqtsg.session import Session
from nm_vqtsg.training.average import InTurn, MovingAverage
from nm_vqtsg.training.loop import fit
from nm_vqtsg.training.validation import Validation, holdout, look_every

LOSSES = {2: 5.0, 4: 2.0, 6: 3.0, 8: 2.0, 10: 4.0, 11: 1.0}


class Weight(nn.Module):
    """One weight, which counts the steps done."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


def watched(patience: int | None = None) -> tuple[Validation, int]:
    """After a training whose losses are `LOSSES`, with a look every two steps; and the steps it took."""
    network = Weight()

    def look(looked_at: nn.Module) -> dict[str, float]:
        assert not looked_at.training
        return {"validation_loss": LOSSES[int(network.weight)], "accuracy": 0.5}

    validation = Validation(network, look, every=2, steps=11, patience=patience)
    for step in range(11):
        network.weight.data += 1
        if validation.after_step(step):
            return validation, step + 1
        assert network.training
    return validation, 11


def test_the_best_look_is_kept_the_last_step_looked_at_and_of_equal_ones_the_first_taken() -> None:
    validation, steps = watched()
    assert steps == 11
    assert validation.history[:, 0].tolist() == list(LOSSES)
    assert (validation.best_step, validation.best_loss) == (11, 1.0)
    assert validation.best["weight"].item() == 11
    validation, steps = watched(patience=3)
    assert steps == 10
    assert (validation.best_step, validation.best["weight"].item()) == (4, 4)


def test_the_start_may_be_the_best() -> None:
    network = Weight()
    validation = Validation(network, lambda watched: {"loss": 1 + network.weight.item()}, every=1, steps=3)
    validation.take(0)
    for step in range(3):
        network.weight.data += 1
        validation.after_step(step)
    assert (validation.best_step, validation.best["weight"].item()) == (0, 0)


def test_looks_are_fifty_of_a_long_training_and_fewer_of_a_short_one() -> None:
    assert [look_every(steps) for steps in (10, 2000, 30_000)] == [100, 100, 600]


def test_the_average_is_that_of_its_recursion() -> None:
    network = nn.BatchNorm1d(1)
    average = MovingAverage(network, 0.5)
    expected = 1.0  # the weight's start
    for step, value in enumerate((2.0, 4.0, 8.0, 16.0, -3.0)):
        network.weight.data.fill_(value)
        assert network.running_mean is not None
        network.running_mean.fill_(value)
        average.after_step(step)
        decay = min(0.5, (step + 1) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert average.network.weight.item() == pytest.approx(expected, rel=1e-6)
    assert average.network.running_mean.item() == -3.0  # what is no weight is taken as it is
    assert not average.network.training and network.training


def test_averages_and_looks_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    X = torch.randn(30, 5, generator=torch.Generator().manual_seed(1))
    target = X.sum(1)

    def trained(session: Session, crash_at: int = -1) -> tuple[Validation, MovingAverage]:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))

        def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
            if step == crash_at:
                raise ZeroDivisionError
            return {"loss": (network(X[rows]).squeeze(1) - target[rows]).square().mean()}

        def look(watched: nn.Module) -> dict[str, float]:
            return {"loss": float((watched(X).squeeze(1) - target).square().mean())}

        average = MovingAverage(network, 0.9)
        validation = Validation(average.network, look, every=5, steps=40)
        budget = Training(steps=40, batch_size=8)
        fit(
            network,
            step_loss,
            n=30,
            budget=budget,
            seed=3,
            session=session,
            callback=InTurn(average, validation),
        )
        return validation, average

    whole, whole_average = trained(Session())
    for crash_at in (3, 23):  # before the first look, and between two
        folder = tmp_path / str(crash_at)
        with pytest.raises(ZeroDivisionError):
            trained(Session(checkpoints=folder, checkpoint_every=0), crash_at)
        resumed, average = trained(Session(checkpoints=folder))
        assert torch.equal(resumed.history, whole.history)
        assert all(torch.equal(resumed.best[name], tensor) for name, tensor in whole.best.items())
        state = average.network.state_dict()
        assert all(torch.equal(state[name], t) for name, t in whole_average.network.state_dict().items())


def test_an_average_leaves_the_training_as_it_is() -> None:
    network = nn.Linear(3, 1)
    before = copy.deepcopy(network.state_dict())
    MovingAverage(network, 0.9).after_step(0)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_every_class_is_held_out_alike_and_series_without_classes_at_random() -> None:
    y = np.array([0] * 50 + [1] * 10 + [2] * 2 + [3])
    fitted, held_out = holdout(63, y, 0.1, 0)
    assert sorted([*fitted, *held_out]) == list(range(63))
    assert np.bincount(y[held_out], minlength=4).tolist() == [5, 1, 1, 0]
    for classes in (None, np.arange(63)):
        fitted, held_out = holdout(63, classes, 0.1, 0)
        assert sorted([*fitted, *held_out]) == list(range(63))
        assert len(held_out) == 6
    assert holdout(63, None, 0.1, 1)[1].tolist() != held_out.tolist()
    with pytest.raises(DataError, match="one series"):
        holdout(1, None, 0.1, 0)
