"""What priors of different lengths give, on a run whose tokeniser and judge learnt next to nothing."""

from pathlib import Path

import numpy as np
import prior_steps
import pytest
from finished_run import finished_run

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.errors import UserError
from nm_vqtsg.params import Params, as_yaml

SMALL = {"batch_size": 8, "lf": {"width": 8, "depth": 1, "heads": 1}, "hf": {"width": 8, "depth": 1, "heads": 1}}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    finished_run(tmp_path, channels=1, labelled=True)
    write_params(tmp_path, "validation")
    return tmp_path


def write_params(study: Path, evaluate_on: str) -> None:
    params = {
        "datasets": ["Toy"],
        "own_data": {"Toy": {"path": "toy.csv"}},
        "data": {"evaluate_on": evaluate_on},
        "stage2": SMALL,
        "sample": {"n_samples": 30},
    }
    (study / "params.yaml").write_text(as_yaml(Params.model_validate(params, strict=False)))


def test_every_length_is_measured_once(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prior_steps.main([str(study), "--dataset", "Toy", "--steps", "2", "40"])
    path = study / "results" / "prior_steps" / "Toy" / "seed0.json"
    first = load_json(path)
    assert [point["steps"] for point in first["points"]] == [2, 40]
    assert first["n"] == {"train": 40, "val": 40, "samples": 40}
    short, long = first["points"]
    for name in first["bands"]:
        assert long[name]["nats_train"] < short[name]["nats_train"]
        assert long[name]["nats_frequencies"] == short[name]["nats_frequencies"]
        assert long[name]["nats_val"] == long[name]["nats_train"], "the same series stand in both"
        assert long[name]["shared_val"] == 1 and 0 <= long[name]["shared"] < 1
    assert short["fid_null_class"] != short["fid_mixture"] and np.isfinite(short["fid_mixture"])
    prior_steps.main([str(study), "--dataset", "Toy", "--steps", "40", "2", "3"])
    again = load_json(path)
    assert [point["steps"] for point in again["points"]] == [2, 3, 40]
    assert [again["points"][0], again["points"][2]] == first["points"]

    prior_steps.results([study], study / "page")
    table = (study / "page.md").read_text()
    assert "Each row is a training of its own" in table
    assert table.count("| Toy ") == 3
    assert (study / "page.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_measured_is_said(study: Path) -> None:
    with pytest.raises(UserError, match="nothing has been measured yet"):
        prior_steps.main([str(study), "--results"])
    with pytest.raises(SystemExit):
        prior_steps.main([str(study), "--dataset", "Toy"])
    write_params(study, "test")
    with pytest.raises(UserError, match="is scored on TEST, which no recipe may be chosen by; use VAL"):
        prior_steps.main([str(study), "--dataset", "Toy", "--steps", "2"])
    assert not (study / "results" / "prior_steps").exists()
