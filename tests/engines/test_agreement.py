"""Whatever one engine did, the other knows; what changed reruns, and nothing else."""

from __future__ import annotations

import json

import pytest

from .conftest import Workspace, jobs

pytestmark = pytest.mark.engines

FROM_STAGE3 = "stage3 evaluate plot tables"


def run(workspace: Workspace, engine: str) -> None:
    workspace.snakemake() if engine == "snakemake" else workspace.dvc("repro")


ENGINES = pytest.mark.parametrize("engine", ["snakemake", "dvc"])


def test_a_full_run_of_snakemake_leaves_dvc_idle(done: Workspace) -> None:
    done.assert_idle()
    assert done.git("status", "--porcelain") == ""


def test_a_full_run_of_dvc_leaves_snakemake_idle(fresh: Workspace) -> None:
    fresh.dvc("repro")
    assert len(fresh.ran()) == 21
    fresh.assert_idle()


def chosen_tau(workspace: Workspace) -> dict[str, float]:
    return {
        str(path): json.loads(path.read_text())["tau"]
        for path in sorted(workspace.study.glob("results/*/seed0/tau.json"))
    }


@ENGINES
def test_another_tau_retrains_the_mapper(done: Workspace, engine: str) -> None:
    before = chosen_tau(done)
    done.set(tau_grid=[2, 4])
    assert done.planned() == jobs(f"tau_search {FROM_STAGE3}")
    run(done, engine)
    assert all(chosen_tau(done)[path] != tau for path, tau in before.items())
    assert done.ran() == jobs(f"tau_search {FROM_STAGE3}")
    done.assert_idle()


@ENGINES
def test_the_same_tau_from_another_grid_trains_nothing(done: Workspace, engine: str) -> None:
    done.set(tau_grid=[0.1, 0.5, 8000])
    before, weights = (
        chosen_tau(done),
        [path.read_bytes() for path in sorted(done.path.rglob("stage3.safetensors"))],
    )
    run(done, engine)
    assert chosen_tau(done) == before
    assert done.ran() == jobs("tau_search evaluate plot tables")
    assert [path.read_bytes() for path in sorted(done.path.rglob("stage3.safetensors"))] == weights
    done.assert_idle()


@ENGINES
def test_a_parameter_reruns_what_depends_on_it(done: Workspace, engine: str) -> None:
    done.set(evaluate__bootstrap=3)
    assert done.planned() == jobs("evaluate plot tables")
    run(done, engine)
    assert done.ran() == jobs("evaluate plot tables")
    done.set(stage3__steps=4)
    assert done.planned() == jobs(FROM_STAGE3)
    run(done, engine)
    assert done.ran() == jobs(FROM_STAGE3)
    done.assert_idle()


def test_one_and_one_point_nought_are_the_same(done: Workspace) -> None:
    done.set(stage1__commitment_weight=1.0, sample__guidance_scale=1.0)
    done.assert_idle()
    done.set(stage1__commitment_weight=1, sample__guidance_scale=1)
    done.assert_idle()


@ENGINES
def test_a_new_data_set_runs_its_own_jobs_and_the_tables(done: Workspace, engine: str) -> None:
    done.set(datasets=["ItalyPowerDemand", "GunPoint", "ArrowHead"])
    run(done, engine)
    new = jobs("download resplit fcn stage1 stage2 sample tau_search stage3 evaluate plot", ("ArrowHead",))
    assert done.ran() == new | {"tables"}
    done.set(datasets=["ItalyPowerDemand", "GunPoint"])
    assert done.planned() == {"tables"}


def test_an_edit_of_the_mapper_reruns_stage_3_onward(done: Workspace) -> None:
    done.edit("src/nm_vqtsg/mapper/unet.py")
    assert done.planned() == jobs(FROM_STAGE3)
    status = json.loads(done.dvc("status", "--json"))
    assert {name.split("@")[0].split(":")[-1] for name in status} == {"stage3", "evaluate"}
    done.snakemake()
    assert done.ran() == jobs(FROM_STAGE3)
    done.assert_idle()


def test_parameters_set_back_are_not_taken_for_done(done: Workspace) -> None:
    """P1 in Snakemake, P2 in DVC, back to P1: the files on disk are P2's, and both engines see it."""
    first = (done.path / "results/metrics/GunPoint/seed0.json").read_bytes()
    done.set(evaluate__bootstrap=3)
    done.dvc("repro")
    assert done.ran() == jobs("evaluate plot tables")
    done.set(evaluate__bootstrap=2)
    assert done.planned() == jobs("evaluate plot tables")
    assert "evaluate@GunPoint-0" in done.dvc("status")
    done.snakemake()
    assert done.ran() == set()  # each was made before, and is taken from the cache
    assert (done.path / "results/metrics/GunPoint/seed0.json").read_bytes() == first
    done.assert_idle()


@ENGINES
def test_a_damaged_file_is_made_again(done: Workspace, engine: str) -> None:
    path = done.path / "results/GunPoint/seed0/stage1.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "stage1-GunPoint-seed0" in done.planned()
    run(done, engine)
    assert path.read_bytes() == whole
    done.assert_idle()
