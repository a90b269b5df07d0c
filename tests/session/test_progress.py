"""Progress where people work: a terminal, a log without one, and a notebook."""

from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nm_vqtsg.session import progress
from nm_vqtsg.session.progress import Bar, LogLines, chosen_progress

ROOT = Path(__file__).resolve().parents[2]
FIT = """
from sktime.datasets import load_italy_power_demand
from nm_vqtsg import TimeVQVAE
X = load_italy_power_demand(return_type="numpy3D")[0][:32]
TimeVQVAE({"steps": 5, "codebook_size": 16, "last_width": 16}, {"steps": 4}, device="cpu").fit(X)
"""
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "TERM": "xterm"}


class Clock:
    """Time as a test wants it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def lines_of(total: int, seconds_each: float, clock: Clock, capsys: pytest.CaptureFixture) -> list[str]:
    task = LogLines(logging.getLogger("nobody.listens")).start("work", total)
    for _ in range(total):
        clock.now += seconds_each
        task.advance(1, loss=0.5)
    task.advance(0)  # who only looks whether to stop
    lines: list[str] = capsys.readouterr().err.splitlines()
    return lines


def test_a_log_gets_a_line_for_each_twentieth_or_minute(clock: Clock, capsys: pytest.CaptureFixture) -> None:
    assert len(lines_of(1000, 1.0, clock, capsys)) == 20  # each twentieth takes 50 s
    assert len(lines_of(1000, 10.0, clock, capsys)) == 166 + 1  # a minute each, and the end
    assert len(lines_of(1000, 0.06, clock, capsys)) == 5 + 1  # no more than one in ten seconds
    assert lines_of(20, 0.01, clock, capsys) == ["work: 20/20, 100.0/s, loss 0.5"]
    middle = lines_of(100, 60.0, clock, capsys)[49]
    assert middle == "work: 50/100, 0.0/s, loss 0.5, 0:50:00 left"


def test_lines_go_to_the_log_where_somebody_listens(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    logger = logging.getLogger("somebody.listens")
    with caplog.at_level(logging.INFO, logger.name):
        LogLines(logger).start("work", 1).advance()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["work"]
    assert capsys.readouterr().err == ""


def test_an_estimator_under_nohup_is_not_silent() -> None:
    """No terminal, and nobody has set up logging: a fit used to print nothing for half an hour."""
    done = subprocess.run([sys.executable, "-c", FIT], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert "stage 1: 5/5" in done.stderr and "stage 2: 4/4" in done.stderr and done.stdout == ""


def read_terminal(code: str) -> str:
    """What a program shows on a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], env=ENVIRONMENT, stderr=theirs, stdout=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    assert process.wait() == 0, shown
    return shown.decode()


def test_a_terminal_gets_a_bar() -> None:
    code = """
import logging
from nm_vqtsg.session.progress import chosen_progress
task = chosen_progress("auto", logging.getLogger("nm_vqtsg")).start("work", 3, 1)
task.advance(2, loss=0.25)
task.close()
"""
    shown = read_terminal(code)
    assert "work:" in shown and "3/3" in shown and "loss 0.25" in shown and "100%" in shown


def test_a_bar_goes_on_from_where_a_checkpoint_was(capsys: pytest.CaptureFixture) -> None:
    task = Bar().start("stage 1", 10, 6)
    task.advance(4)
    task.close()
    assert "10/10" in capsys.readouterr().err


@pytest.mark.parametrize(("how", "kind"), [("auto", LogLines), ("lines", LogLines), ("bar", Bar)])
def test_what_is_asked_for_is_chosen(how: str, kind: type, capsys: Callable[[], None]) -> None:
    assert isinstance(chosen_progress(how, logging.getLogger("nobody.listens")), kind)


def test_a_notebook_shows_a_bar() -> None:
    """In a kernel of its own: what a fit writes while it runs stands below its cell."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook()
    check = "from nm_vqtsg.session.progress import in_notebook; print(in_notebook())"
    notebook.cells = [nbformat.v4.new_code_cell(FIT), nbformat.v4.new_code_cell(check)]
    environment = {name: ENVIRONMENT[name] for name in ("PYTHONPATH", "OMP_NUM_THREADS")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    written = "".join(
        output.get("text", "") or str(output.get("data", "")) for output in notebook.cells[0].outputs
    )
    assert "stage 1: 100%" in written and "5/5" in written and "stage 2: 100%" in written
    assert "Warning" not in written
    assert notebook.cells[1].outputs[0].text == "True\n"
