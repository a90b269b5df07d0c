"""How much of TRAIN samples hold, token by token, on a run whose samples are known."""

from pathlib import Path

import memorisation
import numpy as np
import pytest
import torch
from finished_run import finished_run

from nm_vqtsg.artifacts import digest, load_json, save_json, save_npz
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import UserError
from nm_vqtsg.params import Params, as_yaml
from nm_vqtsg.prior.quality import cross_entropy_of_frequencies
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.tokenizer import registry


@pytest.fixture
def run(tmp_path: Path) -> StepContext:
    ctx = finished_run(tmp_path, channels=1, labelled=True)
    params = Params.model_validate(
        {"datasets": ["Toy"], "own_data": {"Toy": {"path": "toy.csv"}}, "seeds": [0, 1]}, strict=False
    )
    (tmp_path / "params.yaml").write_text(as_yaml(params))
    train = Series.load(ctx.paths.train)
    X = train.X[::-1].copy()
    X[:30] = np.random.default_rng(1).standard_normal(X[:30].shape)  # ten series of TEST are series of TRAIN
    Series(X, train.y, train.labels, train.scaling).save(ctx.paths.test)
    nats = {"lf": {"cross_entropy": 2.5}, "hf": {"cross_entropy": 3.5}}
    more = {name: {"cross_entropy": scores["cross_entropy"] + 1} for name, scores in nats.items()}
    masked = {
        "train": {"unconditional": more, "of_class": nats},
        "test": {"unconditional": nats, "of_class": more},
    }
    save_json(ctx.paths.report(2), {"masked": masked})
    return ctx


def tokens_of(ctx: StepContext, X: np.ndarray) -> list[np.ndarray]:
    tokenizer = registry.load("timevqvae", ctx.paths.weights(1))
    return [ids.numpy() for ids in tokenizer.tokens(torch.from_numpy(X))]


def test_what_equals_train(run: StepContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = Series.load(run.paths.train), Series.load(run.paths.test)
    learnt, held_out = tokens_of(run, train.X), tokens_of(run, test.X)
    lf, hf = (ids[:20].astype(np.int16) for ids in learnt)
    seen = {row.tobytes() for row in learnt[0].astype(np.int16)}
    for row in lf[5:]:  # five samples keep the LF tokens of their series of TRAIN
        while row.tobytes() in seen:
            row[-1] = (row[-1] + 1) % 16
    hf[0, 0] = (hf[0, 0] + 1) % 16  # and one of these has other HF tokens
    assert hf[0].tobytes() not in {row.tobytes() for row in learnt[1].astype(np.int16)}
    save_npz(run.paths.samples, X=train.X[:20], tokens_0=lf, tokens_1=hf)
    memorisation.main([str(tmp_path)])
    said = capsys.readouterr().out
    assert said == f"Toy seed 1: left out, since there is no {tmp_path}/results/Toy/seed1/stage1.safetensors\n"

    record = load_json(tmp_path / "results" / "memorisation" / "Toy" / "seed0.json")
    rows = [list(map(tuple, ids)) for ids in learnt]
    for band, name in enumerate(("lf", "hf")):
        expected = np.mean([tuple(row) in rows[band] for row in held_out[band]])
        assert record["bands"][name]["shared_test"] == expected >= 0.25
    assert record["bands"]["lf"]["shared_samples"] == 0.25
    assert record["bands"]["hf"]["shared_samples"] == 0.95
    assert record["bands"]["all"]["shared_samples"] == 0.2
    assert (record["bands"]["lf"]["nats_train"], record["bands"]["hf"]["nats_test"]) == (2.5, 4.5)
    live = np.unique(learnt[0])
    frequencies = cross_entropy_of_frequencies(
        *(torch.from_numpy(np.searchsorted(live, ids[0])) for ids in (learnt, held_out)), len(live)
    )
    assert record["bands"]["lf"]["nats_frequencies"] == pytest.approx(frequencies)
    assert record["metrics"] == digest(load_json(run.paths.metrics)) and record["n"]["samples"] == 20


def test_a_study_without_files(run: StepContext, tmp_path: Path) -> None:
    run.paths.samples.unlink()
    with pytest.raises(UserError, match="no run is here with all its files; run the study, or dvc pull, first"):
        memorisation.main([str(tmp_path)])
