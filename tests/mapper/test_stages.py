"""The steps tau_search and stage3 on files."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from patch_generator import waves

from nm_vqtsg.artifacts import load_json, load_model, save_json, save_npz
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError, ParameterError
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.mapper.pool import Pool, save_pool
from nm_vqtsg.params import Params, Rocket, Stage1, Stage3, TauSearch
from nm_vqtsg.steps import stage3, tau_search
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tokenizer.kinds import timevqvae

PARAMS = Params(
    datasets=("ECG5000",),
    tau_grid=(0.5, 1.0, 2.0),
    stage1=Stage1(steps=3, codebook_size=16),
    rocket=Rocket(n_kernels=20),
    tau_search=TauSearch(n_samples=64),
    stage3=Stage3(steps=3, width=4, multipliers=(1, 2)),
)


def best_and_worst(study: Path) -> Params:
    """A narrower grid with the same optimum, now at its edge."""
    curve = load_json(context(study, "tau_search").paths.tau_curve)
    worst = curve["grid"][int(np.argmax(curve["fid"]))]
    return PARAMS.model_copy(update={"tau_grid": (float(curve["tau"]), float(worst))})


def context(study: Path, step: str, params: Params = PARAMS) -> StepContext:
    return StepContext(step, params, Paths(study, "ECG5000", 0), "cpu", "none")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything up to the samples."""
    folder = tmp_path_factory.mktemp("study")
    ctx = context(folder, "tau_search")
    X = waves(80).numpy()
    Series(X, None, None, Scaling.none(1)).save(ctx.paths.train)
    tokenizer = timevqvae.KIND.build(PARAMS.stage1, 1, 24)
    tokenizer.fit(X)
    tokenizer.save(ctx.paths.weights(1))
    save_npz(ctx.paths.samples, X=waves(70, seed=1).numpy())
    save_pool(ctx.paths.pool, Pool.of(torch.empty(0, 1, 24)))
    tau_search.run(ctx)
    stage3.run(context(folder, "stage3"))
    return folder


def test_tau_stands_alone_and_the_search_beside_it(study: Path) -> None:
    paths = context(study, "tau_search").paths
    assert list(load_json(paths.tau)) == ["tau"]
    curve = load_json(paths.tau_curve)
    assert curve["grid"] == [0.5, 1, 2]
    assert curve["tau"] == load_json(paths.tau)["tau"] == curve["grid"][int(np.argmin(curve["fid"]))]
    assert (curve["n_generated"], curve["n_train"]) == (64, 80)
    assert curve["rocket"] == {"n_kernels": 20, "seed": 0}


def test_equal_temperatures_are_equal_bytes(tmp_path: Path, study: Path) -> None:
    save_json(tmp_path / "a.json", {"tau": 1})
    save_json(tmp_path / "b.json", {"tau": 1.0})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_another_grid_with_the_same_optimum_leaves_tau_json_alone(study: Path) -> None:
    paths = context(study, "tau_search").paths
    before = paths.tau.read_bytes(), paths.tau_curve.read_bytes()
    tau_search.run(context(study, "tau_search", best_and_worst(study)))
    assert paths.tau.read_bytes() == before[0]
    assert paths.tau_curve.read_bytes() != before[1]
    tau_search.run(context(study, "tau_search"))
    assert (paths.tau.read_bytes(), paths.tau_curve.read_bytes()) == before


def test_an_optimum_at_the_edge_is_warned_of(study: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tau_search.run(context(study, "tau_search", best_and_worst(study)))
    assert "tau_grid=[" in caplog.text
    assert load_json(context(study, "tau_search").paths.tau_curve)["at_edge"] is True
    tau_search.run(context(study, "tau_search"))


def test_stage3_reports_what_it_did(study: Path) -> None:
    paths = context(study, "stage3").paths
    report = load_json(paths.report(3))
    assert report["tau"] == load_json(paths.tau)["tau"]
    assert report["steps"] == 3
    assert report["l1"] > 0 < report["l1_input"]
    assert report["provenance"]["seed"] == 0
    header, *rows = paths.curve(3).read_text().splitlines()
    assert set(header.split("\t")) == {"step", "loss", "l1_input", "lr"}
    assert len(rows) == 1
    assert load_model(paths.weights(3))[1]["tau"] == report["tau"]
    assert NeuralMapper.load(paths.weights(3)).transform(waves(3)).shape == (3, 1, 24)


def test_stage3_reads_nothing_of_the_search_but_tau_and_repeats_to_the_byte(study: Path) -> None:
    paths = context(study, "stage3").paths
    outputs = [paths.weights(3), paths.report(3), paths.curve(3)]
    before = [path.read_bytes() for path in outputs]
    hidden = {path: path.read_bytes() for path in (paths.tau_curve, paths.samples)}
    for path in hidden:
        path.unlink()
    stage3.run(context(study, "stage3"))
    for path, content in hidden.items():
        path.write_bytes(content)
    assert [path.read_bytes() for path in outputs] == before


def test_the_pool_is_learnt_on_where_it_is_asked_for(study: Path) -> None:
    """By stage 3, and by the short mappers of a search by outcome."""
    by_outcome = TauSearch(n_samples=64, choose="outcome", mapper_steps=3)
    weighted = PARAMS.model_copy(
        update={"stage3": PARAMS.stage3.model_copy(update={"energy_weight": 5.0}), "tau_search": by_outcome}
    )
    paths = context(study, "stage3").paths
    before = {path: path.read_bytes() for path in paths.weights(3).parent.iterdir() if path.is_file()}
    try:
        for step, module in (("stage3", stage3), ("tau_search", tau_search)):
            with pytest.raises(ParameterError, match="energy_weight: there are no generated series"):
                module.run(context(study, step, weighted))
        save_pool(paths.pool, Pool.of(waves(1), waves(70, seed=2)))
        stage3.run(context(study, "stage3", weighted))
        assert set(paths.curve(3).read_text().split("\n")[0].split("\t")) == {
            "step", "loss", "l1", "energy", "l1_input", "lr"
        }  # fmt: skip
        assert load_model(paths.weights(3))[1]["config"]["energy_weight"] == 5
        tau_search.run(context(study, "tau_search", weighted))
        assert len(load_json(paths.tau_curve)["outcome"]["fid"]) == 3
    finally:
        for path, content in before.items():
            path.write_bytes(content)


@pytest.mark.parametrize("content", [{}, {"tau": True}, [1], {"tau": "1"}])
def test_a_broken_tau_file_is_refused(study: Path, content: object) -> None:
    path = context(study, "stage3").paths.tau
    before = path.read_bytes()
    path.write_text(json.dumps(content))
    try:
        with pytest.raises(ArtifactError, match=r"tau\.json"):
            stage3.run(context(study, "stage3"))
    finally:
        path.write_bytes(before)


def test_where_no_mapping_won_stage3_trains_nothing_and_says_so(
    study: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = context(study, "stage3").paths
    paths = context(tmp_path, "stage3").paths
    for source, target in (
        (here.train, paths.train),
        (here.weights(1), paths.weights(1)),
        (here.pool, paths.pool),
    ):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    save_json(paths.tau, {"tau": None})
    with caplog.at_level(logging.WARNING):
        stage3.run(context(tmp_path, "stage3"))
    assert "mapped series are the generated ones" in caplog.text
    report = load_json(paths.report(3))
    assert (report["tau"], report["steps"], report["loss"], report["parameters"]) == (None, 0, None, 0)
    assert paths.curve(3).read_text() == "step\tloss\tlr\n"
    assert load_model(paths.weights(3))[1]["tau"] is None
    mapper = NeuralMapper.load(paths.weights(3))
    assert mapper.tau_ is None
    assert np.array_equal(mapper.transform(waves(3)), waves(3).numpy())


def test_chosen_by_outcome_the_curve_holds_both_searches(study: Path) -> None:
    paths = context(study, "tau_search").paths
    before, tau = load_json(paths.tau_curve), paths.tau.read_bytes()
    by_outcome = TauSearch(n_samples=64, choose="outcome", mapper_steps=3)
    tau_search.run(context(study, "tau_search", PARAMS.model_copy(update={"tau_search": by_outcome})))
    curve = load_json(paths.tau_curve)
    outcome = curve["outcome"]
    assert (outcome["grid"], outcome["steps"], outcome["n_held_out"]) == ([0.5, 1, 2], 3, 16)
    assert curve["fid"] == before["fid"] and len(outcome["fid"]) == 3
    best = int(np.argmin(outcome["fid"]))
    gain = outcome["fid_unmapped"] - outcome["fid"][best]
    expected = outcome["grid"][best] if gain > outcome["standard_error"] else None
    assert curve["tau"] == load_json(paths.tau)["tau"] == expected
    tau_search.run(context(study, "tau_search"))
    assert (load_json(paths.tau_curve), paths.tau.read_bytes()) == (before, tau)
