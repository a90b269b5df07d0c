"""What the fuzzers share: atheris where it is installed, and what counts as a crash.

A `UserError` of one line is an answer; anything else that is raised is a crash, its input left as ``crash-*``.
"""

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

try:
    import atheris
except ImportError:  # the tests only read what once crashed
    atheris = None


def instrumented(*packages: str) -> contextlib.AbstractContextManager[object]:
    """Within it, imports of these packages are made such that the fuzzer sees which branches are taken."""
    return atheris.instrument_imports(include=list(packages)) if atheris else contextlib.nullcontext()


def fuzz(read: Callable[[bytes], None], seeds: dict[str, bytes]) -> None:
    """Run libFuzzer with the arguments of the command line, setting out from `seeds`."""
    with tempfile.TemporaryDirectory() as corpus:
        for name, data in seeds.items():
            (Path(corpus) / name).write_bytes(data)
        atheris.Setup([*sys.argv, corpus], read)
        atheris.Fuzz()
