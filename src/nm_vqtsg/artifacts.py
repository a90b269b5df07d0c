"""The files of the pipeline: arrays (.npz), weights (.safetensors) and numbers (.json).

Every file is written under a temporary name in its own folder, flushed to the disk and then renamed, so that
a half-written file is never seen under its final name. No format executes code when it is read, and none holds
a time or a path: equal content gives equal bytes.
"""

import errno
import fcntl
import glob
import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nm_vqtsg.errors import ArtifactError, machine_error
from nm_vqtsg.files import check_target, open_file, unreadable
from nm_vqtsg.npz import open_npz

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

CONFIG_KEY = "config"
PARTIAL_SUFFIX = ".partial"


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`; on leaving without an error it becomes `path`, durably.

    The folder of `path` is made if need be. After an error nothing is left behind; what a killed process left
    behind is removed by the next one that writes `path`.

    Raises
    ------
    ArtifactError
        If the disk is full, the folder cannot be written to, or something else than a file stands in the way.
    """
    path = Path(path)
    check_target(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        with _owned_temporary(path) as temporary:
            yield temporary
            _make_durable(temporary, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ArtifactError(f"{path}: the disk is full; free some space and run the step again") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise ArtifactError(f"{path}: the folder cannot be written to; mend its permissions") from error
        if error.errno == errno.ENAMETOOLONG:
            raise ArtifactError(f"{path}: the name is too long; use a shorter one") from error
        raise


@contextmanager
def _owned_temporary(path: Path) -> Iterator[Path]:
    """A new file beside `path`, locked while its owner lives, gone afterwards."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL_SUFFIX, dir=path.parent)
        temporary = Path(name)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:  # else another process took it for abandoned before it was locked
                yield temporary
                return
        finally:
            os.close(handle)
            temporary.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of `path` whose owner was killed: nobody holds their lock."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL_SUFFIX}"):
        with suppress(OSError, ArtifactError), open_file(leftover) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def _make_durable(temporary: Path, path: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)  # mkstemp makes files that only their owner can read
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def save_npz(path: Path | str, **arrays: "np.ndarray") -> None:
    """Write arrays as a compressed .npz without pickles.

    Raises
    ------
    ArtifactError
        If an array holds Python objects.
    """
    import numpy as np

    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise ArtifactError(f"{path}: array '{name}' holds Python objects; convert it to numbers or text")
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def load_npz(path: Path | str, required: Iterable[str] = ()) -> dict[str, "np.ndarray"]:
    """Read all arrays of an .npz; pickles are refused.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, too large for the memory that is allowed (`files.size_limit`), holds
        pickles or lacks one of the `required` arrays.
    """
    import numpy as np

    remedies = {"missing": "run the step that makes it", "damaged": "make it again"}
    with open_npz(path, ArtifactError, **remedies) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise ArtifactError(f"{path}: holds a member that is not an array; save it with numpy.savez")
    missing = [name for name in required if name not in arrays]
    if missing:
        raise ArtifactError(f"{path}: lacks the array '{missing[0]}'; it holds {sorted(arrays)}")
    return arrays


def canonical_json(value: Any) -> str:
    """Compact JSON in which equal content has one form: sorted keys, and 1.0 written as 1."""
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if hasattr(value, "item") and not isinstance(value, str):  # a NumPy or torch scalar
        return _canonical(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON knows no NaN; absent is what it means
    return value


def save_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON with a final newline; NaN and infinities become null."""
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(value), encoding="utf-8")


def json_text(value: Any) -> str:
    """What `save_json` writes."""
    return json.dumps(_canonical(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def load_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises
    ------
    ArtifactError
        If the file is missing or not JSON.
    """
    try:
        with open_file(path) as file:
            return json.loads(file.read().decode("utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path}: no such file; run the step that makes it") from error
    except OSError as error:  # such as a link to itself
        other = ArtifactError(f"{path}: cannot be read ({error.strerror}); make it again")
        raise machine_error(error) or other from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, nested too deeply, numbers of many digits
        raise ArtifactError(f"{path}: not readable as JSON; make it again") from error


def save_text(path: Path | str, text: str) -> None:
    """Write a text file (UTF-8)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_model(path: Path | str, tensors: Mapping[str, "Tensor"], config: Mapping[str, Any]) -> None:
    """Write named tensors as .safetensors, the configuration as JSON in the header.

    The header's map has a single key, since the order of several is not fixed by the format's writer.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(plain, temporary, metadata={CONFIG_KEY: canonical_json(config)})
        except SafetensorError as error:  # has no errno, but names it
            if (number := re.search(r"\(os error (\d+)\)", str(error))) is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


@contextmanager
def _model_file(path: Path | str, framework: str) -> Iterator[Any]:
    """An open .safetensors file; whatever keeps it from being read to its end is an `ArtifactError`."""
    from safetensors import SafetensorError, safe_open

    try:
        open_file(path).close()  # a pipe would block `safe_open`
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and machine_error(error) is not None:
            raise
        if isinstance(error, PermissionError):
            raise ArtifactError(unreadable(path, error)) from error
        if not Path(path).is_file():
            raise ArtifactError(f"{path}: no such file; run the step that makes it") from error
        raise ArtifactError(f"{path}: not a readable .safetensors file; make it again") from error


def load_model(path: Path | str) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Read what `save_model` wrote: tensors (on the CPU) and configuration.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged or carries no configuration.
    """
    with _model_file(path, "pt") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors, _configuration(metadata, path)


def load_config(path: Path | str) -> dict[str, Any]:
    """The configuration that `save_model` wrote, without the tensors.

    Raises
    ------
    ArtifactError
        As `load_model`.
    """
    with _model_file(path, "np") as file:
        metadata = file.metadata() or {}
    return _configuration(metadata, path)


def load_facts(path: Path | str) -> dict[str, Any]:
    """The facts in the configuration that `save_model` wrote, such as the data set; empty where there are none.

    Raises
    ------
    ArtifactError
        As `load_model`.
    """
    facts = load_config(path).get("facts")
    return facts if isinstance(facts, dict) else {}


def _configuration(metadata: Mapping[str, str], path: Path | str) -> dict[str, Any]:
    try:
        configuration = json.loads(metadata[CONFIG_KEY])
    except (KeyError, ValueError, RecursionError) as error:
        configuration = error
    if not isinstance(configuration, dict):
        raise ArtifactError(f"{path}: carries no configuration, so it is not one of this project's models")
    return configuration


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_tensors(*tensors: "Tensor | np.ndarray | None") -> str:
    """SHA-256 (hex) of the shapes, types and bytes of arrays."""
    import numpy as np

    total = hashlib.sha256()
    for tensor in tensors:
        if tensor is None:
            total.update(b"none")
            continue
        array = np.ascontiguousarray(tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else tensor)
        total.update(f"{array.shape}{array.dtype.str}".encode())
        total.update(array.tobytes())
    return total.hexdigest()
