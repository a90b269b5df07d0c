"""Study directories: parameters of their own, the project's stages.

A study is a folder inside the project with its own ``params.yaml``; results land beside it and never among
those of the main study. DVC wants a ``dvc.yaml`` next to the parameters: it is the project's, with the way
back to the source code in its one variable.
"""

from __future__ import annotations

import os
from pathlib import Path

from nm_vqtsg.artifacts import atomic_path
from nm_vqtsg.engines.store import find_root
from nm_vqtsg.errors import UserError, shortened
from nm_vqtsg.study.definition import definition as dvc_yaml

_PROJECT = ("dvc.yaml", "params.yaml", "src/nm_vqtsg")


def find_project(directory: Path) -> Path:
    """The project around a folder: the DVC repository that holds the stages and their code.

    Raises
    ------
    UserError
        There is none; what is there may be another project.
    """
    root = find_root(directory)
    missing = [name for name in _PROJECT if not (root / name).exists()]
    if missing:
        raise UserError(
            f"{root}: is another project, without {' and '.join(missing)}; "
            "name a folder below a clone of nm-vqtsg, whose stages a study runs"
        )
    return root


def definition(root: Path, directory: Path) -> str:
    """The text of ``dvc.yaml`` for a study in `directory` of the project in `root`."""
    return dvc_yaml(Path(os.path.relpath(root / "src", directory)).as_posix())


def new_study(directory: Path) -> list[Path]:
    """Make a study directory, or bring the ``dvc.yaml`` of one up to date; returns the files written.

    ``params.yaml`` is copied from the project unless the directory has one.

    Raises
    ------
    UserError
        The directory lies outside the project, or cannot be made.
    """
    try:
        return _new_study(directory.resolve())
    except OSError as error:  # for example a name that is too long
        raise UserError(
            f"{shortened(str(directory))}: cannot be a folder ({error.strerror}); name another"
        ) from error


def _new_study(directory: Path) -> list[Path]:
    root = find_project(directory)
    written = []
    if not (directory / "params.yaml").is_file():
        with atomic_path(directory / "params.yaml") as temporary:
            temporary.write_bytes((root / "params.yaml").read_bytes())
        written.append(directory / "params.yaml")
    if not is_current(root, directory):
        with atomic_path(directory / "dvc.yaml") as temporary:
            temporary.write_text(definition(root, directory), encoding="utf-8")
        written.append(directory / "dvc.yaml")
    return written


def is_current(root: Path, directory: Path) -> bool:
    """Whether the study's ``dvc.yaml`` is what the project's says."""
    path = directory / "dvc.yaml"
    return path.is_file() and path.read_bytes() == definition(root, directory).encode()


def check_study(directory: Path) -> None:
    """Make the ``dvc.yaml`` of a study that has none, and refuse one that is not the project's.

    Raises
    ------
    UserError
        The study's ``dvc.yaml`` differs from the project's.
    """
    root = find_project(directory)
    if not (directory / "params.yaml").is_file() or is_current(root, directory):
        return
    if (directory / "dvc.yaml").is_file():
        shown = os.path.relpath(directory, root)
        raise UserError(
            f"{shown}/dvc.yaml: is not the project's dvc.yaml; run `python -m nm_vqtsg study new {shown}`"
        )
    new_study(directory)
