"""`dvc exp run`, in the workspace, beside it and queued."""

from __future__ import annotations

import json

import pytest

from .conftest import Workspace, jobs

pytestmark = pytest.mark.engines

AFTER_GRID = "tau_search stage3 evaluate plot tables"


def test_an_experiment_with_the_papers_grid(done: Workspace) -> None:
    done.set(tau_grid=[2, 4])
    done.snakemake()
    assert done.ran() == jobs(AFTER_GRID)
    done.call("sed", "-i", "s/^tau_grid:/tau_grid:  # temperatures to try/", "params.yaml")
    done.git("add", ".")
    done.git("commit", "--quiet", "--message=Another grid")

    done.dvc("exp", "run", "-S", "tau_grid=[0.1,0.5,1,2,4]")
    assert jobs("tau_search evaluate plot tables") <= done.ran() <= jobs(AFTER_GRID)
    done.assert_idle()
    assert "tau_grid:  # temperatures to try" in (done.path / "params.yaml").read_text()

    shown = done.dvc("exp", "show", "--json")
    for number in ("tau", "fid_mapped", "is_mapped", "cfid_mapped"):
        assert number in shown
    assert "metrics.json" in done.dvc("metrics", "diff", "HEAD")


def test_an_experiment_of_few_steps(done: Workspace) -> None:
    done.dvc("exp", "run", "-S", "stage3.steps=5")
    assert done.ran() == jobs("stage3 evaluate plot tables")
    done.assert_idle()


def test_experiments_beside_the_workspace(done: Workspace) -> None:
    before = (done.path / "results/metrics.json").read_bytes()
    done.dvc("exp", "run", "--temp", "--name", "beside", "-S", "stage3.steps=5")
    done.dvc("exp", "run", "--queue", "--name", "queued", "-S", "evaluate.bootstrap=3")
    done.dvc("exp", "run", "--run-all")
    assert done.ran() == set()  # nothing ran here
    assert (done.path / "results/metrics.json").read_bytes() == before
    done.assert_idle()

    names = {row.get("name") for row in experiments(json.loads(done.dvc("exp", "show", "--json")))}
    assert {"beside", "queued"} <= names
    done.dvc("exp", "apply", "beside")
    assert "steps: 5" in (done.path / "params.yaml").read_text()
    done.assert_idle()
    assert (done.path / "results/metrics.json").read_bytes() != before


def experiments(shown: list) -> list[dict]:
    """The experiments below each revision."""
    return [row for revision in shown for row in revision.get("experiments") or []]
