"""One YAML: what we accept, DVC reads to the same value of the same type; what either writes, both read alike."""

import re
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import dumps_yaml, load_yaml, loads_yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nm_vqtsg.errors import ParameterError
from nm_vqtsg.params import OwnData, Params, Stage3, as_yaml, load_params, override, parse_params
from nm_vqtsg.yaml12 import YamlError, dump_yaml, parse_yaml, read_yaml

TEXT = as_yaml(Params())
WORDS = ["~", "null", "Null", "true", "TRUE", "False", "yes", "no", "on", "y", ".inf", "-.INF", ".nan", "<<", "="]
NUMBERS = [
    *(
        "0",
        "-0",
        "+7",
        "12",
        "0.5",
        "5e-3",
        "1e-05",
        "1E5",
        "1.0e1",
        "1.",
        ".5",
        "-.5e-3",
        "1.e5",
        "1e05",
        "1e400",
    ),
    *("010", "08", "0o17", "0O17", "0x1F", "0b11", "1_000", "1_0.5", "1:30", "190:20:30.15", "00.5", ".5e3", "-_"),
    *("._", "2024-01-01", "2024-1-1 1:02:03", "1.2.3", "1-2", "9223372036854775807", "9223372036854775808"),
]
MARKS = [
    *(
        "- ",
        "-",
        "? ",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n- ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        ",",
        "'",
        '"',
        "#",
        " # c",
        "|",
        ">",
    ),
    *(
        "|-\n ",
        "&a ",
        "*a",
        "!",
        "!!str ",
        "!!int ",
        "%YAML 1.1\n",
        "\n---\n",
        "\n...\n",
        "@",
        "`",
        " ",
        "\t",
        "\r\n",
    ),
    *(
        "a",
        "b",
        "a: ",
        "b: ",
        "\na: ",
        "\nb:\n  ",
        "é",
        "\u3000",
        "😀",
        "\ufeff",
        "\x85",
        "\u2028",
        "\\n",
        '"\\x41"',
    ),
]
PRINTABLE = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff")
TEXTS = st.text(PRINTABLE, max_size=12) | st.sampled_from([*WORDS, *NUMBERS])
NUMERALS = st.from_regex(r"[-+]?[0-9._:]{0,6}([eE][-+]?[0-9]{1,3})?", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Equal, of one type, keys in one order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


def agrees(text: str) -> bool:
    """Whether we accept a text; if so, DVC must read the same."""
    try:
        ours = parse_yaml(text, "some.yaml")
    except YamlError as error:
        assert str(error).startswith("some.yaml: ") and len(str(error)) < 300, "one short line that names the file"
        return False
    theirs = loads_yaml(text)
    assert same(ours, theirs), (text, ours, theirs)
    return True


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from([*MARKS, *NUMBERS, *WORDS]), max_size=12).map("".join))
def test_what_we_accept_dvc_reads_alike(text: str) -> None:
    agrees(text)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([*NUMBERS, *WORDS]) | NUMERALS | TEXTS, st.sampled_from(["a: {}", "- {}", "{{a: [b, {}]}}"])
)
@example("1e400", "a: {}")
def test_scalars_that_we_accept_dvc_reads_alike(scalar: str, place: str) -> None:
    agrees(place.format(scalar))


@pytest.mark.parametrize("number", ["5e-3", "1e-05", "1.0e1", "1E+3", "0.000001", "+2", "-0.5", ".5", "1.", "12"])
def test_plain_numbers_are_numbers(number: str) -> None:
    assert agrees(f"a: {number}")
    value = parse_yaml(f"a: {number}", "x")["a"]
    assert value == float(number) and type(value) is (int if re.fullmatch("[-+]?[0-9]+", number) else float)


@pytest.mark.parametrize(
    "scalar",
    [
        *(
            "010",
            "0o17",
            "0x1F",
            "0b11",
            "1_000",
            "1:30",
            "190:20:30.15",
            "2024-01-01",
            "2024-01-01T10:00:00Z",
            "<<",
        ),
        *("=", ".5e3", "-_", "08", "1_0.5", "9223372036854775808", "1e400", "9" * 5000),
        *("!!int abc", "!!python/object:os.system x", "!!str 1", "&a 1", "*a", "|\n  text", ">-\n  text"),
    ],
)
def test_what_has_no_plain_meaning_is_refused_with_key_and_line(scalar: str) -> None:
    with pytest.raises(YamlError, match=r"^some\.yaml: a\.b\.1 \(line 4\): ") as caught:
        parse_yaml(f"a:\n  b:\n  - 1\n  - {scalar}\n", "some.yaml")
    assert len(str(caught.value)) < 250


@settings(deadline=None, max_examples=200)
@given(VALUES)
def test_what_dvc_writes_we_read(value: Any) -> None:
    """Also with the strictness for params.yaml, but for texts that older readers take for numbers."""
    written = dumps_yaml({"key": value})
    assert same(parse_yaml(written, "dvc.lock", strict=False), {"key": value})
    try:
        assert same(parse_yaml(written, "params.yaml"), {"key": value})
    except YamlError as error:
        assert re.search(r"\S*[0-9]\S* means different things", str(error)), error


@settings(deadline=None, max_examples=200)
@given(VALUES)
def test_what_we_write_both_read(value: Any) -> None:
    written = dump_yaml({"key": value})
    assert same(parse_yaml(written, "some.yaml"), {"key": value})
    assert same(loads_yaml(written), {"key": value})


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True) | st.sampled_from(["null", "yes", "1e5", "010"])
STUDIES = st.builds(
    lambda name, path, label, rate, grid: Params(
        datasets=(name,),
        own_data={name: OwnData(path=path, label_column=label)},
        stage3=Stage3(learning_rate_min=rate),
        tau_grid=grid,
    ),
    NAMES.filter(lambda name: name != "metrics"),
    st.text(PRINTABLE, min_size=1, max_size=100),
    st.none() | st.integers(0, 99) | TEXTS,
    st.floats(0, 0.005),
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=4, unique=True).map(tuple),
)


@settings(deadline=None, max_examples=25)
@given(STUDIES)
@example(
    Params(tau_grid=(2.0**-20, 2.0**-24), stage3=Stage3(learning_rate_min=2.0**-24))
)  # shortest texts round up
def test_a_params_yaml_is_the_same_to_all_readers(params: Params) -> None:
    text = as_yaml(params)
    assert parse_params(text) == params
    assert agrees(text)
    assert loads_yaml(text) == params.model_dump(mode="json")
    assert loads_yaml(dumps_yaml(loads_yaml(text, typ="rt"))) == loads_yaml(text), "dvc exp run -S keeps the rest"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("stage3.learning_rate_min=0.00001", "  learning_rate_min: 1e-05 "),
        ("stage3.learning_rate_min=1e-7", "  learning_rate_min: 1e-07 "),
        ("stage3.learning_rate=5e-3", None),
        ("stage3.learning_rate=1.0e-3", "  learning_rate: 0.001 "),
        ("stage1.commitment_weight=1.0e1", "  commitment_weight: 10.0 "),
        ('data.source="010"', "  source: '010' "),
        ("data.source=no", "  source: no "),
        ("tau_search.n_train=100", "  n_train: 100 "),
        ("evaluate.bootstrap=+20", "  bootstrap: 20 "),
    ],
)
def test_what_an_experiment_changes_is_read(tmp_path: Path, change: str, line: str | None) -> None:
    """By the function that ``dvc exp run -S`` calls."""
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    apply_overrides(str(path), [change])
    before, after = TEXT.splitlines(), path.read_text().splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if new != old]
    assert [new[: len(line or "")] for new in changed] == ([] if line is None else [line])
    assert load_params(path).model_dump(mode="json") == load_yaml(str(path))
    assert same(read_yaml(path), load_yaml(str(path)))


@pytest.mark.parametrize("change", ["stage3.steps=010", "tau_grid=[1:30]", "stage1={a: 1, a: 2}", "seeds=*a"])
def test_changes_on_the_command_line_are_read_as_the_file_is(change: str) -> None:
    with pytest.raises(ParameterError, match=rf"^'{re.escape(change)}': "):
        override(Params(), [change])
    assert override(Params(), ["stage3.learning_rate_min=1e-05"]).stage3.learning_rate_min == 0.00001
