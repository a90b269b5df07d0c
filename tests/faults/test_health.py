"""What goes wrong in training is named with its numbers, in the step's report and beside the metrics of the run.

Each fault is brought about by real training on data or with parameters that cause it.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError, TrainingError
from nm_vqtsg.mapper import advice as of_mapper
from nm_vqtsg.mapper.pool import Pool, save_pool
from nm_vqtsg.params import Params, override
from nm_vqtsg.prior import advice as of_prior
from nm_vqtsg.steps import evaluate, stage1, stage2, stage3
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tokenizer import advice as of_tokenizer

SMALL = [
    "datasets=[ECG5000]",
    "seeds=[0]",
    "stage1.batch_size=8",
    "stage1.steps=40",
    "stage1.codebook_size=16",
    "stage1.code_dim=4",
    "stage1.last_width=16",
    "stage2.batch_size=8",
    "stage2.lf.width=16",
    "stage2.lf.depth=1",
    "stage2.hf.width=8",
    "stage3.batch_size=8",
    "stage3.steps=40",
    "stage3.width=4",
    "stage3.multipliers=[1,2]",
]


def context(folder: Path, step: str, *changes: str) -> StepContext:
    return StepContext(step, override(Params(), [*SMALL, *changes]), Paths(folder, "ECG5000", 0), "cpu", "none")


def make_data(folder: Path, phases: float = 1, noise: float = 0.2) -> Paths:
    """Sixty noisy waves whose phases differ by this share of a period."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, 24)
    X = np.sin(2 * np.pi * (t + phases * rng.uniform(size=(60, 1)))) + noise * rng.normal(size=(60, 24))
    X = X[:, None].astype(np.float32)
    paths = Paths(folder, "ECG5000", 0)
    for path in (paths.train, paths.test):
        Series(X, None, None, Scaling.none(1)).save(path)
    return paths


def searched(paths: Paths) -> None:
    """What stage 3 reads of the steps before it: a temperature, and no pool."""
    save_json(paths.tau, {"tau": 0.5})
    save_pool(paths.pool, Pool.of(torch.empty(0, 1, 24)))


def only(warnings: list[str], words: str) -> str:
    found = [warning for warning in warnings if words in warning]
    assert found, warnings
    return found[0]


def test_a_collapsed_codebook(tmp_path: Path) -> None:
    """All series are nearly the same, so nearly all codes lie idle."""
    paths = make_data(tmp_path, phases=0, noise=0.001)
    stage1.run(context(tmp_path, "stage1", "stage1.codebook_size=256"))
    report = load_json(paths.report(1))
    warning = only(of_tokenizer.warnings(report), "the codebook of band LF has collapsed")
    assert f"TRAIN uses {report['usage']['lf']['live']} of 256 codes" in warning


def test_a_prior_that_predicts_one_token(tmp_path: Path) -> None:
    """A weight decay that shrinks all weights to nothing."""
    paths = make_data(tmp_path)
    stage1.run(context(tmp_path, "stage1"))
    stage2.run(context(tmp_path, "stage2", "stage2.steps=30", "stage2.weight_decay=200"))
    report = load_json(paths.report(2))
    warning = only(of_prior.warnings(report), "the prior predicts one token everywhere")
    numbers = report["masked"]["train"]["unconditional"][warning.split()[1].rstrip(":").lower()]
    assert numbers["n_predicted"] == 1 and f"while {numbers['n_targets']} occur" in warning


def test_a_mapper_that_returns_a_constant(tmp_path: Path) -> None:
    """A weight decay that shrinks all weights to nothing."""
    paths = make_data(tmp_path)
    searched(paths)
    stage1.run(context(tmp_path, "stage1"))
    stage3.run(context(tmp_path, "stage3", "stage3.weight_decay=200"))
    report = load_json(paths.report(3))
    warning = only(of_mapper.warnings(report), "nearly the same series whatever goes in")
    assert f"vary by {report['spread']:.2g} of the data's spread" in warning


def test_a_loss_that_is_not_finite_names_step_rate_and_checkpoint(tmp_path: Path) -> None:
    """A learning rate that no training survives; checkpoints hold the state before."""
    paths = make_data(tmp_path)
    searched(paths)
    stage1.run(context(tmp_path, "stage1"))
    step = context(tmp_path, "stage3", "stage3.learning_rate=1000", "stage3.learning_rate_min=1000")
    step.checkpoint_every = 0
    with pytest.raises(TrainingError) as caught:
        stage3.run(step)
    named = re.search(
        r"the loss is not finite at step (\d+) \(learning rate (\S+)\); last good checkpoint: (\S+);",
        str(caught.value),
    )
    assert named is not None, caught.value
    assert 0 < int(named[1]) < 40 and 0 < float(named[2]) <= 1000
    assert Path(named[3]).is_file() and int(Path(named[3]).stem[5:]) <= int(named[1])
    assert not paths.weights(3).exists() and not paths.report(3).exists()


def test_the_metrics_of_a_run_repeat_all_warnings(tmp_path: Path) -> None:
    """They are worded anew from the numbers in the reports, which hold no words themselves."""
    paths = make_data(tmp_path, phases=0, noise=0.001)
    stage1.run(context(tmp_path, "stage1", "stage1.codebook_size=256"))
    stage2.run(context(tmp_path, "stage2", "stage2.steps=30", "stage2.weight_decay=200"))
    searched(paths)
    stage3.run(context(tmp_path, "stage3", "stage3.weight_decay=200"))
    save_json(paths.fcn_report, {"accuracy": 0.5})
    save_json(paths.tau_curve, {"grid": [0.1, 1], "tau": 1, "at_edge": True})
    for stage in (1, 2, 3):
        assert "warnings" not in load_json(paths.report(stage))
    by_step = evaluate._warnings(context(tmp_path, "evaluate"))
    assert set(by_step) == {"fcn", "tau_search", "stage1", "stage2", "stage3"}
    only(by_step["stage1"], "the codebook of band LF has collapsed")
    only(by_step["stage2"], "the prior")
    only(by_step["stage3"], "nearly the same series")
    only(by_step["fcn"], "accuracy 0.500 on TEST")
    only(by_step["tau_search"], "tau_grid=[0.1,1,2,4]")
    save_json(paths.report(2), {"bands": ["lf"]})
    with pytest.raises(ArtifactError, match=r"stage2\.json: lacks numbers of stage2; run stage2 again"):
        evaluate._warnings(context(tmp_path, "evaluate"))
