"""One typed source of parameters: the file is generated from it, and mistakes are refused by name."""

from pathlib import Path

import pytest

from nm_vqtsg.errors import ParameterError
from nm_vqtsg.params import Params, as_yaml, load_params, parse_params

ROOT = Path(__file__).resolve().parents[2]
TEXT = as_yaml(Params())


def test_the_file_at_the_root_is_the_generated_one() -> None:
    assert (ROOT / "params.yaml").read_text() == TEXT, "run: python -m nm_vqtsg params > params.yaml"


def test_written_parameters_are_read_back_unchanged() -> None:
    assert parse_params(TEXT) == Params()


def test_the_papers_values() -> None:
    params = load_params(ROOT / "params.yaml")
    assert len(params.datasets) == 13
    assert params.tau_grid == (0.1, 0.5, 1, 2, 4)
    assert (params.stage1.steps, params.stage2.steps, params.stage3.steps) == (20000, 40000, 30000)
    for stage in (params.stage1, params.stage2, params.stage3):
        assert (stage.batch_size, stage.learning_rate, stage.learning_rate_min) == (32, 0.005, 0.0005)
    assert (params.stage1.codebook_size, params.stage1.code_dim) == (1024, 8)


def test_every_value_names_its_source() -> None:
    for line in TEXT.splitlines():
        if ":" in line and not line.startswith("#") and not line.strip().startswith("-"):
            key, _, value = line.partition(":")
            is_section = value.split("#")[0].strip() == "" and "# paper:" not in line and "# ours:" not in line
            assert is_section or any(f"# {source}:" in line for source in ("paper", "code", "ours")), key


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seeds:", "seedz:", ["seedz", "unknown", "seeds"]),
        ("  steps: 20000 ", "  stepz: 20000 ", ["stage1.stepz", "unknown", "steps"]),
        ("  steps: 20000 ", "  steps: 0 ", ["stage1.steps", "greater than 0"]),
        ("  steps: 20000 ", "  steps: 1.5 ", ["stage1.steps", "integer"]),
        ("  steps: 20000 ", "  steps: many ", ["stage1.steps", "integer", "many"]),
        ("  steps: 20000 ", "  steps: 1\n  steps: 2 ", ["steps", "twice"]),
        ("- 0.5", "- 0", ["tau_grid", "greater than 0"]),
        ("- 0.5", "- -1", ["tau_grid", "greater than 0"]),
        ("- 0.5", "- .inf", ["tau_grid", "finite"]),
        ("- 0.5", "- 1.0", ["tau_grid", "twice"]),
        ("- Crop", "- Corp", ["Corp", "did you mean 'Crop'", "own_data"]),
        ("- Crop", "- ECG5000", ["datasets", "twice"]),
        ("- Crop", "- ../Crop", ["../Crop", "128"]),
        ("distance: euclidean", "distance: cosine", ["svq.distance", "euclidean", "squared"]),
        ("heads: 2", "heads: 3", ["stage2.lf", "heads must divide"]),
        ("learning_rate_min: 0.0005", "learning_rate_min: 1", ["stage1", "must not exceed"]),
        ("own_data: {}", "own_data: {a/b: {path: x.csv, label_column: null}}", ["own_data", "a/b"]),
        ("own_data: {}", "own_data: {Crop: {path: x.csv, label_column: null}}", ["own_data", "Crop", "another"]),
        ("own_data: {}", "own_data: {metrics: {path: x.csv}}", ["own_data", "'metrics'", "folder of that name"]),
        ("own_data: {}", "own_data: {Tables: {path: x.csv}}", ["own_data", "'Tables'", "choose another"]),
        ("own_data: {}", "own_data: {my.data: {path: x.csv}}", ["own_data", "'my.data'", "letters, digits"]),
        ("own_data: {}", "own_data: {crop: {path: x.csv}}", ["own_data", "'crop'", "UCR archive"]),
        (
            "own_data: {}",
            "own_data: {mine: {path: x.csv}, Mine: {path: y.csv}}",
            ["own_data", "'mine' and 'Mine'", "capitals alone"],
        ),
        ("own_data: {}", "own_data: {mine: {path: x.csv, label: a}}", ["own_data.mine.label", "unknown"]),
        ("batch_size: 32", "batch_size: [32", ["YAML"]),
        ("evaluate_on: test", "evaluate_on: val", ["data.evaluate_on", "test", "validation"]),
        ("validation_fold: 0", "validation_fold: 7", ["data", "validation_fold 7", "folds 0 to 6"]),
    ],
)
def test_a_mistake_is_refused_and_named(old: str, new: str, words: list[str]) -> None:
    assert old in TEXT
    with pytest.raises(ParameterError) as caught:
        parse_params(TEXT.replace(old, new, 1), "study/params.yaml")
    message = str(caught.value)
    assert message.startswith("study/params.yaml: ") and "\n" not in message
    for word in words:
        assert word in message


def test_a_missing_key_is_named() -> None:
    text = "\n".join(line for line in TEXT.splitlines() if "patience" not in line)
    with pytest.raises(ParameterError, match=r"'fcn\.patience' is missing"):
        parse_params(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="nothing.yaml: no such file"):
        load_params(tmp_path / "nothing.yaml")


def test_own_data_may_be_studied() -> None:
    text = TEXT.replace("own_data: {}", "own_data:\n  mine:\n    path: x.csv\n    label_column: kind")
    params = parse_params(text.replace("- Crop\n", "- mine\n"))
    assert params.datasets[0] == "mine"
    assert params.own_data["mine"].label_column == "kind"
    assert parse_params(as_yaml(params)) == params


def test_the_demonstrations_parameters_fit_the_models() -> None:
    path = ROOT / "studies" / "demo" / "params.yaml"
    params = load_params(path)
    assert path.read_text() == as_yaml(params)
    assert params.data.source == "sktime" and params.datasets == ("ItalyPowerDemand",)


def test_whole_numbers_may_be_written_with_a_point(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("bootstrap: 200 ", "bootstrap: 200.0 "))
    params = load_params(path)
    assert params == Params()
    assert isinstance(params.evaluate.bootstrap, int)


def test_seeds_may_not_since_they_stand_in_names_of_jobs() -> None:
    with pytest.raises(ParameterError, match=r"seeds\.0: .* integer, found 0\.0"):
        parse_params(TEXT.replace("- 0\n", "- 0.0\n"))
