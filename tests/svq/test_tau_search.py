"""The search for tau."""

import math

import numpy as np
import pytest
import torch
from patch_generator import PatchGenerator, waves
from torch import Tensor

from nm_vqtsg.errors import ParameterError
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.session import Session
from nm_vqtsg.session.progress import Task
from nm_vqtsg.svq import advice
from nm_vqtsg.svq.tau_search import TauCurve, search_tau

GRID = (0.03, 0.1, 0.3, 1.0)


def plain_features(X: np.ndarray) -> np.ndarray:
    """Values and steps: enough to tell temperatures apart, and cheap."""
    return np.concatenate([X, np.diff(X, axis=2)], 2)[:, 0]


def planted(tau: float, n: int = 200) -> tuple[PatchGenerator, Tensor, Tensor]:
    x = waves(n)
    generator = PatchGenerator(x, tau=tau)
    return generator, x, generator.sample(n, rng=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("tau", GRID)
def test_finds_the_temperature_at_which_the_samples_were_drawn(tau: float) -> None:
    generator, x, x_hat = planted(tau)
    curve = search_tau(generator, x, x_hat, GRID, plain_features)
    assert curve.tau == tau
    assert curve.at_edge == (tau in (GRID[0], GRID[-1]))


def test_finds_it_on_rocket_features_too() -> None:
    generator, x, x_hat = planted(0.3)
    rocket = RocketFeatures(1, 24, n_kernels=30, seed=0)
    assert search_tau(generator, x, x_hat, GRID, rocket).tau == 0.3


def test_a_temperature_is_judged_alike_in_any_grid() -> None:
    generator, x, x_hat = planted(0.3, 150)
    one = search_tau(generator, x, x_hat, [0.3], plain_features)
    many = search_tau(generator, x, x_hat, [4, 0.3, 0.1], plain_features)
    assert many.grid == (0.1, 0.3, 4.0)
    assert many.fid[1] == one.fid[0]
    assert not one.at_edge


def test_the_curve_is_the_plain_fid_of_one_draw() -> None:
    generator, x, x_hat = planted(0.3, 150)
    seen: list[np.ndarray] = []

    def features(X: np.ndarray) -> np.ndarray:
        seen.append(plain_features(X))
        return seen[-1]

    curve = search_tau(generator, x, x_hat, [0.3], features)
    assert curve.fid[0] == pytest.approx(fid(seen[0], np.concatenate(seen[1:])), rel=1e-9)


def test_equal_seeds_give_equal_curves() -> None:
    generator, x, x_hat = planted(0.3, 100)
    first, again, other = (search_tau(generator, x, x_hat, GRID, plain_features, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_subset_of_train_is_used_only_when_asked_for() -> None:
    generator, x, x_hat = planted(0.3, 200)
    encoded = generator.encoded
    assert search_tau(generator, x, x_hat, GRID, plain_features).n_train == 200
    assert generator.encoded - encoded == 200
    assert search_tau(generator, x, x_hat, GRID, plain_features, n_train=50).n_train == 50
    assert search_tau(generator, x, x_hat, GRID, plain_features, n_train=999).n_train == 200


def test_progress_counts_the_series_of_all_temperatures() -> None:
    tasks: list[Task] = []

    class Record:
        def start(self, description: str, total: int, done: int = 0) -> Task:
            tasks.append(Task(description, total, done))
            return tasks[-1]

    generator, x, x_hat = planted(0.3, 60)
    curve = search_tau(generator, x, x_hat, GRID, plain_features, session=Session(progress=Record()))
    assert tasks[0].done == tasks[0].total == 60 * len(GRID)
    assert tasks[0].numbers == {"tau": GRID[-1], "fid": curve.fid[-1]}


@pytest.mark.parametrize("grid", [[], [0.0, 1], [-1.0], [math.nan]])
def test_impossible_grids_are_refused(grid: list[float]) -> None:
    generator, x, x_hat = planted(0.3, 20)
    with pytest.raises(ParameterError, match="tau"):
        search_tau(generator, x, x_hat, grid, plain_features)


def test_the_warning_names_a_wider_grid() -> None:
    def warnings(fid: tuple[float, ...]) -> list[str]:
        curve = TauCurve((0.1, 0.5, 1), fid, 10, 10)
        return advice.warnings({"grid": curve.grid, "tau": curve.tau, "at_edge": curve.at_edge})

    (low,) = warnings((1, 2, 3))
    assert "lowest" in low and "tau_grid=[0.01,0.03,0.1,0.5,1]" in low
    (high,) = warnings((3, 2, 1))
    assert "highest" in high and "tau_grid=[0.1,0.5,1,2,4]" in high
    assert TauCurve((0.1, 0.5, 1), (2, 2, 3), 10, 10).tau == 0.1
    assert warnings((3, 1, 1)) == []
