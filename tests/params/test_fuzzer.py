"""The fuzzer of params.yaml sets out from sound files, gets deep, and finds nothing in some hundred tries."""

import random
import tempfile
from collections import Counter
from pathlib import Path

import fuzz_params as fuzz
import pytest

from nm_vqtsg.errors import UserError

TRIES = 300


@pytest.mark.parametrize("name", fuzz.READERS)
def test_it_sets_out_from_what_is_sound(name: str, tmp_path: Path) -> None:
    fuzz.READERS[name](fuzz.Choices(b""), tmp_path)


@pytest.mark.attacks(TRIES * len(fuzz.READERS))
def test_it_finds_nothing_and_gets_past_the_parser() -> None:
    answers: Counter[str] = Counter()
    source = random.Random(1)
    for _ in range(TRIES):
        for index, read in enumerate(fuzz.READERS.values()):
            data = source.randbytes(2 + 6 * source.randint(1, 4))
            fuzz.read_any(bytes([index]) + data)
            with tempfile.TemporaryDirectory() as folder:
                try:
                    read(fuzz.Choices(data), Path(folder))
                except UserError as error:
                    answers["syntax" if "not valid YAML" in str(error) else "meaning"] += 1
                else:
                    answers["accepted"] += 1
    assert answers["meaning"] > 400 and answers["syntax"] > 50 and answers["accepted"] > 20, answers
