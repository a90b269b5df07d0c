"""Two runs of every step give the same bytes: on one machine, with the same versions of everything, one thread."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import STEPS, Study, same_files


@pytest.mark.faults
def test_every_step_in_a_process_of_its_own_in_another_place(whole: Study, tmp_path: Path) -> None:
    """From nothing, step by step, with other hash seeds, another folder and no workspace of DVC's around it."""
    study = Study(tmp_path / "a folder with spaces" / "study")
    study.folder.mkdir(parents=True)
    shutil.copy(whole.folder / "dvc.yaml", study.folder)
    study.set({})
    for number, step in enumerate(STEPS):
        study.run(step, PYTHONHASHSEED=str(number + 1), TZ="Asia/Tokyo", LC_ALL="C")
        outputs = [str(path.relative_to(study.folder)) for path in study.outputs(step)]
        made, expected = study.files(), whole.files()
        same_files({name: made[name] for name in outputs}, {name: expected[name] for name in outputs})
    same_files(study.files(), whole.files())


def test_a_second_run_gives_the_same_bytes(begun: Study) -> None:
    expected = begun.files()
    for step in ("resplit", "stage1"):
        begun.forget(step)
        begun.run(step, PYTHONHASHSEED="7")
    same_files(begun.files(), expected)


def test_nothing_that_is_written_names_a_place_or_a_time(begun: Study) -> None:
    """No path of this machine and no date of today in any file."""
    import time

    for name, content in begun.files().items():
        assert str(begun.folder.parent).encode() not in content, name
        assert time.strftime("%Y-%m-%d").encode() not in content, name
