"""How often the project was attacked, by kind: cases of its tests, and runs of its fuzzers.

    python scripts/attacks.py                           # brings the tables in docs/reliability.md up to date
    python scripts/attacks.py build/fuzz/readers.log    # after `make fuzz`: notes what the logs say, too

A case of a test is one attack, unless the test bears ``pytest.mark.attacks(number)``, or hypothesis gives it its
examples. What the fuzzers did last is kept in docs/fuzzing.json.
"""

import contextlib
import io
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import is_hypothesis_test

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- made by scripts/attacks.py -->\n\n", "\n<!-- until here -->\n"
PAGE, FUZZING = ROOT / "docs" / "reliability.md", ROOT / "docs" / "fuzzing.json"

REFUSED = "refused in one line, or read for what it says"
SURVIVED = "one line, nothing half-written, then the same bytes"

KINDS: dict[str, tuple[str, str]] = {
    "parameters": (
        REFUSED,
        """
        params/test_broken.py
        params/test_fuzzer.py
        test_yaml12.py
        params/test_params.py::test_a_mistake_is_refused_and_named
        params/test_params.py::test_a_missing_key_is_named
        """,
    ),
    "data files": (
        REFUSED,
        """
        datasets/test_bad_input.py
        datasets/test_files.py
        datasets/test_doubt.py
        datasets/test_crashes.py
        datasets/test_readers.py::test_any_bytes_are_read_or_refused_in_one_line
        datasets/test_readers.py::test_any_table_is_read_or_refused_in_one_line
        datasets/test_readers.py::test_a_damaged_npz_is_read_or_refused_in_one_line
        datasets/test_panels.py::test_what_may_be_read_in_two_ways_is_refused_with_the_remedy
        """,
    ),
    "archives and downloads": (
        REFUSED,
        """
        datasets/test_fetch.py
        datasets/test_readers.py::test_any_archive_file_is_read_or_refused_in_one_line
        datasets/test_readers.py::test_a_damaged_zip_is_read_or_refused_in_one_line
        """,
    ),
    "saved models": (
        REFUSED,
        """
        estimators/test_damaged_models.py
        steps/test_saved_models.py::test_export_refuses_in_one_line
        estimators/test_folder.py::test_files_that_do_not_belong_together_are_refused
        estimators/test_folder.py::test_a_damaged_description_is_one_sentence
        estimators/test_folder.py::test_what_is_no_model_is_refused
        """,
    ),
    "engines' files, caches and locks": (
        "refused in one line, or replaced; nothing wrong is restored",
        """
        workflow/test_broken_files.py
        workflow/test_store.py
        workflow/test_locks.py
        engines/test_locking.py
        workflow/test_new_study.py
        engines/test_agreement.py::test_a_damaged_object_of_the_cache_is_made_anew
        """,
    ),
    "names": (
        "refused before they are used",
        """
        faults/test_names.py
        datasets/test_archive.py::test_names_cannot_leave_their_folder
        """,
    ),
    "cells, cards and figures": (
        "does nothing, and comes back as it was",
        """
        test_cells.py
        estimators/test_folder.py::test_labels_of_others_do_nothing_in_the_card
        steps/test_saved_models.py::test_classes_that_would_be_formulas
        figures/test_figures.py::test_names_of_users_are_drawn_as_they_are_and_never_as_mathematics
        """,
    ),
    "code in files": ("is not run", "faults/test_no_code.py"),
    "own data that change": (
        "exactly what depends on them runs again",
        """
        engines/test_own_data.py
        engines/test_machine.py::test_other_data_under_the_old_time_and_size
        workflow/test_clocks.py::test_other_content_with_the_old_time_and_size_is_seen
        """,
    ),
    "full, read-only and vanishing disks, lack of memory": (
        SURVIVED,
        """
        faults/test_disk.py
        faults/test_machine.py
        engines/test_machine.py::test_a_full_disk
        engines/test_machine.py::test_what_was_trained_outlives_a_full_cache
        """,
    ),
    "clocks": (
        "nothing is decided by the time of day",
        """
        faults/test_clocks.py
        workflow/test_clocks.py::test_a_job_brings_its_inputs_back_from_the_future
        workflow/test_clocks.py::test_times_make_nothing_stale
        engines/test_machine.py::test_clocks_that_jump
        engines/test_machine.py::test_a_clock_that_is_set_back_while_an_engine_runs
        """,
    ),
    "other users": (
        SURVIVED,
        """
        faults/test_users.py
        engines/test_machine.py::test_folders_of_somebody_else
        engines/test_machine.py::test_a_study_that_one_may_only_read
        engines/test_machine.py::test_two_users_of_one_group
        """,
    ),
    "signals": ("ends in time, then the same bytes", "faults/test_signals.py"),
    "kills (`kill -9`)": (
        "the same bytes afterwards",
        """
        faults/test_kills.py
        faults/test_kills_without_checkpoints.py
        engines/test_kills.py
        engines/test_kills_of_steps.py
        workflow/test_kills.py
        """,
    ),
}
"""What is attacked: what comes of it, and the tests below tests/, whole files or single ones."""


class Cases:
    """A plugin of pytest that notes how many attacks each test makes."""

    def __init__(self) -> None:
        self.attacks: Counter[str] = Counter()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note all that was collected."""
        for item in session.items:
            self.attacks[item.nodeid.split("[")[0].removeprefix("tests/")] += attacks_of(item)


def attacks_of(item: Any) -> int:
    """How many attacks a case of a test makes."""
    mark = item.get_closest_marker("attacks")
    if mark is not None:
        return int(mark.args[0])
    if is_hypothesis_test(item.obj):
        return int(item.obj._hypothesis_internal_use_settings.max_examples)
    return 1


def counts() -> dict[str, int]:
    """Attacks of each kind, in all tiers.

    Raises
    ------
    ValueError
        If pytest cannot collect, or a test of the list does not exist or stands there twice.
    """
    cases = Cases()
    files = sorted({f"tests/{name.split('::')[0]}" for _, tests in KINDS.values() for name in tests.split()})
    options = ["--collect-only", "-m", "", "--rootdir", str(ROOT)]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = pytest.main([*options, *(str(ROOT / file) for file in files)], plugins=[cases])
    if status != 0:
        raise ValueError(said.getvalue())
    left, by_kind = cases.attacks, {}
    for kind, (_, tests) in KINDS.items():
        by_kind[kind] = 0
        for name in tests.split():
            chosen = [test for test in left if test == name or test.startswith(f"{name}::")]
            if not chosen:
                raise ValueError(f"{kind}: {name} is no test, or was counted before")
            by_kind[kind] += sum(left.pop(test) for test in chosen)
    return by_kind


def tables(by_kind: dict[str, int], fuzzing: dict[str, dict[str, int]]) -> str:
    """Both tables of the page."""
    lines = ["| what is attacked | attacks | what comes of it |", "| --- | ---: | --- |"]
    lines += [f"| {kind} | {number} | {KINDS[kind][0]} |" for kind, number in by_kind.items()]
    lines += [f"| **all** | **{sum(by_kind.values())}** | |", ""]
    lines += ["| fuzzer | cases | seconds | crashes |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| `scripts/fuzz_{name}.py` | {run['cases']} | {run['seconds']} | {run['crashes']} |"
        for name, run in sorted(fuzzing.items())
    ]
    return "\n".join(lines)


def run_of(log: str) -> dict[str, int]:
    """What a fuzzer's log says at its end."""
    cases, seconds = map(int, re.findall(r"Done (\d+) runs in (\d+) second", log)[-1])
    return {"seconds": seconds, "cases": cases, "crashes": len(set(re.findall(r"crash-[\w-]+", log)))}


def page() -> str:
    """docs/reliability.md with the tables as they are to be."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    fuzzing = json.loads(FUZZING.read_text(encoding="utf-8"))
    return f"{head}{BEGIN}{tables(counts(), fuzzing)}\n{END}{rest.partition(END)[2]}"


def main(logs: list[str]) -> None:
    """Bring docs/fuzzing.json and docs/reliability.md up to date."""
    fuzzing = json.loads(FUZZING.read_text(encoding="utf-8"))
    fuzzing |= {Path(log).stem: run_of(Path(log).read_text(encoding="utf-8", errors="replace")) for log in logs}
    FUZZING.write_text(json.dumps(fuzzing, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
