"""How should tokens be drawn? Settings of ``sample`` on the weights of a run, nothing trained anew.

    python scripts/sampling.py STUDY [STUDY ...] --dataset FaceAll   # of runs that are here with all their files
    python scripts/sampling.py STUDY --dataset FaceAll --try "steps=20 hf_choice_temperature=2"
    python scripts/sampling.py STUDY [STUDY ...] --results           # docs/sampling.md and docs/sampling.png

Of a study that is scored on VAL, series are drawn (the class first, by its frequency in TRAIN) and mapped under
each of `SETTINGS`, which change a parameter or two of the section ``sample``, or under those that are given. All
have the same seeds, `DRAWS` of them, and are scored against VAL: FID before and after the mapper, and, after it,
cFID and ROCKET-FID, AUC, recall, and the share of the series that the judge takes for the class that was asked
for. TEST is not looked at. The mapper, and the τ that it learnt at, are the run's. The numbers go to
``results/sampling/DATASET/seedK.json`` of the study, which git holds; settings that stand there already are not
drawn again.
"""

import hashlib
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from measured import mean_and_sd, of_each_set, parser_of, record_file, records_of, series_of, write_page

from nm_vqtsg import __version__
from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.errors import UserError
from nm_vqtsg.figures import style
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.metrics.accuracy import accuracy
from nm_vqtsg.metrics.cfid import class_fid
from nm_vqtsg.metrics.classifiers import real_or_generated
from nm_vqtsg.metrics.counts import sample_count
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.metrics.neighbours import manifold_scores
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Sample, override
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.steps.context import StepContext, open_context
from nm_vqtsg.tables import Table
from nm_vqtsg.tokenizer import registry
from nm_vqtsg.training.seeds import new_rng

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "sampling"
FOLDER = "sampling"
DRAWS = 3
AS_SET = "as the study draws"
SETTINGS = (
    "steps=5",
    "steps=20",
    "steps=40",
    "lf_choice_temperature=0",
    "lf_choice_temperature=2",
    "lf_choice_temperature=40",
    "hf_choice_temperature=2",
    "hf_choice_temperature=10",
    "steps=40 hf_choice_temperature=10",
    "lf_temperature=0.8",
    "lf_temperature=0.9",
    "lf_temperature=1.1",
    "hf_temperature=0.8",
    "hf_temperature=0.9",
    "hf_temperature=1.1",
    "guidance_scale=1.5",
    "guidance_scale=2",
    "corrections=2",
    # after a look at those above
    "guidance_scale=1.25",
    "guidance_scale=1.25 lf_temperature=0.9",
    "guidance_scale=1.5 lf_temperature=0.9",
    "lf_temperature=0.85",
    "guidance_scale=1.25 steps=20",
)
SCORES = {
    "fid_unmapped": "FID before",
    "fid": "FID",
    "cfid": "cFID",
    "rocket_fid": "ROCKET-FID",
    "auc": "AUC",
    "recall": "Recall",
    "as_asked": "As asked",
}
CRITERIA = ("fid", "cfid", "rocket_fid")  # as in candidates.py


class Run:
    """The networks of a run, and the series of VAL as its judge and ROCKET see them.

    Raises
    ------
    UserError
        If the study is scored on TEST, the data have no classes, or a file is missing or damaged.
    """

    def __init__(self, ctx: StepContext) -> None:
        self.ctx, (train, val) = ctx, series_of(ctx)
        self.val, self.counts = val, np.bincount(train.y, minlength=train.n_classes).tolist()
        self.tokenizer, self.prior = registry.load(ctx.params.generator, ctx.model(1)), Prior.load(ctx.model(2))
        self.mapper, self.judge = Mapper.load(ctx.model(3)), Judge.load(ctx.paths.fcn)
        rocket = ctx.params.rocket
        self.rocket = RocketFeatures(val.X.shape[1], val.X.shape[2], rocket.n_kernels, rocket.seed)
        self.n = sample_count(ctx.params.sample.n_samples, len(val.X))
        self.features, self.described = self.judge.features(val.X), self.rocket(val.X)

    def sampling(self, setting: str) -> Sample:
        """The section ``sample`` with what a setting changes, "" for nothing.

        Raises
        ------
        UserError
            If there is no such parameter, or it does not take the value.
        """
        changes = ["sample.unconditional=mixture", *(f"sample.{change}" for change in setting.split())]
        return override(self.ctx.params, changes).sample

    def measure(self, sampling: Sample) -> dict[str, list[float]]:
        """The scores of `DRAWS` draws, and the seconds that each took."""
        model = TwoStageGenerator(self.tokenizer, self.prior, sampling, self.counts)
        draws = []
        for draw in range(DRAWS):
            y = model.draw_classes(self.n, new_rng(self.ctx.seed, FOLDER, "class", draw))
            assert y is not None  # there are classes, and sampling is by mixture
            start = time.process_time()
            X = model.sample(self.n, y, rng=new_rng(self.ctx.seed, FOLDER, draw), session=self.ctx.session)
            seconds = time.process_time() - start
            draws.append(self._score(X, y.numpy(), draw) | {"seconds": seconds})
        return {name: [scores[name] for scores in draws] for name in draws[0]}

    def _score(self, X: torch.Tensor, y: np.ndarray, draw: int) -> dict[str, float]:
        mapped = self.mapper.map(X).numpy()
        features, probabilities = self.judge.features_and_probabilities(mapped)
        described, n_classes = self.rocket(mapped), len(self.counts)
        rng = np.random.default_rng([self.ctx.seed, draw])
        return {
            "fid_unmapped": fid(self.features, self.judge.features(X.numpy())),
            "fid": fid(self.features, features),
            "cfid": class_fid(self.features, self.val.y, features, y, n_classes).mean,
            "rocket_fid": fid(self.described, described),
            "auc": real_or_generated(self.described, described, rng).auc,
            "recall": manifold_scores(self.features, features)["recall"],
            "as_asked": accuracy(probabilities, y),
        }


def run(ctx: StepContext, settings: Sequence[str]) -> None:
    """Measure the settings, and the study's own, as far as they have not been measured."""
    path, of_run = record_file(ctx.paths, FOLDER), Run(ctx)
    samplings = {setting or AS_SET: of_run.sampling(setting) for setting in ("", *settings)}
    record = load_json(path) if path.is_file() else {}
    weights = [hashlib.md5(ctx.paths.weights(stage).read_bytes()).hexdigest() for stage in (1, 2, 3)]
    if record and (record["weights"], record["draws"]) != (weights, DRAWS):
        raise UserError(f"{path}: was measured on other weights, or with another number of draws; remove it")
    record |= {
        "weights": weights,
        "dataset": ctx.dataset,
        "seed": ctx.seed,
        "n": {"samples": of_run.n, "val": len(of_run.val.X)},
        "draws": DRAWS,
        "fcn_accuracy": of_run.judge.accuracy(of_run.val.X, of_run.val.y),
        "version": __version__,
    }
    found = record.setdefault("settings", {})
    for setting, sampling in samplings.items():
        if setting not in found:
            found[setting] = of_run.measure(sampling)
            save_json(path, record)
            ctx.log.info("%s: FID %.3g", setting, np.mean(found[setting]["fid"]))


def results(studies: Sequence[Path], out: Path = OUT) -> None:
    """Table and figure of what has been measured, to ``OUT.md`` and ``OUT.png``."""
    records = records_of(studies, FOLDER)
    write_page(out, _table(records), _figure(records))


def measure_of(record: Mapping[str, Any], setting: str) -> tuple[float, float]:
    """Score of a setting over that of the study's own, geometric mean over `CRITERIA`: mean over draws, and error.

    Draws of the same seed are compared; the standard error is that of their mean logarithm, as a factor.
    """
    own, other = record["settings"][AS_SET], record["settings"][setting]
    logs = np.mean([np.log(np.divide(other[name], own[name])) for name in CRITERIA], axis=0)
    error = float(np.std(logs, ddof=1) / math.sqrt(len(logs)))
    return math.exp(float(np.mean(logs))), error


def _table(records: Sequence[dict[str, Any]]) -> Table:
    header = ["Data set", "Study", "Seed", "Setting", "Measure", *SCORES.values(), "Time"]
    cells = []
    for record in records:
        base = np.mean(record["settings"][AS_SET]["seconds"])
        for setting, scores in record["settings"].items():
            ratio, error = measure_of(record, setting)
            values = [mean_and_sd(scores[name]) for name in SCORES]
            held = "1" if setting == AS_SET else f"{ratio:.2f} ± {ratio * error:.2f}"
            own = [record["dataset"], record["study"], str(record["seed"]), setting, held]
            cells.append([*own, *values, f"{np.mean(scores['seconds']) / base:.1f}"])
    sizes = of_each_set(records, "{samples} series against {val} of VAL")
    note = (
        f"{sizes}. Mean ± sd over {records[0]['draws']} draws of series, the class drawn first. All but “FID "
        "before” are of mapped series. Measure: FID, cFID and ROCKET-FID over those of the same draw with the "
        f"setting “{AS_SET}”, geometric mean ± standard error over the draws. As asked: share of the series "
        "that the judge takes for the class that was asked for. Time: of drawing, as a ratio."
    )
    numeric = [title not in ("Data set", "Study", "Setting") for title in header]
    return Table("How tokens are drawn", header, numeric, cells, notes=[note])


@style.styled
def _figure(records: Sequence[dict[str, Any]]) -> Figure:
    settings = list(dict.fromkeys(name for record in records for name in record["settings"]))
    figure = style.new_figure(0.2 * len(settings) + 0.9)
    columns = figure.subplots(1, len(records), squeeze=False, sharey=True)[0]
    for record, axes in zip(records, columns, strict=True):
        known = [setting for setting in settings if setting in record["settings"]]
        found = [measure_of(record, setting) for setting in known]
        at = [settings.index(setting) for setting in known]
        ratios, errors = np.array([ratio for ratio, _ in found]), np.array([error for _, error in found])
        spread = [ratios - ratios * np.exp(-errors), ratios * np.exp(errors) - ratios]
        axes.errorbar(ratios, at, xerr=spread, fmt="o", color=style.MAPPED, markersize=3)
        axes.axvline(1, color=style.NEUTRAL, linewidth=0.8)
        axes.set(title=f"{record['dataset']}, seed {record['seed']}\n{record['study']}", xlabel="measure")
        axes.set_xscale("log")
        ends = np.exp(errors)
        low, high = 0.97 * min(0.9, (ratios / ends).min()), 1.03 * max(1.1, (ratios * ends).max())
        fine = (0.9, 1.1) if high < 1.5 * low else ()
        ticks = [tick for tick in (0.3, 0.5, 0.7, 0.8, *fine, 1, 1.2, 1.5, 2, 3, 5) if low <= tick <= high]
        axes.set_xlim(low, high)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    columns[0].set_yticks(range(len(settings)), settings)
    columns[0].invert_yaxis()
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure a run, or write the page."""
    parser = parser_of(__doc__)
    parser.add_argument("--try", dest="settings", action="append", metavar="SETTING", help="in place of all")
    options = parser.parse_args(arguments)
    if options.results:
        results(options.studies)
    elif options.dataset is None:
        parser.error("--dataset is needed, or --results")
    else:
        for study in options.studies:
            run(open_context(study, "evaluate", options.dataset, options.seed), options.settings or SETTINGS)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
