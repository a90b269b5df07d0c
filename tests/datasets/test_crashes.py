"""Files that once crashed a reader, found by `make fuzz`, are read or refused."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
_spec = importlib.util.spec_from_file_location("fuzz_readers", HERE.parents[2] / "scripts" / "fuzz_readers.py")
assert _spec is not None and _spec.loader is not None
fuzz = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzz)


@pytest.mark.parametrize("path", sorted((HERE.parent / "crashes").iterdir()), ids=lambda path: path.name)
def test_what_crashed_once(path: Path) -> None:
    fuzz.read_any(path.read_bytes())


@pytest.mark.parametrize("name", fuzz.READERS)
def test_the_fuzzer_sets_out_from_sound_files(name: str, tmp_path: Path) -> None:
    data = fuzz.seeds()[name]
    fuzz.READERS[name](data[1:], tmp_path)
    fuzz.read_any(data)
