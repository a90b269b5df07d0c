"""The steps of the pipeline: what each reads, writes and depends on.

``dvc.yaml`` is made from this table (`definition`), Snakemake's rules read it from there, the key of a checkpoint
and the provenance of an artifact follow from it. Two more things a step depends on stand in no list, since they
can be found out: the code that it runs (`code`) and, for the first step, the user's own files (`fingerprint`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nm_vqtsg.params import Stage3
from nm_vqtsg.study.paths import Paths

Scope = Literal["dataset", "seed", "study"]

FIGURES = (
    "cfid_classes",
    "codebook_usage",
    "fig2_overlays",
    "fig3_pairs",
    "fig4_features",
    "fig5_tau",
    "loss_curves",
    "reconstructions",
    "tau_curve",
)
TABLES = ("controls", "second_opinion", "table1", "table2", "table3")
NOTATIONS = ("csv", "html", "md", "tex")


@dataclass(frozen=True)
class Step:
    """One step of the pipeline.

    Attributes
    ----------
    name : str
        In both engines and on the command line.
    scope : str
        What it runs once for: a data set, a data set and seed, or the study.
    summary : str
        What it does, in a few words.
    reads, writes : tuple of Path
        Files of other steps, and its own; patterns with ``{dataset}`` and ``{seed}``, relative to the study.
    params : tuple of str
        Keys of params.yaml that its results depend on: sections, or ``section.key``.
    curve : Path or None
        The loss curve, which it writes, too. A step with a curve trains: it keeps checkpoints and can be resumed.
    metrics : Path or None
        Numbers for ``dvc metrics``, which it writes, too.
    in_git : tuple of Path
        Those of `writes` that git keeps instead of DVC.
    settled : tuple of Path
        Those of `reads` whose content says all there is to know, however it was found: what is made from them does
        not bear the parameters of the search.
    own_data : bool
        Whether it reads files that no step makes.
    """

    name: str
    scope: Scope
    summary: str
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    params: tuple[str, ...] = ()
    curve: Path | None = None
    metrics: Path | None = None
    in_git: tuple[Path, ...] = ()
    settled: tuple[Path, ...] = ()
    own_data: bool = False

    @property
    def trains(self) -> bool:
        """Whether it trains a network."""
        return self.curve is not None

    @property
    def products(self) -> tuple[Path, ...]:
        """All that it writes."""
        return (*self.writes, *(path for path in (self.curve, self.metrics) if path is not None))


_P = Paths(Path(), "{dataset}", "{seed}")
_SHORT_MAPPER = tuple(sorted(f"stage3.{name}" for name in Stage3.model_fields if name != "steps"))
"""What the mappers of the search have in common with that of stage 3."""

_ALL = (
    Step(
        "download",
        "dataset",
        "the series as the archive, sktime or a file of the user's gives them",
        writes=(_P.raw,),
        params=("data",),
        own_data=True,
    ),
    Step(
        "resplit",
        "dataset",
        "TRAIN and TEST, 80/20, scaled by TRAIN",
        reads=(_P.raw,),
        writes=(_P.train, _P.test),
        params=("data",),
    ),
    Step(
        "fcn",
        "dataset",
        "the judge behind FID, IS and cFID",
        reads=(_P.train, _P.test),
        writes=(_P.fcn, _P.fcn_report),
        params=("fcn",),
        curve=_P.fcn_curve,
    ),
    Step(
        "stage1",
        "seed",
        "the tokeniser",
        reads=(_P.train, _P.test),
        writes=(_P.weights(1), _P.report(1)),
        params=("generator", "stage1"),
        curve=_P.curve(1),
    ),
    Step(
        "stage2",
        "seed",
        "the prior",
        reads=(_P.train, _P.test, _P.weights(1)),
        writes=(_P.weights(2), _P.report(2)),
        params=("generator", "stage2"),
        curve=_P.curve(2),
    ),
    Step(
        "sample",
        "seed",
        "synthetic series of the generator, unconditional and per class",
        reads=(_P.train, _P.test, _P.weights(1), _P.weights(2)),
        writes=(_P.samples, _P.pool),
        params=("generator", "sample"),
    ),
    Step(
        "tau_search",
        "seed",
        "the temperature of SVQ; apart from its curve, since stage 3 reads tau.json alone",
        reads=(_P.train, _P.weights(1), _P.samples, _P.pool),
        writes=(_P.tau, _P.tau_curve),
        params=("generator", "rocket", "svq", "tau_grid", "tau_search", *_SHORT_MAPPER),
    ),
    Step(
        "stage3",
        "seed",
        "the neural mapper",
        reads=(_P.train, _P.weights(1), _P.tau, _P.pool),
        writes=(_P.weights(3), _P.report(3)),
        params=("generator", "stage3", "svq"),
        curve=_P.curve(3),
        settled=(_P.tau, _P.pool),
    ),
    Step(
        "evaluate",
        "seed",
        "FID, IS and cFID before and after the mapper",
        reads=(
            _P.train,
            _P.test,
            _P.fcn,
            _P.fcn_report,
            _P.report(1),
            _P.report(2),
            _P.report(3),
            _P.samples,
            _P.tau_curve,
            _P.weights(1),
            _P.weights(3),
        ),
        writes=(_P.mapped, _P.metrics),
        params=("evaluate", "generator", "rocket", "svq", "tau_grid"),
        in_git=(_P.metrics,),
    ),
    Step(
        "plot",
        "seed",
        "Figures 2-5 and what else is worth a look, and a page about the run",
        reads=(
            _P.train,
            _P.test,
            _P.fcn,
            _P.fcn_curve,
            _P.weights(1),
            _P.report(1),
            _P.curve(1),
            _P.curve(2),
            _P.curve(3),
            _P.samples,
            _P.tau_curve,
            _P.mapped,
            _P.metrics,
        ),
        writes=(*(_P.figure(f"{name}.png") for name in FIGURES), _P.page),
        params=("evaluate", "generator", "plot", "rocket"),
    ),
    Step(
        "tables",
        "study",
        "Tables 1-3 beside the paper's, and the numbers for `dvc metrics`",
        reads=(_P.all_metrics,),
        writes=(
            *(_P.tables / f"{name}.{notation}" for name in TABLES for notation in NOTATIONS),
            *(_P.tables / f"summary.{notation}" for notation in ("html", "md")),
        ),
        params=("datasets", "seeds"),
        metrics=_P.study_metrics,
        in_git=(
            *(_P.tables / f"{name}.{notation}" for name in TABLES for notation in NOTATIONS),
            *(_P.tables / f"summary.{notation}" for notation in ("html", "md")),
            _P.study_metrics,
        ),
    ),
)

STEPS: dict[str, Step] = {step.name: step for step in _ALL}
"""Every step by name, in an order in which they can run."""

TRAINED = tuple(name for name, step in STEPS.items() if step.trains)
"""The steps that train."""

EXPORTED = ("sample", "stage3")
"""The steps whose parameters a model bears that is taken out of a study."""

_MAKERS = {path: step for step in _ALL for path in step.products}


def sections(*names: str) -> tuple[str, ...]:
    """Keys of params.yaml on which the content of the outputs of steps depends, through all steps before them.

    A ``section.key`` stands alone only where the whole section does not.
    """
    keys: dict[str, None] = {}
    for step in _with_ancestors(names):
        keys |= dict.fromkeys(step.params)
        if step.own_data:
            keys["own_data"] = None
    return tuple(sorted(key for key in keys if "." not in key or key.partition(".")[0] not in keys))


def _with_ancestors(names: tuple[str, ...]) -> Iterator[Step]:
    pending, seen = [STEPS[name] for name in names], set[str]()
    while pending:
        step = pending.pop()
        if step.name not in seen:
            seen.add(step.name)
            yield step
            pending += [_MAKERS[path] for path in step.reads if path in _MAKERS and path not in step.settled]
