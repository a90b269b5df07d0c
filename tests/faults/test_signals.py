"""SIGTERM and SIGINT: every step ends within ten seconds with status 143 or 130, and the next run goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from .conftest import STEPS, TRAINED, Study, same_files, wait_for

WITHIN_S = 10
LONG = {  # so much work that a signal finds each step in the midst of it
    "fcn.max_steps": 100000,
    "fcn.epochs": 100000,
    "fcn.batch_size": 2,  # an epoch of four hundred steps
    "fcn.patience": 100000,
    "stage1.steps": 100000,
    "stage2.steps": 100000,
    "stage3.steps": 100000,
    "sample.n_samples": 200000,
    "tau_search.n_train": 800,
    "tau_grid": [0.1 * k for k in range(1, 40)],
    "rocket.n_kernels": 2000,
    "evaluate.bootstrap": 20000,
    "plot.n_pairs": 200,
}


def stop(study: Study, step: str, number: int, after_s: float, *options: str) -> tuple[int, str, float]:
    """Start a step, let it work, send a signal: exit status, standard error, seconds it took to end."""
    process = study.start(step, *options)
    already = study.log(step).count("begins")
    wait_for(lambda: study.log(step).count("begins") > already, process)
    if "--checkpoint-every" in options:  # training is to be under way
        wait_for(lambda: study.steps_saved(step), process)
    time.sleep(after_s)
    sent = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors, time.monotonic() - sent


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("step", STEPS)
def test_every_step_obeys(study: Study, whole: Study, step: str, number: signal.Signals) -> None:
    study.set(LONG)
    study.forget(step)
    before = study.files()
    delays = random.Random(f"{step}{number}")
    for after_s in (0, delays.uniform(0.5, 6)) if step not in ("download", "resplit", "tables") else (0,):
        status, errors, seconds = stop(study, step, number, after_s)
        assert status == 128 + number, errors
        last = errors.strip().splitlines()[-1]  # of the last resort where a busy machine takes long to load code
        assert last.startswith("stopped ") and "run the same command again" in last, errors
        assert "Traceback" not in errors
        assert seconds < WITHIN_S
        same_files(study.files(), before)
        assert not study.temporary_files()
    study.set({})
    study.run(step)
    same_files(study.files(), whole.files())


@pytest.mark.faults
@pytest.mark.parametrize("step", TRAINED)
def test_the_next_run_goes_on_from_the_step_that_was_saved(study: Study, whole: Study, step: str) -> None:
    study.forget(step)
    status, _, _ = stop(study, step, signal.SIGTERM, 0.1, "--checkpoint-every", "0.1")
    assert status == 143
    saved = study.steps_saved(step)
    assert saved > 0
    assert f"going on from step {saved} " in study.run(step)
    same_files(study.files(), whole.files())


def test_a_stopped_stage_saves_and_goes_on(begun: Study) -> None:
    expected = begun.files()
    begun.forget("stage1")
    status, errors, _ = stop(begun, "stage1", signal.SIGTERM, 0.1, "--checkpoint-every", "0.1")
    assert status == 143 and "stopped by SIGTERM; run the same command again" in errors, errors
    assert f"going on from step {begun.steps_saved('stage1')} " in begun.run("stage1")
    same_files(begun.files(), expected)


DEAF = """
import hashlib
from nm_vqtsg.session import stop
stop.GRACE_S = 0.5
request = stop.StopRequest()
with request.listening(), request.held_back():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"salt", 2**31 - 1)  # minutes in one call
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_one_long_call_of_compiled_code_cannot_hold_the_process(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert b"long computation; run the same command again" in errors
