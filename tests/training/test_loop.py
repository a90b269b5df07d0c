"""Resuming gives the same bytes; damage is named; a stop request is obeyed; NaN is not trained on."""

import logging
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nm_vqtsg.errors import TrainingError, UserError
from nm_vqtsg.params import Training
from nm_vqtsg.session import Session
from nm_vqtsg.session.device import chosen_device
from nm_vqtsg.session.stop import Interrupted
from nm_vqtsg.training.checkpoint import CheckpointFolder
from nm_vqtsg.training.curve import save_curve
from nm_vqtsg.training.loop import fit

BUDGET = Training(steps=60, batch_size=8)
X = torch.randn(30, 5, generator=torch.Generator().manual_seed(1))


class Crash(Exception):
    """Stands for the end of the process."""


class BestWeights:
    """A callback with state, as early stopping has."""

    def __init__(self) -> None:
        self.seen = torch.zeros(2, dtype=torch.int64)

    def tensors(self) -> dict[str, Tensor]:
        return {"seen": self.seen}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        self.seen = tensors["seen"].clone()

    def after_step(self, step: int) -> bool:
        self.seen += torch.tensor([1, step])
        return False


def train(session: Session, crash_at: int = -1, callback: BestWeights | None = None, poison_at: int = -1):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))

    def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
        if step == crash_at:
            raise Crash
        noise = torch.randn((), generator=rng)
        loss = (module(X[rows]).squeeze(1) - X[rows].sum(1) + noise).square().mean()
        return {"loss": loss * math.nan if step == poison_at else loss, "noise": noise}

    curve = fit(module, step_loss, n=30, budget=BUDGET, seed=3, session=session, callback=callback)
    return module.state_dict(), curve


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("crash_at", [1, 17, 33, 59])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, crash_at: int) -> None:
    whole, whole_curve = train(Session(log_every=7), callback=(first := BestWeights()))
    folder = CheckpointFolder(tmp_path)
    with pytest.raises(Crash):
        train(Session(log_every=7, checkpoints=folder.folder, checkpoint_every=0), crash_at, BestWeights())
    assert folder.latest() is not None
    resumed, curve = train(Session(log_every=7, checkpoints=folder.folder), callback=(second := BestWeights()))
    assert equal(whole, resumed)
    assert curve == whole_curve
    assert torch.equal(first.seen, second.seen)
    save_curve(tmp_path / "a.tsv", whole_curve)
    save_curve(tmp_path / "b.tsv", curve)
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()


def test_training_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 1), nn.Dropout(0.5))
    expected = torch.random.get_rng_state()
    budget = Training(steps=3, batch_size=4, learning_rate=0.1, learning_rate_min=0.1)
    fit(module, lambda rows, *_: {"loss": module(X[rows]).mean()}, n=30, budget=budget, seed=0)
    assert torch.equal(torch.random.get_rng_state(), expected)


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole, _ = train(Session())
    folder = CheckpointFolder(tmp_path)
    with pytest.raises(Crash):
        train(Session(checkpoints=folder.folder, checkpoint_every=0), crash_at=20)
    newest = folder.latest()
    assert newest is not None
    content = bytearray(newest.read_bytes())
    if damage == "truncate":
        content = content[:-10]
    else:
        content[-3] ^= 1
    newest.write_bytes(content)
    with caplog.at_level(logging.INFO, "nm_vqtsg"):
        resumed, _ = train(Session(checkpoints=folder.folder))
    assert newest.name in caplog.text and "going on from step 19" in caplog.text
    assert equal(whole, resumed)


def test_checkpoints_of_other_data_or_budget_are_not_used(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    with pytest.raises(Crash):
        train(Session(checkpoints=folder.folder, checkpoint_every=0), crash_at=20)
    assert folder.load("another run") is None


def test_at_most_two_checkpoints_are_kept(tmp_path: Path) -> None:
    train(Session(checkpoints=tmp_path, checkpoint_every=0))
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_a_stop_request_saves_and_ends(tmp_path: Path) -> None:
    whole, _ = train(Session())
    folder = CheckpointFolder(tmp_path)
    session = Session(checkpoints=folder.folder)
    session.stop.request(signal.SIGTERM)
    with pytest.raises(Interrupted) as caught:
        train(session)
    assert caught.value.exit_status == 143
    assert folder.latest() is not None
    resumed, _ = train(Session(checkpoints=folder.folder))
    assert equal(whole, resumed)


def test_a_loss_that_is_not_finite_stops_with_step_rate_and_checkpoint(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    with pytest.raises(TrainingError, match=r"step 40 \(learning rate 0\.0\d+\).*step-0000000\d\d"):
        train(Session(checkpoints=folder.folder, checkpoint_every=0), poison_at=40)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_named() -> None:
    assert chosen_device("auto") == torch.device("cpu")
    with pytest.raises(UserError, match="no CUDA device"):
        chosen_device("cuda")


KILLED = """
import sys, torch
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_loop import train, Session
import nm_vqtsg.artifacts as artifacts
state, _ = train(Session(checkpoints=Path({folder!r}), checkpoint_every=0))
artifacts.save_model({out!r}, state, {{}})
"""


def test_kill_nine_at_any_moment_and_go_on(tmp_path: Path) -> None:
    """A real process, really killed, also while it saves (it saves at every step)."""

    def start(folder: str, out: str) -> subprocess.Popen[bytes]:
        code = KILLED.format(
            tests=str(Path(__file__).parent), folder=str(tmp_path / folder), out=str(tmp_path / out)
        )
        return subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"OMP_NUM_THREADS": "1"})

    assert start("whole", "whole.safetensors").wait(60) == 0
    process = start("killed", "killed.safetensors")
    deadline = time.monotonic() + 60
    while not list((tmp_path / "killed").glob("step-0000000[1-5]*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "killed.safetensors").exists()
    assert start("killed", "killed.safetensors").wait(60) == 0
    assert (tmp_path / "killed.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
