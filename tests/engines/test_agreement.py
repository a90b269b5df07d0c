"""Whatever one engine did, the other knows; what changed reruns, and nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from .conftest import ENGINES, Workspace, jobs, other, run

pytestmark = pytest.mark.engines

FROM_STAGE3 = "stage3 evaluate plot tables"


def test_a_full_run_of_snakemake_leaves_dvc_idle(done: Workspace) -> None:
    done.assert_idle()
    assert done.git("status", "--porcelain") == ""


def test_a_full_run_of_dvc_leaves_snakemake_idle(fresh: Workspace) -> None:
    fresh.dvc("repro")
    assert len(fresh.ran()) == 21
    fresh.assert_idle()


@ENGINES
def test_who_looks_or_has_nothing_to_do_leaves_dvc_lock_alone(
    done: Workspace, engine: str, tmp_path: Path
) -> None:
    path = done.path / "dvc.lock"
    if engine == "dvc":  # in its own hand
        path.unlink()
        done.dvc("commit", "--force", "--quiet")
    done.git("commit", "--quiet", "--message=Recorded", "--all", "--allow-empty")
    clone = Workspace(tmp_path / "clone")
    done.git("clone", "--quiet", str(done.path), str(clone.path))
    for place in (done, clone):
        lock = place.path / "dvc.lock"
        before = lock.read_bytes(), lock.stat().st_mtime_ns
        place.snakemake("-n")
        place.snakemake("--lint")
        if place is done:
            assert "Nothing to be done" in place.snakemake()
        assert (lock.read_bytes(), lock.stat().st_mtime_ns) == before
        assert place.git("status", "--porcelain") == ""
    done.set(plot__seed=1)
    done.snakemake()
    lines = done.git("diff", "--unified=0", "dvc.lock").splitlines()
    changed = {line[1:].split(":")[0].strip() for line in lines if re.match(r"[-+] ", line)}
    assert changed <= {"seed", "md5", "size"}, changed
    path.unlink()
    done.snakemake("-n")
    assert not path.exists()
    done.snakemake()
    assert path.exists() and done.ran() == jobs("plot")
    done.assert_idle()


@ENGINES
@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_object_of_the_cache_is_made_anew(done: Workspace, engine: str, damage: str) -> None:
    """Snakemake finds out; DVC, which takes a read-only object for checked, restores what is good again."""
    name = "results/GunPoint/seed0/samples.npz"
    whole = (done.path / name).read_bytes()
    digest = hashlib.md5(whole).hexdigest()
    held = done.path / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    held.chmod(0o644)
    held.write_bytes(whole[:100] if damage == "truncated" else whole[:-1] + bytes([whole[-1] ^ 1]))
    held.chmod(0o444)
    (done.path / name).unlink()
    done.snakemake("--forcerun", "sample", "--until", "sample")
    assert done.ran() == jobs("sample", ("GunPoint",))
    assert (done.path / name).read_bytes() == held.read_bytes() == whole
    said = (done.path / "logs/snakemake/sample-GunPoint-seed0.log").read_text()
    assert f"{held}: damaged, so {name} is not restored from it\n" in said
    (done.path / name).unlink()
    run(done, engine) if engine == "dvc" else done.snakemake("--forcerun", "sample")
    assert done.ran() == set() and (done.path / name).read_bytes() == whole
    done.assert_idle()


def chosen_tau(workspace: Workspace) -> dict[str, float]:
    return {
        str(path): json.loads(path.read_text())["tau"]
        for path in sorted(workspace.study.glob("results/*/seed0/tau.json"))
    }


@ENGINES
def test_another_tau_retrains_the_mapper(done: Workspace, engine: str) -> None:
    before = chosen_tau(done)
    done.set(tau_grid=[1, 4])
    assert done.planned() == jobs(f"tau_search {FROM_STAGE3}")
    assert done.stale() == {"tau_search", "evaluate"}  # DVC names what changed, not what follows
    run(done, engine)
    assert all(chosen_tau(done)[path] != tau for path, tau in before.items())
    assert done.ran() == jobs(f"tau_search {FROM_STAGE3}")
    done.assert_idle()


@ENGINES
def test_the_same_tau_from_another_grid_trains_nothing(done: Workspace, engine: str) -> None:
    before = chosen_tau(done)
    weights = {path: path.read_bytes() for path in done.path.glob("results/*/seed0/stage3*")}
    assert len(weights) == 6
    done.set(tau_grid=sorted(set(before.values())))
    run(done, engine)
    assert chosen_tau(done) == before
    assert done.ran() == jobs("tau_search evaluate plot tables")
    assert {path: path.read_bytes() for path in weights} == weights
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


@ENGINES
def test_one_and_one_point_nought_are_the_same(done: Workspace, engine: str) -> None:
    done.replace("params.yaml", "commitment_weight: 1 ", "commitment_weight: 1.0 ")
    done.replace("params.yaml", "guidance_scale: 1 ", "guidance_scale: 1.0 ")
    done.replace("params.yaml", "- 0.5\n- 2\n", "- 0.50\n- 2.0\n")
    done.assert_idle()
    done.replace("params.yaml", "bootstrap: 2 ", "bootstrap: 3 ")
    run(done, engine)
    assert done.ran() == jobs("evaluate plot tables")
    done.replace("params.yaml", "commitment_weight: 1.0 ", "commitment_weight: 1 ")
    done.replace("params.yaml", "bootstrap: 3 ", "bootstrap: 3.0 ")
    done.assert_idle()


@ENGINES
def test_a_new_data_set_runs_its_own_jobs_and_the_tables(done: Workspace, engine: str) -> None:
    done.set(datasets=["ItalyPowerDemand", "GunPoint", "ArrowHead"])
    run(done, engine)
    new = jobs("download resplit fcn stage1 stage2 sample tau_search stage3 evaluate plot", ("ArrowHead",))
    assert done.ran() == new | {"tables"}
    done.set(datasets=["ItalyPowerDemand", "GunPoint"])
    assert done.planned() == {"tables"}


@ENGINES
@pytest.mark.parametrize(
    ("line", "instead", "follow"),
    [
        ("GROUPS = 4 ", "GROUPS = 2 ", f"tau_search {FROM_STAGE3}"),
        (
            "GROUPS = 4 ",
            "GROUPS = 2 + 2 ",
            "tau_search stage3 evaluate",
        ),  # nothing comes out otherwise than before
    ],
)
def test_an_edit_of_the_mapper_reruns_the_search_and_stage_3_onward(
    done: Workspace, engine: str, line: str, instead: str, follow: str
) -> None:
    done.replace("src/nm_vqtsg/mapper/network.py", line, instead)
    assert done.planned() == jobs(f"tau_search {FROM_STAGE3}")
    assert done.stale() == {"tau_search", "stage3", "evaluate"}
    run(done, engine)
    assert done.ran() == jobs(follow)
    done.assert_idle()


@ENGINES
def test_a_comment_makes_nothing_stale(done: Workspace, engine: str) -> None:
    for file in sorted((done.path / "src" / "nm_vqtsg").rglob("*.py")):
        done.comment(str(file.relative_to(done.path)))
    assert done.planned() == done.stale() == set()
    run(done, engine)
    assert done.ran() == set()
    done.assert_idle()


@ENGINES
def test_parameters_set_back_are_not_taken_for_done(done: Workspace, engine: str) -> None:
    """P1 in Snakemake, P2 in one engine, back to P1: the files on disk are P2's, and both engines see it."""
    first = {path: path.read_bytes() for path in done.path.glob("results/**/*") if path.is_file()}
    done.set(evaluate__bootstrap=3, tau_grid=[1, 4])
    run(done, engine)
    assert done.ran() == jobs(f"tau_search {FROM_STAGE3}")
    done.set(evaluate__bootstrap=2, tau_grid=[0.1, 0.5, 2])
    assert done.planned() == jobs(f"tau_search {FROM_STAGE3}")
    assert done.stale() == {"tau_search", "evaluate", "plot"}
    run(done, other(engine))
    assert done.ran() == set()  # what was made before comes from the cache
    assert {path: path.read_bytes() for path in first} == first
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
