"""A study that belongs to somebody else: what may not be read or written is named before anything is computed.

Root is no user to try this with, so the processes here give up its rights first.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from powerless import SOMEBODY, give_away, give_up_rights, needs_root, share

from nm_vqtsg.engines.pipeline import Pipeline

from .conftest import STEPS, Study, same_files

pytestmark = needs_root


def folder_of(study: Study, step: str) -> Path:
    """Where a step writes."""
    return study.folder / ("data" if step in ("download", "resplit") else "results")


@pytest.mark.faults
@pytest.mark.parametrize("step", STEPS)
def test_results_of_somebody_else(study: Study, step: str) -> None:
    study.forget(step)
    before, log = study.files(), study.log(step)
    give_away([folder_of(study, step)])
    line = study.refused(step, before=give_up_rights)
    assert folder_of(study, step).name in line and "cannot be written to; mend its permissions" in line
    assert study.log(step) == log, "it is to say so before it begins"
    same_files(study.files(), before)


def test_a_study_of_somebody_else(begun: Study) -> None:
    give_away([begun.folder])
    line = begun.refused("resplit", before=give_up_rights)
    assert "cannot be written to; mend its permissions, or mount it for writing, and run the same command" in line


@pytest.mark.faults
@pytest.mark.parametrize("step", [step for step in STEPS if step != "download"])
def test_inputs_that_may_not_be_read(study: Study, whole: Study, step: str) -> None:
    """Each of a step's inputs in turn; the remedy is never to make it again, which may cost hours."""
    study.forget(step)
    before = study.files()
    for dep in Pipeline(study.folder).stages[study.name(step)].deps:
        path = study.folder / dep
        mode = path.stat().st_mode
        give_away([path])
        path.chmod(0o700 if path.is_dir() else 0o600)
        line = study.refused(step, before=give_up_rights)
        assert dep in line and "mend " in line and "permissions" in line
        path.chmod(mode)
        os.chown(path, 0, 0)
    same_files(study.files(), before)


@pytest.mark.parametrize("name", ["params.yaml", "logs", ".checkpoints", "data/ItalyPowerDemand/raw.npz"])
def test_what_every_step_needs(begun: Study, name: str) -> None:
    before = begun.files()
    path = begun.folder / name
    give_away([path])
    path.chmod(0o600 if path.is_file() else 0o700)
    line = begun.refused("resplit", before=give_up_rights)
    assert Path(name).name in line and "permissions" in line
    same_files(begun.files(), before)


@pytest.mark.faults
@pytest.mark.parametrize("step", ["download", "resplit", "stage3", "evaluate", "tables"])
def test_two_users_of_one_group(study: Study, whole: Study, step: str) -> None:
    """Folders are the group's (`chmod g+ws`), each user's umask is 002: either goes on with the other's work."""
    for path in (study.folder, *study.folder.rglob("*")):
        path.chmod(path.stat().st_mode | (0o2070 if path.is_dir() else 0o060))
    give_away([study.folder], group=0)
    study.forget(step)
    study.run(step, before=share)
    same_files(study.files(), whole.files())
    owners = {path.stat().st_uid for path in study.outputs(step)}
    assert owners == {0}
    give_away(study.outputs(step), group=0)
    study.run(step, before=share)
    same_files(study.files(), whole.files())


@pytest.mark.faults
@pytest.mark.parametrize("step", ["resplit", "stage3", "tables"])
def test_a_temporary_file_of_somebody_else(study: Study, whole: Study, step: str) -> None:
    """What a killed process of another user left cannot be removed by this one, and need not be."""
    study.forget(step)
    target = study.outputs(step)[0]
    left = target.with_name(f".{target.name}.x.partial")
    left.write_bytes(b"half")
    left.chmod(0o600)
    os.chown(left, SOMEBODY, SOMEBODY)
    study.run(step, before=give_up_rights)
    assert left.read_bytes() == b"half"
    left.unlink()
    same_files(study.files(), whole.files())
