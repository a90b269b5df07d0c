"""`dvc exp run`, in the workspace, beside it and queued."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import DATASETS, Workspace, jobs

pytestmark = pytest.mark.engines


def test_an_experiment_with_the_papers_grid(done: Workspace) -> None:
    """Exactly as the README has it, started from another grid so that there is something to do."""
    before = (done.path / "params.yaml").read_text()
    done.dvc("exp", "run", "-S", "tau_grid=[0.1,0.5,1,2,4]")
    ran = done.ran()
    assert jobs("tau_search evaluate plot tables") <= ran <= jobs("tau_search stage3 evaluate plot tables")
    after = (done.path / "params.yaml").read_text()
    assert after == before.replace("- 0.5\n- 2\n", "- 0.5\n- 1\n- 2\n- 4\n")  # comments and all
    for name in DATASETS:
        curve = json.loads((done.path / f"results/{name}/seed0/tau_curve.json").read_text())
        assert curve["grid"] == [0.1, 0.5, 1, 2, 4]
    done.assert_idle()

    row = next(row for row in experiments(done) if row["revs"])
    numbers = row["revs"][0]["data"]["metrics"]["results/metrics.json"]["data"]
    assert set(numbers) >= set(DATASETS)
    for name in DATASETS:
        assert numbers[name]["tau"] in (0.1, 0.5, 1, 2, 4)
        assert all(numbers[name][f"{score}_mapped"] > 0 for score in ("fid", "is", "cfid"))
    table = done.dvc("exp", "show", "--csv").splitlines()[0]
    assert all(f"GunPoint.{score}" in table for score in ("tau", "fid_mapped", "is_mapped", "cfid_mapped"))


def test_an_experiment_of_some_steps(done: Workspace) -> None:
    """DVC writes a small number with an exponent, which YAML 1.1 takes for a text."""
    done.dvc("exp", "run", "-S", "stage3.steps=100", "-S", "stage3.learning_rate_min=0.00001")
    assert "  learning_rate_min: 1e-05 " in (done.path / "params.yaml").read_text().split("\nstage3:")[1]
    rest = jobs(
        "stage3 evaluate plot tables"
    )  # what the search's mappers share with stage 3 may change its choice
    assert done.ran() == rest | jobs("tau_search")
    done.assert_idle()


def test_experiments_beside_the_workspace(done: Workspace) -> None:
    before = (done.path / "results/metrics.json").read_bytes()
    done.dvc("exp", "run", "--temp", "--name", "beside", "-S", "stage3.steps=5")
    done.dvc("exp", "run", "--queue", "--name", "queued", "-S", "evaluate.bootstrap=3")
    done.dvc("exp", "run", "--run-all")
    assert done.ran() == set()  # nothing ran here
    assert (done.path / "results/metrics.json").read_bytes() == before
    done.assert_idle()

    assert {"beside", "queued"} <= {row["name"] for row in experiments(done)}
    parameters = (done.path / "params.yaml").read_text()
    first, rest = parameters.split("\nstage3:")
    done.dvc("exp", "apply", "beside")
    expected = f"{first}\nstage3:" + rest.replace("  steps: 3 ", "  steps: 5 ", 1)
    assert (done.path / "params.yaml").read_text() == expected  # comments and all
    done.assert_idle()
    assert (done.path / "results/metrics.json").read_bytes() != before


def experiments(workspace: Workspace) -> list[dict[str, Any]]:
    """What `dvc exp show` lists below each revision."""
    shown = json.loads(workspace.dvc("exp", "show", "--json"))
    return [row for revision in shown for row in revision.get("experiments") or []]
