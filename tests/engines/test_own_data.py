"""A user's own files, and a folder that holds the archive, count by their content, in both engines."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from nm_vqtsg.artifacts import load_npz
from nm_vqtsg.engines.store import read_lock

from .conftest import ENGINES, Workspace, jobs
from .test_kills import start, wait_for

pytestmark = pytest.mark.engines

DATA = "download resplit"


def write_csv(path: Path, seed: int) -> None:
    """40 labelled series of 24 samples."""
    X = np.random.default_rng(seed).standard_normal((40, 24)).cumsum(1)
    rows = [",".join([*(f"{value:.6f}" for value in x), "ab"[place % 2]]) for place, x in enumerate(X)]
    path.write_text("\n".join([",".join([*(f"t{i}" for i in range(24)), "label"]), *rows]) + "\n")


def entry(path: str) -> dict[str, object]:
    return {
        "path": path,
        "label_column": "label",
        "layout": "wide",
        "series_column": "series",
        "time_column": "time",
        "keep_split": False,
    }


def prepare(workspace: Workspace, engine: str, check: bool = True) -> str:
    """Bring about all data of the study, and no more."""
    if engine == "dvc":
        names = [f"resplit@{name}" for name in ("Mine", "GunPoint")]
        return workspace.dvc("repro", *names, check=check)
    targets = [f"data/{name}/train.npz" for name in ("Mine", "GunPoint")]
    return workspace.snakemake(*targets, check=check)


def download(workspace: Workspace, engine: str) -> None:
    names = ("GunPoint", "ArrowHead")
    if engine == "dvc":
        workspace.dvc("repro", *(f"download@{name}" for name in names))
    else:
        workspace.snakemake(*(f"data/{name}/raw.npz" for name in names))


@pytest.fixture
def own(fresh: Workspace) -> Workspace:
    write_csv(fresh.path / "own.csv", 0)
    fresh.set(datasets=["Mine", "GunPoint"], own_data={"Mine": entry("own.csv")})
    return fresh


@ENGINES
def test_other_content_under_the_same_name_reruns_what_depends_on_it(own: Workspace, engine: str) -> None:
    prepare(own, engine)
    assert own.ran() == jobs(DATA, ("Mine", "GunPoint"))
    raw = own.path / "data/Mine/raw.npz"
    first = raw.read_bytes()
    write_csv(own.path / "own.csv", 1)
    prepare(own, engine)
    assert own.ran() == jobs(DATA, ("Mine",))
    assert raw.read_bytes() != first
    write_csv(own.path / "own.csv", 0)  # and back: from the cache
    prepare(own, engine)
    assert own.ran() == set() and raw.read_bytes() == first


@ENGINES
def test_a_file_that_is_not_there_is_an_error(own: Workspace, engine: str) -> None:
    prepare(own, engine)
    (own.path / "own.csv").unlink()
    shutil.rmtree(own.path / "data")
    said = prepare(own, engine, check=False)
    assert "own_data.Mine.path: there is no" in said and "Traceback" not in said
    assert not (own.path / "data/Mine/raw.npz").exists()


@ENGINES
def test_two_studies_have_their_own_file_of_one_name(own: Workspace, engine: str) -> None:
    arrays = []
    for seed, name in enumerate(("one", "two")):
        folder = own.path / "studies" / name
        folder.mkdir(parents=True)
        shutil.copy(own.path / "params.yaml", folder)
        write_csv(folder / "own.csv", seed)
        study = Workspace(own.path, folder)
        study.env["PYTHONPATH"] = str(own.path / "src")
        study.call("python", "-m", "nm_vqtsg", "study", "new", f"studies/{name}", cwd=own.path)
        del study.env["PYTHONPATH"]
        prepare(study, engine)
        assert jobs(DATA, ("Mine",)) <= study.ran()
        arrays.append(load_npz(folder / "data/Mine/raw.npz")["X"])
    assert not np.array_equal(*arrays)


@ENGINES
def test_a_folder_with_the_archive_counts_by_its_content(fresh: Workspace, engine: str) -> None:
    import sktime

    bundled = Path(sktime.__file__).parent / "datasets" / "data"
    for name in ("GunPoint", "ArrowHead"):
        shutil.copytree(bundled / name, fresh.path / "archive" / name)
    fresh.set(datasets=["GunPoint", "ArrowHead"], data__source="archive")
    download(fresh, engine)
    assert fresh.ran() == jobs("download", ("GunPoint", "ArrowHead"))
    file = next((fresh.path / "archive/ArrowHead").glob("*_TRAIN*"))
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:-1], lines[-2]]) + "\n")  # the last series is another
    download(fresh, engine)
    assert fresh.ran() == jobs("download", ("ArrowHead",))


def test_dvc_refuses_a_step_whose_code_was_edited_after_it_looked(own: Workspace) -> None:
    """A `dvc repro` takes hours: an edit in the middle must not be recorded as what was looked at before."""
    own.dvc("repro", "fingerprint")
    own.edit("src/nm_vqtsg/datasets/resplit.py")
    said = own.dvc("repro", "--single-item", "download@GunPoint", "resplit@GunPoint", check=False)
    assert "resplit@GunPoint: its code or data changed before it began; run `dvc repro` again" in said
    assert own.ran() == jobs("download", ("GunPoint",))
    own.dvc("repro", "resplit@GunPoint")
    assert own.ran() == jobs("resplit", ("GunPoint",))


def test_dvc_refuses_a_step_whose_parameters_were_edited_while_it_ran(done: Workspace) -> None:
    """DVC reads them when the step has ended, and would take the new ones for those that the results come from."""
    job, log = "tau_search@GunPoint-0", done.path / "logs" / "tau_search-GunPoint-seed0.log"
    done.forget(job)
    begun = log.read_text().count(" begins")
    process = start(done, "dvc", job)
    wait_for(lambda: log.read_text().count(" begins") > begun)
    done.set(tau_grid=[0.1, 0.4])
    assert process.wait(timeout=3600) != 0
    said = (done.path / "dvc.out").read_text()
    assert f"{job}: its inputs, code or parameters changed while it ran; run `dvc repro` again" in said
    assert job not in read_lock(done.path)
    assert done.ran() == {log.stem}
    done.dvc("repro", "--single-item", job)
    assert done.ran() == {log.stem}
    assert read_lock(done.path)[job]["params"]["params.yaml"]["tau_grid"] == [0.1, 0.4]
