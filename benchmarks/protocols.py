"""Our protocol against the published one, on the same samples of the finished runs of a study.

    python benchmarks/protocols.py --study studies/twentieth [--published-judge]

The published evaluation, as far as it can be applied to given samples:

* FID: 10 % outliers removed from both sets (isolation forest);
* IS: of no more samples than fill as many batches of 32 as TEST does;
* cFID: outliers removed within every class;
* the mapper ran with dropout active; ours has none (stage3.dropout: 0), so there is nothing to compare.

`--published-judge` trains a second FCN as published, with the budget of the study's: TRAIN and TEST are joined and
split once more, so that it learns from four fifths of TEST, and the last weights count. All scores are then given
for both judges.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.model_selection import StratifiedShuffleSplit

from nm_vqtsg.artifacts import load_npz
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.judge.network import FCN
from nm_vqtsg.metrics.cfid import class_fid, rows_by_class
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.metrics.inception import inception_score
from nm_vqtsg.metrics.trimming import inliers
from nm_vqtsg.params import Params, load_params
from nm_vqtsg.params.models import Fcn, Training
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.training.loop import fit
from nm_vqtsg.training.seeds import seeded


def published_judge(train: Series, test: Series, config: Fcn) -> Judge:
    """An FCN on a new split of TRAIN and TEST together; no validation, the last weights."""
    assert train.y is not None and test.y is not None
    X, y = np.concatenate([train.X, test.X]), np.concatenate([train.y, test.y])
    rows, _ = next(StratifiedShuffleSplit(1, test_size=0.2, random_state=0).split(X, y))
    network = seeded(config.seed, lambda: FCN(X.shape[1], train.n_classes, config.dropout))
    x_fit, y_fit = torch.from_numpy(X[rows]), torch.from_numpy(y[rows])
    steps = min(config.max_steps, config.epochs * math.ceil(len(rows) / config.batch_size))
    budget = Training(
        steps=steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        learning_rate_min=config.learning_rate_min,
        warmup_fraction=0.0,
        weight_decay=config.weight_decay,
    )

    def step_loss(rows: torch.Tensor, rng: torch.Generator, step: int) -> dict[str, torch.Tensor]:
        return {"loss": torch.nn.functional.cross_entropy(network(x_fit[rows]), y_fit[rows])}

    fit(network, step_loss, n=len(rows), budget=budget, seed=config.seed)
    return Judge(config, X.shape[1], train.n_classes, network)


def both_protocols(judge: Judge, test: Series, samples: dict[str, np.ndarray], params: Params) -> dict:
    """Score to (ours, published)."""
    assert test.y is not None
    real, splits = judge.features(test.X), params.evaluate.is_splits
    fake, probabilities = judge.features_and_probabilities(samples["X"])
    by_class, y = judge.features(samples["X_class"]), samples["y_class"]
    counted = min(len(fake), 32 * math.ceil(len(real) / 32))
    rows, _ = rows_by_class(test.y, y, test.n_classes)
    trimmed = [fid(inliers(real[r]), inliers(by_class[g])) for r, g in rows.values() if len(r) > 2]
    rng = [np.random.default_rng(params.evaluate.seed) for _ in range(2)]
    return {
        "FID": (fid(real, fake), fid(inliers(real), inliers(fake))),
        "IS": (
            inception_score(probabilities, splits, rng[0])[0],
            inception_score(probabilities[:counted], splits, rng[1])[0],
        ),
        "cFID": (class_fid(real, test.y, by_class, y, test.n_classes).mean, float(np.mean(trimmed))),
    }


def main() -> None:
    """One row for each run and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path())
    parser.add_argument("--dataset", help="this one alone")
    parser.add_argument("--published-judge", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    params = load_params(options.study / "params.yaml")
    table = Table("run", "judge (accuracy on TEST)", "score", title="before -> after the mapper, and the change")
    for protocol in ("our protocol", "published protocol"):
        table.add_column(protocol, justify="right")
    for dataset in [options.dataset] if options.dataset else params.datasets:
        shared = Paths(options.study, dataset)
        train, test = Series.load(shared.train), Series.load(shared.test)
        judges = {"ours": Judge.load(shared.fcn)}
        if options.published_judge:
            judges["published"] = published_judge(train, test, params.fcn)
        for seed in params.seeds:
            paths = Paths(options.study, dataset, seed)
            sets = [load_npz(path, required=("X", "X_class", "y_class")) for path in (paths.samples, paths.mapped)]
            for name, judge in judges.items():
                before, after = (both_protocols(judge, test, samples, params) for samples in sets)
                assert test.y is not None
                accuracy = judge.accuracy(test.X, test.y)
                for score in before:
                    cells = []
                    for b, a in zip(before[score], after[score], strict=True):
                        change = 100 * (a / b if score == "IS" else b / a) - 100
                        cells.append(f"{b:.3g} -> {a:.3g} ({change:+.0f} %)")
                    table.add_row(f"{dataset} {seed}", f"{name} ({accuracy:.3f})", score, *cells)
    Console(soft_wrap=True).print(table)


if __name__ == "__main__":
    main()
