"""plot: the figures of one run, and the page about it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from nm_vqtsg import figures
from nm_vqtsg.artifacts import atomic_path, load_json, load_npz, save_text
from nm_vqtsg.datasets.series import Series, split_names
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.evaluation.any_series import Measured
from nm_vqtsg.evaluation.scores import Samples
from nm_vqtsg.evaluation.table import ON_VALIDATION
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.counts import ENOUGH
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Svq
from nm_vqtsg.report import Subject, report_page
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.tokenizer import registry
from nm_vqtsg.tokenizer.model import Tokenizer

NO_LABELS = "The series of this data set have no labels, so no FCN can be trained to judge them."


@dataclass
class Inputs:
    """The artifacts of a run, each read when a figure first needs it."""

    ctx: StepContext

    @property
    def random(self) -> np.random.Generator:
        """The same for every figure, so that none depends on the others."""
        return np.random.default_rng(self.ctx.params.plot.seed)

    @property
    def axes(self) -> dict[str, Any]:
        """What stands beside the values of a figure."""
        return {"unit": figures.Z_SCORE, "channels": self.test.channels}

    @cached_property
    def train(self) -> Series:
        return Series.load(self.ctx.paths.train)

    @cached_property
    def test(self) -> Series:
        return Series.load(self.ctx.paths.test)

    @cached_property
    def samples(self) -> dict[str, Samples]:
        """Before and after the mapper."""
        files = {"baseline": self.ctx.paths.samples, "mapped": self.ctx.paths.mapped}
        arrays = {name: load_npz(path, required=("X",)) for name, path in files.items()}
        return {name: Samples(own["X"], own.get("X_class"), own.get("y_class")) for name, own in arrays.items()}

    @property
    def generated(self) -> np.ndarray:
        return self.samples["baseline"].X

    @property
    def mapped(self) -> np.ndarray:
        return self.samples["mapped"].X

    @cached_property
    def judge(self) -> Judge | None:
        return None if self.test.y is None else Judge.load(self.ctx.paths.fcn, self.ctx.session.device)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return load_json(self.ctx.paths.metrics)

    @cached_property
    def stage1(self) -> dict[str, Any]:
        return load_json(self.ctx.paths.report(1))

    @cached_property
    def search(self) -> dict[str, Any]:
        return load_json(self.ctx.paths.tau_curve)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        ctx = self.ctx
        return registry.load(ctx.params.generator, ctx.model(1), ctx.session.device)

    def tensor(self, X: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(X).to(self.ctx.session.device)

    def some(self, X: np.ndarray, n: int) -> np.ndarray:
        """`n` rows of X, in order; the same for sets of equal size."""
        return np.sort(self.random.permutation(len(X))[:n])


def overlays(run: Inputs) -> Figure:
    """Figure 2."""
    n = run.ctx.params.plot.n_overlay
    return figures.overlays(run.test.X, run.generated, run.mapped, rng=run.random, n=n, **run.axes)


def pairs(run: Inputs) -> Figure:
    """Figure 3."""
    n = run.ctx.params.plot.n_pairs
    return figures.pairs(run.generated, run.mapped, rng=run.random, n=n, **run.axes)


def feature_planes(run: Inputs) -> Figure:
    """Figure 4."""
    if run.judge is None:
        return figures.statement("Figure 4: FCN features", NO_LABELS)
    n = run.ctx.params.plot.n_points
    sets = [run.judge.features(X[run.some(X, n)]) for X in (run.test.X, run.generated, run.mapped)]
    fid = {key: run.metrics[name]["fid"] for key, name in (("generated", "baseline"), ("mapped", "mapped"))}
    return figures.feature_planes(*sets, fid=fid)


def stochastic_variants(run: Inputs) -> Figure:
    """Figure 5; kernels, distance and unit are those of the search."""
    params, search = run.ctx.params.plot, run.search
    generated = run.generated[run.some(run.generated, params.n_points)]
    real = run.train.X[run.some(run.train.X, params.n_points)]
    drawn = StochasticVariants(run.tokenizer, run.tensor(real), Svq(**search["svq"]))
    variants = {
        tau: np.concatenate(
            [x.cpu().numpy() for x in drawn.batches(tau, torch.Generator().manual_seed(params.seed))]
        )
        for tau in figures.shown_taus(search["grid"], search["tau"])
    }
    _, channels, length = generated.shape
    rocket = RocketFeatures(channels, length, **search["rocket"])
    return figures.stochastic_variants(
        generated,
        variants,
        rocket(generated),
        {tau: rocket(X) for tau, X in variants.items()},
        fid=dict(zip(search["grid"], search["fid"], strict=True)),
        chosen=search["tau"],
        **run.axes,
    )


def tau_curve(run: Inputs) -> Figure:
    """The search for τ."""
    search = run.search
    return figures.tau_curve(
        search["grid"],
        search["fid"],
        chosen=search["tau"],
        at_edge=search["at_edge"],
        sizes=(search["n_generated"], search["n_train"]),
        outcome=(outcome["fid"], outcome["fid_unmapped"]) if (outcome := search.get("outcome")) else None,
    )


def class_bars(run: Inputs) -> Figure:
    """cFID class by class."""
    versions = {name: run.metrics[name].get("cfid_per_class") for name in ("baseline", "mapped")}
    if not all(versions.values()):
        return figures.statement("cFID of each class", run.metrics["missing"].get("cfid", NO_LABELS))
    labels = [] if run.test.labels is None else run.test.labels.tolist()
    intervals = run.metrics.get("intervals", {})
    return figures.class_bars(
        versions,
        intervals={name: intervals.get(name, {}).get("cfid_per_class", {}) for name in versions},
        reference=(run.metrics.get("reference") or {}).get("cfid_per_class", {}),
        left_out=[label for label in labels if label not in versions["baseline"]],
    )


def codebook_usage(run: Inputs) -> Figure:
    """How TRAIN, or enough of it to see the shape, uses the codes of each band."""
    X = run.train.X[run.some(run.train.X, ENOUGH)]
    tokens = run.tokenizer.tokens(run.tensor(X))
    plans = run.tokenizer.plans
    counts = {
        plan.label: torch.bincount(ids.flatten(), minlength=len(book.codes)).cpu().numpy()
        for plan, ids, book in zip(plans, tokens, run.tokenizer.codebooks, strict=True)
    }
    usage = run.stage1["usage"]
    return figures.codebook_usage(counts, usage={plan.label: usage[plan.name] for plan in plans})


def loss_curves(run: Inputs) -> Figure:
    """Loss and learning rate of everything that was trained."""
    paths = run.ctx.paths
    sources = {
        "FCN (judge)": paths.fcn_curve,
        "Stage 1: tokeniser": paths.curve(1),
        "Stage 2: prior": paths.curve(2),
        "Stage 3: mapper": paths.curve(3),
    }
    if run.judge is None or run.judge.source == "published":  # nothing was trained here
        del sources["FCN (judge)"]
    if run.search["tau"] is None:  # nothing was trained
        del sources["Stage 3: mapper"]
    plans = run.tokenizer.plans
    errors = {plan.name: f"{plan.label}: error of the reconstruction" for plan in plans}
    commitments = {f"{plan.name}_commitment": f"{plan.label}: distance of encoder and codes" for plan in plans}
    tokens = {f"loss_{band}": f"{plan.label}: cross-entropy of hidden tokens" for band, plan in enumerate(plans)}
    tokens |= {f"validation_{name}": f"{words}, held out" for name, words in tokens.items()}
    tokens["validation_loss"] = "the sum on TRAIN series that were held out"
    names = {
        "FCN (judge)": {
            "loss": "loss: cross-entropy on TRAIN",
            "validation_loss": "the same on TRAIN series that were held out",
        },
        "Stage 1: tokeniser": {"loss": "loss: weighted sum of the others", **errors, **commitments},
        "Stage 2: prior": {"loss": "loss: sum of the others" if len(plans) > 1 else "loss", **tokens},
        "Stage 3: mapper": {
            "loss": "loss: distance of mapped variants and real series, L1 by default",
            "l1": "of it, L1",
            "stft": "of it, distance of the Fourier magnitudes, unweighted",
            "energy": "of it, energy distance of mapped samples and real series, unweighted",
            "l1_input": "L1 of the variants unmapped, to be beaten",
            "validation_loss": "loss on TRAIN series that were held out",
            "validation_input": "that of no mapping, to be beaten",
        },
    }
    return figures.loss_curves({title: read_curve(path) for title, path in sources.items()}, names=names)


def reconstructions(run: Inputs) -> Figure:
    """TEST series and what the tokeniser makes of them."""
    rows = run.some(run.test.X, run.ctx.params.plot.n_pairs)
    X = run.test.X[rows]
    rebuilt = run.tokenizer.reconstruct(run.tensor(X)).cpu().numpy()
    names = [f"{split_names(run.test.facts())[1]} {row}" for row in rows]
    return figures.reconstructions(X, rebuilt, names=names, **run.axes)


def read_curve(path: Path) -> dict[str, np.ndarray]:
    """Columns of a ``*_curve.tsv``.

    Raises
    ------
    ArtifactError
        If the file is missing or no table of numbers.
    """
    try:
        names, *rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        columns = zip(*(map(float, row) for row in rows), strict=True)
        return {name: np.array(column) for name, column in zip(names, columns, strict=True)}
    except FileNotFoundError as error:
        raise ArtifactError(f"{path}: no such file; run the step that makes it") from error
    except ValueError as error:
        raise ArtifactError(f"{path}: not a table of numbers; run the step that makes it again") from error


FIGURES: dict[str, tuple[str, Callable[[Inputs], Figure]]] = {
    "fig2_overlays.png": ("Figure 2: series over one another", overlays),
    "fig3_pairs.png": ("Figure 3: before and after the mapper", pairs),
    "fig4_features.png": ("Figure 4: features of the FCN", feature_planes),
    "fig5_tau.png": ("Figure 5: the τ that the samples resemble", stochastic_variants),
    "tau_curve.png": ("The search for τ", tau_curve),
    "cfid_classes.png": ("FID of each class", class_bars),
    "codebook_usage.png": ("Use of the codebooks", codebook_usage),
    "loss_curves.png": ("Training", loss_curves),
    "reconstructions.png": ("Series and their reconstructions", reconstructions),
}
"""File to title and function. Every run has all of these files; where there is nothing to draw, the figure says
why."""


def draw(run: Inputs, name: str) -> Figure:
    """One of `FIGURES`, with its title, data set and seed above it."""
    title, function = FIGURES[name]
    figure = figures.titled(function(run), f"{title}. {run.ctx.dataset}, seed {run.ctx.seed}")
    return figures.footnote(figure, ON_VALIDATION) if run.test.validation else figure


def png(run: Inputs, name: str) -> bytes:
    """One of `FIGURES` as a PNG; equal artifacts give equal bytes."""
    return figures.png_bytes(draw(run, name))


def page(run: Inputs) -> str:
    """The page about the run."""
    measured = Measured(run.metrics, run.test, run.samples, run.train, run.judge)
    title, sources = f"{run.ctx.dataset}, seed {run.ctx.seed}", {"real": split_names(run.test.facts())[1]}
    subject = Subject.of(title, measured, run.ctx.params, sources)
    return report_page(subject, run.ctx.session)


def run(ctx: StepContext) -> None:
    """Draw all figures of a run, and its page; nothing is written before all is drawn.

    Raises
    ------
    ArtifactError
        If an artifact of the run is missing or damaged.
    """
    inputs = Inputs(ctx)
    with ctx.session.track("figures", len(FIGURES)) as task:
        drawn = {}
        for name in FIGURES:
            drawn[name] = png(inputs, name)
            task.advance()
    text = page(inputs)
    for name, data in drawn.items():
        with atomic_path(ctx.paths.figure(name)) as temporary:
            temporary.write_bytes(data)
        ctx.log.info("%s (%d kB)", ctx.paths.figure(name), len(data) // 1000)
    save_text(ctx.paths.page, text)
    ctx.log.info("%s (%d kB)", ctx.paths.page, len(text) // 1000)
