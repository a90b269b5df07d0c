"""Generators of other projects: settings, what is refused without their package, and what they draw with it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from sktime.datasets import load_italy_power_demand

from nm_vqtsg.errors import ParameterError, UserError
from nm_vqtsg.generators.baseline import Baseline
from nm_vqtsg.generators.baselines import BASELINES
from nm_vqtsg.session import Session
from nm_vqtsg.session.stop import Interrupted
from nm_vqtsg.training.seeds import new_rng

SHORT = {"ddpm": ["steps=4", "batch_size=8", "sampling_steps=3"], "par": ["epochs=3"]}
X, Y = load_italy_power_demand(return_type="numpy3D")
SERIES = torch.from_numpy((X[:24, :, :22] - X.mean()) / X.std()).float()
CLASSES = torch.from_numpy(Y[:24].astype(int) - 1)


def installed(name: str) -> None:
    package = BASELINES[name].package
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed (the extra `baselines`)")


def fitted(name: str, seed: int = 0, y: torch.Tensor | None = CLASSES) -> Baseline:
    model = BASELINES[name].of_changes(SHORT[name])
    model.fit(SERIES, y, seed, Session())
    return model


def drawn(model: Baseline, n: int, y: torch.Tensor | None = None, seed: int = 1) -> torch.Tensor:
    return model.sample(n, y, rng=new_rng(seed), session=Session())


@pytest.mark.parametrize("name", BASELINES)
def test_series_of_the_right_shape_and_the_same_for_a_seed(name: str) -> None:
    """Of 22 values, which no network takes as they are; in a world whose own random numbers do not move."""
    installed(name)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model = fitted(name)
    samples = drawn(model, 3)
    assert samples.shape == (3, 1, 22) and samples.dtype == torch.float32 and samples.isfinite().all()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(drawn(fitted(name), 3), samples)
    assert not torch.equal(drawn(model, 3, seed=2), samples)
    assert not torch.equal(drawn(fitted(name, seed=1), 3), samples)
    assert model.n_weights > 1000


def test_a_class_is_the_context_of_par() -> None:
    installed("par")
    model = fitted("par")
    assert drawn(model, 2, torch.tensor([0, 1])).shape == (2, 1, 22)
    with pytest.raises(KeyError):
        drawn(model, 1, torch.tensor([2]))
    assert drawn(fitted("par", y=None), 2).shape == (2, 1, 22)


def test_several_channels() -> None:
    installed("ddpm")
    model = BASELINES["ddpm"].of_changes(SHORT["ddpm"])
    model.fit(SERIES[:, :, :7].repeat(1, 3, 1), None, 0, Session())
    assert drawn(model, 2).shape == (2, 3, 7)


@pytest.mark.parametrize("name", BASELINES)
def test_a_training_obeys_the_wish_to_stop(name: str) -> None:
    installed(name)
    session = Session()
    session.stop.request(15)
    with pytest.raises(Interrupted):
        BASELINES[name].of_changes(SHORT[name]).fit(SERIES, CLASSES, 0, session)


def test_a_diffusion_that_was_stopped_goes_on_to_the_same_series(tmp_path: Path) -> None:
    installed("ddpm")
    whole = fitted("ddpm")
    session = Session(checkpoints=tmp_path, checkpoint_every=0.0)
    session.stop.request(15)
    with pytest.raises(Interrupted):
        BASELINES["ddpm"].of_changes(SHORT["ddpm"]).fit(SERIES, None, 0, session)
    assert list(tmp_path.glob("step-000000001.*"))
    model = BASELINES["ddpm"].of_changes(SHORT["ddpm"])
    model.fit(SERIES, None, 0, Session(checkpoints=tmp_path))
    assert torch.equal(drawn(model, 3), drawn(whole, 3))


@pytest.mark.parametrize("name", BASELINES)
def test_without_its_package_it_says_how_to_get_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, BASELINES[name].package, None)
    with pytest.raises(UserError, match=rf"^{name}: .*pip install 'nm-vqtsg\[baselines\]'$"):
        BASELINES[name].of_changes(SHORT[name]).fit(SERIES, CLASSES, 0, Session())


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("ddpm", "stepz=1", r"'ddpm.stepz=1': write ddpm.key=value with one of steps, batch_size"),
        ("ddpm", "steps", "write ddpm.key=value"),
        ("ddpm", "steps=0", r"ddpm.steps: .*greater than 0, found 0"),
        ("ddpm", "steps=[", "ddpm.steps"),
        ("par", "epochs=many", "par.epochs: .*integer, found 'many'"),
    ],
)
def test_settings_that_cannot_be(name: str, change: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        BASELINES[name].of_changes([change])


def test_settings_are_the_defaults_where_nothing_is_said() -> None:
    assert BASELINES["par"].of_changes().config.epochs == 128
    assert BASELINES["ddpm"].of_changes(["steps=7"]).config.steps == 7
