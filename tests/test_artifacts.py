"""Files are whole or absent, equal content gives equal bytes, and nothing that is read can run code."""

import errno
import importlib
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nm_vqtsg.artifacts import (
    atomic_path,
    canonical_json,
    load_config,
    load_json,
    load_model,
    load_npz,
    save_json,
    save_model,
    save_npz,
)
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.params import Params
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    save_json(path, {"a": 1})
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert load_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="disk is full"), atomic_path(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_npz(tmp_path / f"{name}.npz", X=np.arange(6.0).reshape(2, 3), y=np.array([1, 2]))
        save_model(
            tmp_path / f"{name}.safetensors", {"w": torch.ones(3), "v": torch.zeros(2)}, {"k": 1, "d": [2.0]}
        )
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_one_and_one_point_zero_are_the_same_content() -> None:
    assert canonical_json({"tau": 1}) == canonical_json({"tau": 1.0}) == '{"tau":1}'
    assert canonical_json(np.float32(0.5)) == "0.5"
    assert canonical_json([float("nan")]) == "[null]"


def test_round_trips(tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", X=np.ones((2, 1, 3), np.float32), labels=np.array(["-1", "1"]))
    arrays = load_npz(tmp_path / "a.npz", required=("X", "labels"))
    assert arrays["X"].dtype == np.float32 and arrays["labels"].tolist() == ["-1", "1"]
    save_model(tmp_path / "a.safetensors", {"w": torch.arange(4)}, {"k": 3})
    tensors, config = load_model(tmp_path / "a.safetensors")
    assert torch.equal(tensors["w"], torch.arange(4)) and config == {"k": 3}


def test_files_are_readable_by_others_as_usual(tmp_path: Path) -> None:
    save_json(tmp_path / "a.json", {})
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_pickles_are_refused_both_ways(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="Python objects"):
        save_npz(tmp_path / "a.npz", X=np.array([{}], dtype=object))
    np.savez(tmp_path / "b.npz", X=np.array([{}], dtype=object))
    with pytest.raises(ArtifactError, match="pickled"):
        load_npz(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_bytes(pickle.dumps({}))
    with pytest.raises(ArtifactError, match="pickled|not a readable"):
        load_npz(tmp_path / "c.npz")


def truncated_zip() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, X=np.ones(100))
    return buffer.getvalue()[:-40]


def zip_of_nonsense() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("X.npy", b"not an array")
    return buffer.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text", truncated_zip(), zip_of_nonsense()])
def test_damaged_arrays_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="a.npz"):
        load_npz(path, required=("X",))


def test_missing_files_and_arrays_are_named(tmp_path: Path) -> None:
    for load in (load_npz, load_json, load_model):
        with pytest.raises(ArtifactError, match="nothing: no such file"):
            load(tmp_path / "nothing")
    save_npz(tmp_path / "a.npz", X=np.ones(1))
    with pytest.raises(ArtifactError, match="lacks the array 'y'"):
        load_npz(tmp_path / "a.npz", required=("X", "y"))


def test_a_model_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(ArtifactError, match="not a readable"):
        load_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize("step", ["stage2", "sample", "tau_search", "stage3", "evaluate"])
def test_a_model_of_another_data_set_is_refused(tmp_path: Path, step: str) -> None:
    """Even where all shapes fit."""
    paths = Paths(tmp_path, "ECG5000", 0)
    series = Series(np.zeros((4, 1, 24), np.float32), None, None, Scaling.none(1))
    for path in (paths.train, paths.test):
        series.save(path)
    save_npz(paths.samples, X=series.X)
    save_json(paths.tau, {"tau": 1})
    for stage in (1, 2, 3):
        save_model(paths.weights(stage), {"w": torch.zeros(1)}, {"facts": {"dataset": "FordA"}})
    context = StepContext(step, Params(datasets=("ECG5000", "FordA")), paths, "cpu", "none")
    with pytest.raises(ArtifactError, match=r"a model of 'FordA', not of 'ECG5000'; run stage\d again"):
        importlib.import_module(f"nm_vqtsg.steps.{step}").run(context)


CONFIGURATIONS = {
    "a list": "[1]",
    "cut off": '{"kind": ',
    "nested": "[" * 100_000 + "]" * 100_000,
    "a long number": "9" * 5000,
}


@pytest.mark.parametrize("damage", ["missing", "text", "no configuration", *CONFIGURATIONS])
def test_a_configuration_that_cannot_be_read(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "m.safetensors"
    if damage == "text":
        path.write_bytes(b"weights")
    elif damage == "no configuration":
        save_file({"w": torch.zeros(1)}, path)
    elif damage in CONFIGURATIONS:
        save_file({"w": torch.zeros(1)}, path, metadata={"config": CONFIGURATIONS[damage]})
    with pytest.raises(ArtifactError, match=r"m\.safetensors: (no such file|not a readable|carries no)"):
        load_config(path)


@pytest.mark.parametrize("load", [load_model, load_config])
def test_a_model_that_vanishes_while_it_is_opened_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[Path], object]
) -> None:
    import safetensors

    path = tmp_path / "model.safetensors"
    save_model(path, {"w": torch.zeros(1)}, {"kind": "toy"})
    opened = safetensors.safe_open

    def late(*arguments: Any, **options: Any) -> Any:
        path.unlink()
        return opened(*arguments, **options)

    monkeypatch.setattr(safetensors, "safe_open", late)
    with pytest.raises(ArtifactError, match="no such file; run the step that makes it"):
        load(path)
