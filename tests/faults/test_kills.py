"""`kill -9` of a real step at any moment, then the same command again: the same bytes as without it."""

from __future__ import annotations

import random
import time

import pytest

from .conftest import TRAINED, Study, same_files, wait_for

KILLS = 20


def kill_once(study: Study, step: str, rng: random.Random, stride: int, while_saving: bool) -> bool | None:
    """Start a step and kill it some training steps later.

    Returns whether it left a half-written checkpoint; None if it had ended before.
    """
    # a checkpoint at every step keeps the process busy with saving; in between, it is seldom caught at it
    every = "0" if while_saving else "0.05"
    process = study.start(step, "--checkpoint-every", every)
    target = study.steps_saved(step) + rng.randint(1, stride)
    wait_for(lambda: study.steps_saved(step) >= target, process)
    if while_saving:
        wait_for(study.temporary_files, process)
    else:
        time.sleep(rng.uniform(0, 0.05))
    process.kill()
    process.communicate()
    return None if process.returncode == 0 else bool(study.temporary_files())


def train_with_kills(study: Study, step: str, kills: int, stride: int = 8) -> tuple[int, int, int]:
    """Kill a step so often, then let it end; kills, those that hit a save, and the last step of training lost."""
    rng = random.Random(step)
    study.forget(step)
    hits = 0
    for count in range(kills):
        hit = kill_once(study, step, rng, stride, while_saving=count % 2 == 0)
        assert hit is not None, f"{step} ended after {count} kills; give it more steps"
        hits += hit
        assert not any(path.exists() for path in study.outputs(step))
    resumed = study.steps_saved(step)
    study.run(step)
    return kills, hits, resumed


@pytest.mark.faults
@pytest.mark.attacks(KILLS)
@pytest.mark.parametrize("step", TRAINED)
def test_twenty_kills_of_a_stage(study: Study, whole: Study, step: str) -> None:
    kills, hits, resumed = train_with_kills(study, step, KILLS)
    print(f"{step}: {kills} kills, {hits} of them during a save, the last one after step {resumed} of 300")
    assert hits >= KILLS // 4
    assert study.log(step).count("going on from step") >= KILLS
    same_files(study.files(), whole.files())
    assert not study.checkpoints(step) and not study.temporary_files()


def test_a_killed_stage_goes_on_to_the_same_bytes(begun: Study) -> None:
    expected = begun.files()
    train_with_kills(begun, "stage1", kills=2, stride=30)
    same_files(begun.files(), expected)
    assert not begun.checkpoints("stage1") and not begun.temporary_files()


@pytest.mark.faults
def test_a_judge_that_was_killed_when_it_had_stopped_early(study: Study) -> None:
    """The wish to end is part of the checkpoint: a killed run must not train on beyond it."""
    study.set({"fcn.patience": 1, "fcn.max_steps": 2000, "fcn.learning_rate": 0.02})
    study.forget("fcn")
    study.run("fcn", "--checkpoint-every", "0")
    expected = study.files()
    steps = int(study.files()["results/ItalyPowerDemand/fcn_curve.tsv"].splitlines()[-1].split()[0])
    assert steps < 2000, "it did not stop early"
    study.forget("fcn")
    process = study.start("fcn", "--checkpoint-every", "0")
    wait_for(lambda: study.steps_saved("fcn") >= steps, process)
    process.kill()
    process.communicate()
    study.run("fcn")
    same_files(study.files(), expected)


@pytest.mark.faults
@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty", "both"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(study: Study, whole: Study, damage: str) -> None:
    study.forget("stage1")
    kill_once(study, "stage1", random.Random(0), 20, while_saving=True)
    before, newest = study.checkpoints("stage1")
    content = bytearray(newest.read_bytes())
    if damage == "one bit":
        content[-5] ^= 4
    newest.write_bytes(content[: {"truncated": len(content) // 2, "empty": 0}.get(damage, len(content))])
    if damage == "both":
        for path in (before, newest):
            path.write_bytes(b"x")
    lines = study.run("stage1")
    assert f"checkpoint passed over: {newest.relative_to(study.folder)}" in lines
    if damage == "both":
        assert str(before.relative_to(study.folder)) in lines and "going on" not in lines
    else:
        assert f"going on from step {int(before.stem[5:])} " in lines
    same_files(study.files(), whole.files())
