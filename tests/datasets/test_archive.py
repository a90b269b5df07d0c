"""Names and sizes of the UCR archive."""

import importlib.util
import runpy
import subprocess
import sys

import pytest

from nm_vqtsg.datasets.archive import CERTAIN, DIGESTS, PAPER_DATASETS, SIZES, UCR_2018, check_name
from nm_vqtsg.errors import DataError


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


def test_looking_up_names_is_quick():
    code = (
        "import sys, nm_vqtsg.datasets.archive; sys.exit({'numpy', 'torch', 'sktime'} & set(sys.modules) != set())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
