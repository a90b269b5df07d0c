"""Is each step of the prior worth its time? Samples, held-out likelihood and memorisation against steps.

    python scripts/prior_steps.py studies/development/paper-mixture --dataset FaceAll --steps 1000 2500 5000 10000
    python scripts/prior_steps.py STUDY [STUDY ...] --results   # docs/prior_steps.md and .png

Of a study that is scored on VAL, and whose tokeniser and judge of a run are here, priors are trained that differ
in ``stage2.steps`` alone, each with a learning rate that falls over its own steps. Each is scored and sampled;
TEST is not looked at. What is measured goes to ``results/prior_steps/DATASET/seedK.json`` of the study, which git
holds; steps that stand there already are not done again, and a training that was stopped goes on.

* ``fid_null_class``, ``fid_mixture``: of unconditional samples against VAL, by either way of drawing them;
* ``nats_train``, ``nats_val``: cross-entropy of a hidden token of each band, given the class;
  ``nats_frequencies``: that of VAL for who knows only how often each code occurs in TRAIN;
* ``shared``: share of the samples (mixture) of which the tokens of a band are, one by one, those of a series of
  TRAIN; ``shared_val``: the same of VAL.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measured import of_each_set, parser_of, record_file, records_of, series_of, write_page
from memorisation import shared_with_train
from prior_steps_figure import steps_figure

from nm_vqtsg import __version__
from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.errors import UserError
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.counts import sample_count
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.prior.quality import cross_entropy_of_frequencies
from nm_vqtsg.steps.context import StepContext, open_context
from nm_vqtsg.tables import Table
from nm_vqtsg.tokenizer import registry
from nm_vqtsg.training.seeds import new_rng

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "prior_steps"
FOLDER = "prior_steps"
WAYS = ("null_class", "mixture")


class Trial:
    """One run of a study, whose prior is trained anew.

    Raises
    ------
    UserError
        If the study is scored on TEST, the data have no classes, or a file is missing or damaged.
    """

    def __init__(self, ctx: StepContext) -> None:
        self.ctx, (self.train, self.val) = ctx, series_of(ctx)
        self.tokenizer = registry.load(ctx.params.generator, ctx.model(1))
        self.judge = Judge.load(ctx.paths.fcn)
        self.names = [plan.name for plan in self.tokenizer.plans]
        self.tokens = [self.tokenizer.tokens(torch.from_numpy(part.X)) for part in (self.train, self.val)]
        self.classes = [torch.from_numpy(part.y) for part in (self.train, self.val)]

    def measure(self, steps: int) -> dict[str, Any]:
        """Train a prior for so many steps, and everything that is measured of it."""
        ctx = self.ctx
        config = ctx.params.stage2.model_copy(update={"steps": steps})
        prior = Prior(config, self.tokenizer.grids, self.tokenizer.codebooks, self.train.n_classes)
        checkpoints = ctx.session.checkpoints
        apart = None if checkpoints is None else checkpoints / f"steps-{steps}"
        prior.fit(self.tokens[0], self.classes[0], ctx.seed, replace(ctx.session, checkpoints=apart))
        nats = [
            prior.score(tokens, classes, ctx.seed)
            for tokens, classes in zip(self.tokens, self.classes, strict=True)
        ]
        n, real = sample_count(ctx.params.sample.n_samples, len(self.val.X)), self.judge.features(self.val.X)
        counts = np.bincount(self.train.y, minlength=self.train.n_classes).tolist()
        found: dict[str, Any] = {"steps": steps}
        for way in WAYS:
            sampling = ctx.params.sample.model_copy(update={"unconditional": way})
            model = TwoStageGenerator(self.tokenizer, prior, sampling, counts)
            drawn = model.sample_tokens(n, rng=new_rng(ctx.seed, FOLDER, way), session=ctx.session)
            found[f"fid_{way}"] = fid(real, self.judge.features(model.decode(drawn).numpy()))
        learnt, held_out = (prior.vocabulary.ids(tokens) for tokens in self.tokens)
        for band, name in enumerate(self.names):
            rows = {"train": self.tokens[0], "samples": drawn, "val": self.tokens[1]}
            shared = shared_with_train({key: tokens[band].numpy() for key, tokens in rows.items()})
            found[name] = {
                "nats_train": nats[0][band].cross_entropy,
                "nats_val": nats[1][band].cross_entropy,
                "nats_frequencies": cross_entropy_of_frequencies(
                    learnt[band], held_out[band], prior.vocabulary.sizes[band]
                ),
                "shared": shared["samples"],
                "shared_val": shared["val"],
            }
        return found


def run(ctx: StepContext, steps: Sequence[int]) -> None:
    """Measure what is not there yet."""
    path, trial = record_file(ctx.paths, FOLDER), Trial(ctx)
    record = load_json(path) if path.is_file() else {}
    record |= {
        "dataset": ctx.dataset,
        "seed": ctx.seed,
        "bands": trial.names,
        "n": {
            "train": len(trial.train.X),
            "val": len(trial.val.X),
            "samples": sample_count(ctx.params.sample.n_samples, len(trial.val.X)),
        },
        "batch_size": ctx.params.stage2.batch_size,
        "fcn_accuracy": trial.judge.accuracy(trial.val.X, trial.val.y),
        "version": __version__,
    }
    points = {int(point["steps"]): point for point in record.get("points", [])}
    for count in sorted(set(steps) - set(points)):
        points[count] = trial.measure(count)
        save_json(path, record | {"points": [points[key] for key in sorted(points)]})


def results(studies: Sequence[Path], out: Path = OUT) -> None:
    """Table and figure of what has been measured, to ``OUT.md`` and ``OUT.png``."""
    records = records_of(studies, FOLDER)
    write_page(out, _table(records), steps_figure(records))


def _table(records: Sequence[dict[str, Any]]) -> Table:
    bands = records[0]["bands"]
    header = ["Data set", "Study", "Seed", "Steps", "Passes", "FID, no class", "FID, class drawn"]
    for name in bands:
        header += [
            f"{name}: nats TRAIN",
            f"{name}: VAL",
            f"{name}: frequencies",
            f"{name}: shared",
            f"{name}: of VAL",
        ]
    cells = []
    for record in records:
        for point in record["points"]:
            passes = point["steps"] * record["batch_size"] / record["n"]["train"]
            numbers = [point[f"fid_{way}"] for way in WAYS]
            for name in bands:
                numbers += [point[name][key] for key in ("nats_train", "nats_val", "nats_frequencies")]
                numbers += [point[name][key] for key in ("shared", "shared_val")]
            cells.append(
                [record["dataset"], record["study"], str(record["seed"]), str(point["steps"]), f"{passes:.0f}"]
                + [f"{number:.3g}" for number in numbers]
            )
    sizes = of_each_set(records, "{samples} samples, {val} series of VAL")
    notes = [
        f"{sizes}. Each row is a training of its own, whose learning rate falls over its own steps; passes are "
        "those over TRAIN. Nats: cross-entropy of a hidden token given the class; frequencies: that of VAL for "
        "who knows only how often each code occurs in TRAIN. Shared: share of the samples, class drawn first, "
        "whose tokens of a band are those of a series of TRAIN, one by one; beside it the same of VAL."
    ]
    numeric = [title not in ("Data set", "Study") for title in header]
    return Table("The prior against its steps", header, numeric, cells, notes=notes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or write the page."""
    parser = parser_of(__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[])
    options = parser.parse_args(arguments)
    if options.results:
        results(options.studies)
    elif options.dataset is None or not options.steps or min(options.steps) < 1:
        parser.error("--dataset and --steps, positive numbers, are needed, or --results")
    else:
        for study in options.studies:
            run(open_context(study, "stage2", options.dataset, options.seed), options.steps)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
