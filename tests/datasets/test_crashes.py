"""Files that once crashed a reader, found by `make fuzz`, are read or refused."""

from pathlib import Path

import fuzz_readers as fuzz
import pytest


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "crashes").iterdir()), ids=lambda path: path.name)
def test_what_crashed_once(path: Path) -> None:
    fuzz.read_any(path.read_bytes())


@pytest.mark.parametrize("name", fuzz.READERS)
def test_the_fuzzer_sets_out_from_sound_files(name: str, tmp_path: Path) -> None:
    data = fuzz.seeds()[name]
    fuzz.READERS[name](data[1:], tmp_path)
    fuzz.read_any(data)
