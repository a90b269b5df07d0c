"""The numbers of attacks in docs/reliability.md are those of the tests."""

import os
import subprocess
import sys
from pathlib import Path

import attacks
import pytest

LOG = """\
#50045 DONE cov: 2917 ft: 9042 corp: 1371/60Kb
Test unit written to build/fuzz/crash-0a1b
artifact_prefix='build/fuzz/'; Test unit written to build/fuzz/crash-0a1b
Done 50045 runs in 601 second(s)
"""


def test_the_page_is_current() -> None:
    """In a process of its own, since pytest collects the tests there."""
    path = os.pathsep.join([str(Path(attacks.__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", "import attacks, sys; sys.stdout.write(attacks.page())"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert attacks.PAGE.read_text(encoding="utf-8") == done.stdout, "run python scripts/attacks.py"


def test_what_the_log_of_a_fuzzer_says() -> None:
    assert attacks.run_of(LOG) == {"seconds": 601, "cases": 50045, "crashes": 1}


@pytest.mark.attacks(7)
def test_a_case_counts_as_often_as_it_says(request: pytest.FixtureRequest) -> None:
    assert attacks.attacks_of(request.node) == 7
