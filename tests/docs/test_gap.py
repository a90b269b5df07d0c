"""What each part of the model loses, on a run whose networks learnt next to nothing."""

from pathlib import Path

import gap
import numpy as np
import pytest
import torch
from trained_run import trained_run

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import UserError
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.tokenizer import registry


@pytest.fixture
def run(tmp_path: Path) -> StepContext:
    return trained_run(tmp_path)


def test_each_line_gives_one_part_more_to_the_model(run: StepContext) -> None:
    study = run.paths.study
    gap.main([str(study), "--dataset", "Toy"])
    record = load_json(study / "results" / "gap" / "Toy" / "seed0.json")
    assert list(record["fid"]) == [
        "all tokens TEST's",
        "TRAIN",
        "all tokens TRAIN's",
        "lf of TRAIN, hf drawn",
        "all drawn",
        "all drawn, without a class",
    ]
    assert record["n"] == {"train": 40, "real": 40, "drawn": 40}
    scores = record["fid"]
    assert scores["TRAIN"]["unmapped"] == pytest.approx([0] * gap.DRAWS, abs=1e-6), (
        "all of TRAIN, which is TEST here"
    )
    train = Series.load(run.paths.train)
    judge, tokenizer = Judge.load(run.paths.fcn), registry.load("timevqvae", run.model(1))
    decoded = tokenizer.reconstruct(torch.from_numpy(train.X))
    mapped = Mapper.load(run.model(3)).map(decoded)
    for kind, X in (("unmapped", decoded), ("mapped", mapped)):
        expected = fid(judge.features(train.X), judge.features(X.numpy()))
        assert scores["all tokens TRAIN's"][kind] == pytest.approx([expected] * gap.DRAWS, rel=1e-3)
        assert scores["all tokens TEST's"][kind] == pytest.approx([expected], rel=1e-3), "the same series"
    drawn = [scores[name]["unmapped"] for name in list(scores)[3:]]
    assert all(np.std(values) > 0 for values in drawn), "every draw is another"

    gap.results([study], study / "page")
    table = (study / "page.md").read_text()
    assert table.count("| Toy ") == 6 and f"Mean ± sd over {gap.DRAWS} draws" in table
    assert (study / "page.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_measured_is_said(run: StepContext) -> None:
    study = run.paths.study
    with pytest.raises(UserError, match="nothing has been measured yet"):
        gap.main([str(study), "--results"])
    with pytest.raises(SystemExit):
        gap.main([str(study)])
    train = Series.load(run.paths.train)
    Series(train.X, None, None, train.scaling).save(run.paths.train)
    with pytest.raises(UserError, match="Toy has no classes"):
        gap.main([str(study), "--dataset", "Toy"])
