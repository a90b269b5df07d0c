"""The pipeline of three quick stages, in a folder of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
import quick_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Nothing of it has been run."""
    quick_project.make(tmp_path)
    return tmp_path
