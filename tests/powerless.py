"""Processes without the rights of root, for tests that run as root: to them, files of others are just that."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

SOMEBODY = 65534  # the user `nobody`
_DROP_FROM_BOUNDING_SET = 24  # see prctl(2)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")


def give_up_rights() -> None:
    """Keep the user but none of the capabilities, from the next `exec` on."""
    prctl = ctypes.CDLL(None).prctl
    for capability in range(64):
        prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)


def share() -> None:
    """The same, with a group whose members may write what one of them makes."""
    give_up_rights()
    os.umask(0o002)


def give_away(folders: Iterable[Path], group: int = SOMEBODY) -> None:
    """Make somebody else the owner of folders with all that is in them."""
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, SOMEBODY, group)
