"""Loading never executes code: no pickle in the source or in a study's files, safetensors and safe YAML only."""

from __future__ import annotations

import io
import json
import pickletools
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors import safe_open

from nm_vqtsg.artifacts import load_json, load_model, load_npz
from nm_vqtsg.errors import UserError
from nm_vqtsg.params import load_params

from .conftest import Study

READABLE = {".npz", ".safetensors", ".json", ".tsv", ".csv", ".md", ".tex", ".html", ".png"}
ROOT = Path(__file__).resolve().parents[2]
PICKLE_STARTS = tuple(bytes([0x80, version]) for version in range(2, 6))


def check_file(name: str, content: bytes) -> None:
    """An artifact is of a known kind and holds no pickle."""
    suffix = Path(name).suffix
    assert suffix in READABLE, f"{name}: of a kind that no test looks into"
    assert not content.startswith(PICKLE_STARTS), name
    if suffix == ".npz":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                data = archive.read(member)
                assert member.endswith(".npy") and data.startswith(b"\x93NUMPY"), f"{name}: {member}"
        for array in np.load(io.BytesIO(content), allow_pickle=False).values():
            assert not array.dtype.hasobject, name
    elif suffix == ".safetensors":
        (length,) = struct.unpack("<Q", content[:8])
        assert set(json.loads(content[8 : 8 + length])["__metadata__"]) == {"config"}, name
    elif suffix == ".json":
        json.loads(content)
    elif suffix != ".png":
        text = content.decode("utf-8").lower()
        assert suffix != ".html" or not any(
            word in text for word in ("<script", "javascript:", " onload", " onerror")
        ), name


def test_artifacts_of_a_study_that_has_begun(begun: Study) -> None:
    for name, content in begun.files().items():
        check_file(name, content)


@pytest.mark.faults
def test_all_artifacts_of_a_study(whole: Study) -> None:
    files = whole.files()
    for name, content in files.items():
        check_file(name, content)
    assert {Path(name).suffix for name in files} == READABLE


@pytest.mark.faults
def test_checkpoints_hold_tensors_and_json_alone(study: Study) -> None:
    from .conftest import wait_for

    process = study.start("stage1", "--checkpoint-every", "0")
    wait_for(lambda: study.steps_saved("stage1") > 3, process)
    process.kill()
    process.communicate()
    kept = [path for path in study.folder.glob(".checkpoints/**/*") if path.is_file() and path.suffix != ".lock"]
    assert kept
    for path in kept:
        with safe_open(path, framework="np") as file:
            assert list(file.keys())


class Bomb:
    """Would leave a file if it were ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("kind", ["npz", "npy", "bare", "safetensors", "json", "yaml"])
def test_code_in_a_file_is_not_run(tmp_path: Path, kind: str) -> None:
    import pickle

    mark, file = tmp_path / "ran", tmp_path / f"file.{kind}"
    code = pickle.dumps(Bomb(mark))
    assert any(opcode.name == "REDUCE" for opcode, *_ in pickletools.genops(code)), "no bomb, no test"
    if kind == "npz":
        np.savez(file, X=np.array([Bomb(mark)], dtype=object), y=np.zeros(1))
    elif kind == "npy":
        np.save(file, np.array([Bomb(mark)], dtype=object), allow_pickle=True)
    elif kind == "yaml":
        file.write_text(f"datasets: !!python/object/apply:os.system ['touch {mark}']\n")
    else:
        file.write_bytes(code)
    load = {"safetensors": load_model, "json": load_json, "yaml": load_params}.get(kind, load_npz)
    with pytest.raises(UserError):
        load(file)
    assert not mark.exists()


def test_every_yaml_file_of_the_project_is_plain() -> None:
    for path in (*ROOT.glob("*.y*ml"), *ROOT.glob("profiles/**/*.yaml"), *ROOT.glob("studies/**/*.yaml")):
        yaml.safe_load(path.read_text())
