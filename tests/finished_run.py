"""A run of a study that learned next to nothing, where a test needs the files of one."""

from pathlib import Path

import numpy as np
from untrained import untrained_judge

from nm_vqtsg.artifacts import save_json, save_npz, save_text
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.params import Params, Stage1
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tokenizer.kinds import timevqvae

LENGTH = 24


def finished_run(study: Path, channels: int, labelled: bool) -> StepContext:
    """Data set Toy, seed 0."""
    paths = Paths(study, "Toy", 0)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, channels, LENGTH)).astype(np.float32)
    y = np.arange(40) % 2 if labelled else None
    labels = np.array(["-1", "1"]) if labelled else None
    for path in (paths.train, paths.test):
        Series(X, y, labels, Scaling.none(channels)).save(path)
    tokenizer = timevqvae.KIND.build(Stage1(codebook_size=16, steps=2, batch_size=8), channels, LENGTH)
    tokenizer.fit(X)
    tokenizer.save(paths.weights(1))
    usage = {"live": 9, "perplexity": 7.5}
    save_json(paths.report(1), {"usage": {"lf": usage, "hf": usage}})
    save_npz(paths.samples, X=X[:20])
    save_npz(paths.mapped, X=X[:20] / 2)
    search = {"grid": [0.1, 1.0], "fid": [0.2, 0.1], "tau": 1.0, "at_edge": True, "n_generated": 20, "n_train": 40}
    save_json(paths.tau_curve, search | {"svq": {"distance": "euclidean"}, "rocket": {"n_kernels": 10, "seed": 0}})
    for path in (paths.fcn_curve, paths.curve(1), paths.curve(2), paths.curve(3)):
        save_text(path, "step\tloss\tlf\tlr\n1\t2\t1\t0.1\n2\t1\t0.5\t0.05\n")
    scores: dict = {"rocket_fid": 0.1, "second_opinion": {}}
    if labelled:
        untrained_judge(channels, 2).save(paths.fcn)
        scores |= {"fid": 1.0, "cfid_per_class": {"-1": 1.0}}
    else:
        paths.fcn_curve.unlink()
    record = {
        "baseline": scores,
        "mapped": scores,
        "missing": {"cfid": "needs labels"},
        "amplitude": {"test": {}, "baseline": {}, "mapped": {}},
        "intervals": {},
        "change_percent": {"rocket_fid": 0.0},
        "unresolved": {},
    }
    save_json(paths.metrics, record)
    return StepContext("plot", Params(), paths, progress="none")
