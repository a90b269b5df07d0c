"""What settings of sampling give, on a run whose networks learnt next to nothing."""

from pathlib import Path

import numpy as np
import pytest
import sampling
import torch
from trained_run import trained_run

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import UserError
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.params import Sample
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.tokenizer import registry
from nm_vqtsg.training.seeds import new_rng

SOME = ["--try", "steps=3", "--try", "lf_temperature=0.5 hf_temperature=0.5"]


@pytest.fixture
def run(tmp_path: Path) -> StepContext:
    return trained_run(tmp_path, "validation")


def test_settings_are_drawn_once_and_held_against_the_study_s_own(run: StepContext) -> None:
    study = run.paths.study
    sampling.main([str(study), "--dataset", "Toy", *SOME])
    path = study / "results" / "sampling" / "Toy" / "seed0.json"
    record = load_json(path)
    assert list(record["settings"]) == [sampling.AS_SET, "steps=3", "lf_temperature=0.5 hf_temperature=0.5"]
    assert record["n"] == {"samples": 40, "val": 40}
    for scores in record["settings"].values():
        assert set(scores) == {*sampling.SCORES, "seconds"}
        assert all(len(values) == sampling.DRAWS and np.isfinite(values).all() for values in scores.values())
    own, *others = (scores["fid"] for scores in record["settings"].values())
    assert len(set(own)) == sampling.DRAWS, "every draw is another"
    assert all(own != other for other in others)

    sampling.main([str(study), "--dataset", "Toy", "--try", "steps=3", "--try", "corrections=1"])
    again = load_json(path)["settings"]
    assert {name: again[name] for name in record["settings"]} == record["settings"]
    assert list(again)[-1] == "corrections=1"

    prior = Prior.load(run.model(2))
    prior.network.band(0).classes.weight.data += 1
    prior.save(run.paths.weights(2))
    with pytest.raises(UserError, match="was measured on other weights, or with another number of draws; remove"):
        sampling.main([str(study), "--dataset", "Toy", "--try", "steps=4"])
    assert load_json(path)["settings"] == again

    sampling.results([study], study / "page")
    table = (study / "page.md").read_text()
    assert table.count("| Toy ") == 4 and f"Mean ± sd over {sampling.DRAWS} draws" in table
    assert (study / "page.png").read_bytes().startswith(b"\x89PNG")


def test_the_scores_are_those_of_the_generator_and_the_mapper(run: StepContext) -> None:
    sampling.main([str(run.paths.study), "--dataset", "Toy", "--try", "steps=3"])
    scores = load_json(run.paths.study / "results" / "sampling" / "Toy" / "seed0.json")["settings"]["steps=3"]
    train, val = Series.load(run.paths.train), Series.load(run.paths.test)
    judge, tokenizer = Judge.load(run.paths.fcn), registry.load("timevqvae", run.model(1))
    config = Sample(steps=3, unconditional="mixture")
    model = TwoStageGenerator(tokenizer, Prior.load(run.model(2)), config, np.bincount(train.y).tolist())
    y = model.draw_classes(40, new_rng(0, "sampling", "class", 1))
    X = model.sample(40, y, rng=new_rng(0, "sampling", 1))
    mapped = Mapper.load(run.model(3)).map(X).numpy()
    real = judge.features(val.X)
    assert scores["fid_unmapped"][1] == pytest.approx(fid(real, judge.features(X.numpy())), rel=1e-6)
    assert scores["fid"][1] == pytest.approx(fid(real, judge.features(mapped)), rel=1e-6)
    found = torch.from_numpy(judge.features_and_probabilities(mapped)[1]).argmax(1)
    assert scores["as_asked"][1] == pytest.approx(float((found == y).float().mean()))


def test_the_measure_is_a_geometric_mean_of_ratios() -> None:
    own = {name: [1.0, 2.0] for name in sampling.CRITERIA}
    other = {"fid": [8.0, 16.0], "cfid": [1.0, 2.0], "rocket_fid": [1.0, 2.0]}
    record = {"settings": {sampling.AS_SET: own, "x": other}}
    assert sampling.measure_of(record, "x") == pytest.approx((2.0, 0.0), abs=1e-12)
    assert sampling.measure_of(record, sampling.AS_SET) == (1.0, 0.0)
    other["fid"] = [8.0, 2.0]
    ratio, error = sampling.measure_of(record, "x")
    assert ratio == pytest.approx(np.sqrt(2)) and error == pytest.approx(np.log(2) / 2)


def test_what_cannot_be_measured_is_said(run: StepContext) -> None:
    study = run.paths.study
    with pytest.raises(UserError, match="nothing has been measured yet"):
        sampling.main([str(study), "--results"])
    with pytest.raises(SystemExit):
        sampling.main([str(study)])
    with pytest.raises(UserError, match="sample.no_such"):
        sampling.main([str(study), "--dataset", "Toy", "--try", "no_such=1"])
    assert not (study / "results" / "sampling").exists()
    path = run.paths.study / "params.yaml"
    on_test = path.read_text().replace("evaluate_on: validation", "evaluate_on: test")
    path.write_text(on_test)
    with pytest.raises(UserError, match="is scored on TEST"):
        sampling.main([str(study), "--dataset", "Toy"])
    path.write_text(on_test.replace("evaluate_on: test", "evaluate_on: validation"))
    train = Series.load(run.paths.train)
    Series(train.X, None, None, train.scaling).save(run.paths.train)
    with pytest.raises(UserError, match="Toy has no classes"):
        sampling.main([str(study), "--dataset", "Toy"])
