"""Kinds are found by their file's name, in one place."""

import re
from pathlib import Path

import pytest

import nm_vqtsg
from nm_vqtsg.errors import UserError
from nm_vqtsg.tokenizer import kinds, registry
from nm_vqtsg.tokenizer.kinds import timevqvae

SOURCE = Path(nm_vqtsg.__file__).parent


def test_a_kind_is_found_by_name() -> None:
    assert registry.known() == ["timevqvae", "vqvae"]
    assert registry.find("timevqvae") is timevqvae.KIND
    for name in ("vqgan", "../timevqvae", "", "__init__"):
        with pytest.raises(UserError, match="is unknown; there are timevqvae, vqvae"):
            registry.find(name)


def test_a_file_without_its_kind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty_kind.py").write_text("")
    (tmp_path / "misnamed_kind.py").write_text(
        "from nm_vqtsg.tokenizer.kind import Kind\nKIND = Kind('other', ())\n"
    )
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    for name in ("empty_kind", "misnamed_kind"):
        with pytest.raises(UserError, match=rf"{name}\.py: holds no KIND = Kind\('{name}', ...\); add it"):
            registry.find(name)


def test_no_step_asks_for_an_estimator() -> None:
    for path in (SOURCE / "steps").glob("*.py"):
        assert not re.search(r"nm_vqtsg(\.| import )estimators", path.read_text()), path
