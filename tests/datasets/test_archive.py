"""Names and sizes of the UCR archive."""

import importlib.util
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from nm_vqtsg.datasets.archive import CERTAIN, DIGESTS, PAPER_DATASETS, RESERVED, SIZES, UCR_2018, check_name
from nm_vqtsg.errors import DataError
from nm_vqtsg.study.paths import Paths


def test_the_archive_has_128_sets():
    assert len(UCR_2018) == len(set(UCR_2018)) == 128
    assert all(check_name(name) == name for name in UCR_2018)


def test_names_agree_with_sktime_but_for_its_two_slips():
    folder = importlib.util.find_spec("sktime").submodule_search_locations[0]
    names = runpy.run_path(f"{folder}/datasets/tsc_dataset_names.py")["univariate"]  # sktime itself loads slowly
    assert set(names) ^ set(UCR_2018) == {"AsphaltObstacles", "Yoga"}


def test_the_papers_thirteen():
    assert len(PAPER_DATASETS) == 13
    assert set(PAPER_DATASETS) <= CERTAIN <= set(SIZES)
    assert set(DIGESTS) <= CERTAIN
    assert SIZES["FordA"] == (3601, 1320, 500, 2)
    assert SIZES["Wafer"] == (1000, 6164, 152, 2)
    assert SIZES["PLAID"].length is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../FordA",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "FordA;id",
        "$(id)",
        "`id`",
        "a b",
        "a\n",
        "FordA\n",
        "-rf",
        "_x",
        "a.b",
        "C:",
        "a*",
        "ＦordA",  # a full-width F
        "FоrdA",  # a Cyrillic o
        "١",  # an Arabic digit
        "x" * 65,
        "downloads",
        "Tables",
        "metrics",
        "METRICS",
        None,
        7,
    ],
)
def test_names_cannot_leave_their_folder(name):
    with pytest.raises(DataError, match="cannot name a data set") as error:
        check_name(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a", "A-1_b", "x" * 64, "0"])
def test_plain_names_pass(name):
    assert check_name(name) == name


def test_no_name_is_that_of_another_folder_of_a_study():
    """Of every path of a study, the folder where data sets lie is theirs, or reserved, or can be no name."""
    ours, theirs = Paths(Path(), "Own", 0), Paths(Path(), "Other", 0)
    seen = set()
    for name, value in vars(Paths).items():
        if not isinstance(value, property):
            continue
        path, other = getattr(ours, name), getattr(theirs, name)
        if path.parts[:1] in (("results",), ("data",)) and path.parts[1] != "Own":
            with pytest.raises(DataError):
                check_name(path.parts[1])
            seen.add(path.parts[1])
        assert (path == other) or path.parts.count("Own") == 1
    assert {*RESERVED} <= seen


def test_looking_up_names_is_quick():
    code = (
        "import sys, nm_vqtsg.datasets.archive; sys.exit({'numpy', 'torch', 'sktime'} & set(sys.modules) != set())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
