"""How much of TRAIN the priors of a study have memorised, in tokens: python scripts/memorisation.py STUDY.

Of every run that has been evaluated, and whose files are here (``dvc pull``), it compares the tokens of the
samples with those of TRAIN, beside those of TEST, and takes the cross-entropies from the report of stage 2. It
trains nothing and draws no random number. The numbers go to ``results/memorisation/DATASET/seedK.json`` of the
study, which git holds, and from there to docs/results.md.

* ``shared_samples``, ``shared_test``: share of the unconditional samples, and of TEST, whose tokens are, one by
  one, those of a series of TRAIN; in each band, and in ``all`` bands together;
* ``nats_train``, ``nats_test``: cross-entropy of a hidden token, given the class where there are classes;
* ``nats_frequencies``: that of TEST for who knows only how often each code occurs in TRAIN;
* ``metrics``: digest of the run's evaluation, by which numbers of an older run are told.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results_tables import memorisation_file

from nm_vqtsg import __version__
from nm_vqtsg.artifacts import digest, load_json, load_npz, save_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import UserError
from nm_vqtsg.prior.quality import cross_entropy_of_frequencies
from nm_vqtsg.steps.context import StepContext, open_context
from nm_vqtsg.tokenizer import registry

ALL = "all"


def of_run(ctx: StepContext) -> dict[str, Any]:
    """The numbers of one run.

    Raises
    ------
    UserError
        If a file of the run is missing or damaged.
    """
    tokenizer = registry.load(ctx.params.generator, ctx.model(1))
    names = [plan.name for plan in tokenizer.plans]
    train, test = Series.load(ctx.paths.train), Series.load(ctx.paths.test)
    report = load_json(ctx.paths.report(2))
    keys = [f"tokens_{band}" for band in range(len(names))]
    samples = load_npz(ctx.paths.samples, required=keys)
    sets = {"samples": [samples[key].astype(np.int64) for key in keys]}
    ids = {
        "train": tokenizer.tokens(torch.from_numpy(train.X)),
        "test": tokenizer.tokens(torch.from_numpy(test.X)),
    }
    sets |= {name: [of_band.numpy() for of_band in tokens] for name, tokens in ids.items()}
    bands: dict[str, dict[str, float]] = {}
    for band, (name, book) in enumerate(zip(names, tokenizer.codebooks, strict=True)):
        place = book.live.long().cumsum(0) - 1  # codebook -> vocabulary of live codes
        learnt, held_out = place[ids["train"][band]], place[ids["test"][band]]
        given = {
            split: scores.get("of_class", scores["unconditional"]) for split, scores in report["masked"].items()
        }
        bands[name] = {
            **_shared({key: tokens[band] for key, tokens in sets.items()}),
            **{f"nats_{split}": given[split][name]["cross_entropy"] for split in ("train", "test")},
            "nats_frequencies": cross_entropy_of_frequencies(learnt, held_out, int(book.live.sum())),
        }
    bands[ALL] = _shared({key: np.concatenate(tokens, axis=1) for key, tokens in sets.items()})
    return {
        "dataset": ctx.dataset,
        "seed": ctx.seed,
        "n": {name: len(tokens[0]) for name, tokens in sets.items()},
        "bands": bands,
        **test.facts(),
        "metrics": digest(load_json(ctx.paths.metrics)),
        "version": __version__,
    }


def shared_with_train(tokens: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Of every other set of rows of tokens (n, N), the share of rows that are also one of ``train``."""
    seen = {row.tobytes() for row in tokens["train"]}
    return {
        name: float(np.mean([row.tobytes() in seen for row in rows]))
        for name, rows in tokens.items()
        if name != "train"
    }


def _shared(tokens: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {f"shared_{name}": share for name, share in shared_with_train(tokens).items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the numbers of all runs of which everything is here, and name the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    options = parser.parse_args(arguments)
    params = open_context(options.study, "stage2").params
    measured = 0
    for dataset in params.datasets:
        for seed in params.seeds:
            ctx = open_context(options.study, "stage2", dataset, seed)
            needed = [
                ctx.paths.train,
                ctx.paths.test,
                ctx.paths.weights(1),
                ctx.paths.report(2),
                ctx.paths.samples,
            ]
            absent = [path for path in (*needed, ctx.paths.metrics) if not path.is_file()]
            if absent:
                print(f"{dataset} seed {seed}: left out, since there is no {absent[0]}")
                continue
            save_json(memorisation_file(ctx.paths), of_run(ctx))
            measured += 1
    if not measured:
        raise UserError(f"{options.study}: no run is here with all its files; run the study, or dvc pull, first")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
