"""One engine at a time in a study; experiments beside it are free."""

from __future__ import annotations

import platform

import pytest

from .conftest import Workspace, jobs
from .test_kills import stage_processes, start, wait_for

pytestmark = pytest.mark.engines


def test_dvc_is_refused_while_snakemake_runs(done: Workspace) -> None:
    done.set(stage3__steps=60)
    engine = start(done, "snakemake")
    wait_for(lambda: stage_processes(done, "stage3"))
    refused = done.dvc("repro", check=False)
    assert "snakemake is running this study" in refused and f"(PID {engine.pid})" in refused
    again = done.snakemake(check=False)
    assert again.splitlines()[-1].startswith(f"Error: process {engine.pid} on {platform.node()} is at work")
    assert "modified" in done.dvc("status")
    done.dvc("exp", "run", "--temp", "-S", "evaluate.bootstrap=3", "-S", "stage3.steps=3")
    assert engine.wait(timeout=7200) == 0, (done.path / "snakemake.out").read_text()
    assert done.ran() == jobs("stage3 evaluate plot tables")
    done.assert_idle()


def test_snakemake_is_refused_while_dvc_runs(done: Workspace) -> None:
    done.set(stage3__steps=60)
    engine = start(done, "dvc")
    wait_for(lambda: stage_processes(done, "stage3"))
    refused = done.snakemake(check=False)
    said = f"Error: process {engine.pid} is at work on this study (dvc repro); wait or stop it"
    assert refused.splitlines()[-1] == said
    assert engine.wait(timeout=7200) == 0
    assert done.ran() == jobs("stage3 evaluate plot tables")
    done.assert_idle()
