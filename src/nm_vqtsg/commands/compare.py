"""Several generators on a file of one's own: trained on the same series, measured on the same ones held out."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from nm_vqtsg.artifacts import atomic_path, load_json, save_json, save_text
from nm_vqtsg.cells import escape_cell
from nm_vqtsg.commands.compare_folder import ComparisonFolder
from nm_vqtsg.commands.fit import check_before_work, held_out, read, size_of
from nm_vqtsg.commands.fit_baseline import BaselineWork, learnt_from
from nm_vqtsg.commands.fit_folder import RECORD
from nm_vqtsg.commands.fit_request import Request
from nm_vqtsg.commands.fit_work import GeneratorWork, Work
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.resplit import Split
from nm_vqtsg.estimators.folder import METRICS
from nm_vqtsg.evaluation.comparison import format_comparison, merged, rows_of
from nm_vqtsg.figures import comparison, png_bytes, titled
from nm_vqtsg.generators.baseline import Baseline
from nm_vqtsg.generators.baselines import BASELINES
from nm_vqtsg.metrics.counts import sample_count
from nm_vqtsg.params import Params, override
from nm_vqtsg.planning.baseline import length_within
from nm_vqtsg.planning.budget import choose, choose_alike
from nm_vqtsg.session import Session

TABLE = "comparison"
OF_ALL = ("fcn.", "evaluate.")
"""Beginnings of the parameters of judge and scores, which are the same for all generators."""
OF_OWN = ("generator", "stage1.", "stage2.", "stage3.", "svq.", "tau_grid", "tau_search.")
"""Beginnings of the parameters that mean nothing to a generator of another project."""


@dataclass(frozen=True)
class Contest:
    """What is to be compared.

    Attributes
    ----------
    request : Request
        Data and parameters of all; its budget is for all together.
    names : sequence of str
        Kinds of generators of this project, and of `BASELINES`.
    settings : mapping of str to sequence of str
        Name of a generator of another project to changes of its settings, such as ``steps=1000``.
    """

    request: Request
    names: Sequence[str]
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def minutes(self) -> float | None:
        """Of the budget, for each."""
        return None if self.request.minutes is None else self.request.minutes / len(self.names)

    def baseline(self, name: str, more: Sequence[str] = ()) -> Baseline[Any]:
        """The generator of another project called `name`, with some settings changed after all."""
        return BASELINES[name].of_changes([*self.settings.get(name, ()), *more])


def compare(
    contest: Contest,
    out: Path,
    session: Session,
    *,
    began: float,
    restart: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> str:
    """Train, measure and write a folder with one folder for each generator and tables about all; the tables.

    A comparison that was ended goes on: a generator that is finished is not trained again, and one that is not
    goes on from its checkpoints. A generator may be added later.

    Parameters
    ----------
    contest : Contest
        What.
    out : Path
        The folder: new, empty, or that of a comparison of the same data and parameters.
    session : Session
        Device, progress and the wish to stop.
    began : float
        When a budget began to run, by `time.monotonic`.
    restart : bool
        Drop a comparison of other data or parameters.
    say : callable
        Told in sentences what happens.

    Raises
    ------
    UserError
        If data, parameters, a generator or the folder cannot be used.
    """
    folder = ComparisonFolder(out)
    folder.check()
    own = [name for name in contest.names if name not in BASELINES]
    for name in contest.names:
        if name in BASELINES:
            contest.baseline(name).required()
    request, raw = read(contest.request, say)
    contest = replace(contest, request=request)
    split = held_out(request, raw, say)
    for name in own or [request.params.generator]:
        check_before_work(_for_kind(request, name), raw, split)
    wanted = {key: value for key, value in request.key(raw).items() if key != "generator"}
    folder.open(wanted | {"budget": contest.minutes}, restart)
    runner = _Runner(contest, raw, split, folder, session, say, restart)
    runner.share(began, own)
    for number, name in enumerate(contest.names, 1):
        say(f"Generator {number} of {len(contest.names)}: {name}.")
        runner.run(name)
    folder.tidy()
    return _write(contest, folder, labelled=raw.labels is not None)


def _for_kind(request: Request, name: str) -> Request:
    """The request of one of this project's generators."""
    return replace(request, params=override(request.params, [f"generator={name}"]))


class _Runner:
    """Chooses, trains and measures one generator after the other."""

    def __init__(
        self,
        contest: Contest,
        raw: RawData,
        split: Split,
        folder: ComparisonFolder,
        session: Session,
        say: Callable[[str], None],
        restart: bool,
    ) -> None:
        self.contest, self.raw, self.split, self.folder = contest, raw, split, folder
        self.session, self.say, self.restart = session, say, restart

    def share(self, began: float, own: Sequence[str]) -> None:
        """Choose what a budget leaves to judge and scores, and to a generator's training, if that has not been."""
        if self.folder.shared is not None:
            return
        if self.contest.minutes is None:
            self.folder.share([], 0.0)
            return
        self.say(f"The budget is shared: {self.contest.minutes:.3g} minutes for each generator and its scores.")
        name = own[0] if own else self.contest.request.params.generator
        self.say(f"Measuring this machine, to choose steps of {name}.")
        chosen = choose(
            _for_kind(self.contest.request, name).params,
            size_of(self.raw, self.split),
            60 * self.contest.minutes,
            self.session.device,
            began,
            lambda *_: self.session.stop.check(),
        )
        self._say_all(chosen.says)
        self.folder.share([change for change in chosen.changes if change.startswith(OF_ALL)], chosen.training)
        if own:
            self.folder.choose(name, [change for change in chosen.changes if not change.startswith(OF_ALL)])

    def _say_all(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            self.say(sentence)

    def run(self, name: str) -> None:
        """From data to a finished folder; nothing to do where that is there."""
        params = override(self.contest.request.params, self.folder.shared or [])
        if name in BASELINES:
            self._run_baseline(name, params)
            return
        changes = self.folder.chosen(name)
        if changes is None:
            changes = []
            if self.contest.minutes is not None:
                self.say(f"Measuring this machine, to choose steps of {name}.")
                mine, size = override(params, [f"generator={name}"]), size_of(self.raw, self.split)
                chosen = choose_alike(mine, size, self.folder.training, self.session.device)
                self._say_all(chosen.says)
                changes = list(chosen.changes)
            self.folder.choose(name, changes)
        params = override(params, [f"generator={name}", *changes])
        request = replace(self.contest.request, params=params, minutes=None)
        self._finish(name, request, request.key(self.raw), GeneratorWork)

    def _run_baseline(self, name: str, params: Params) -> None:
        request = replace(self.contest.request, params=params, minutes=None)
        changes = self.folder.chosen(name)
        if changes is None:
            changes = []
            if self.contest.minutes is not None:
                changes = self._length(name, request)
            self.folder.choose(name, changes)
        baseline = self.contest.baseline(name, changes)
        wanted = {key: value for key, value in request.key(self.raw).items() if not key.startswith(OF_OWN)}
        wanted |= {f"{name}.{key}": value for key, value in baseline.config.model_dump(mode="json").items()}
        self._finish(name, request, wanted, partial(BaselineWork, baseline))

    def _length(self, name: str, request: Request) -> list[str]:
        """How long a generator of another project trains, as a change of its settings."""
        baseline, config = self.contest.baseline(name), request.params.sample
        x, y = learnt_from(self.raw, self.split, request.name)
        n = sample_count(config.n_samples, len(self.split.test))
        if y is not None and baseline.by_class:
            n += config.n_per_class * int(y.max() + 1)
        self.say(f"Measuring {name} on this machine.")
        length, says = length_within(baseline, x, y, n, self.folder.training, self.session)
        self._say_all(says)
        return [f"{baseline.budget}={length}"]

    def _finish(self, name: str, request: Request, wanted: dict[str, Any], kind: Callable[..., Work]) -> None:
        folder = self.folder.of(name)
        folder.check()
        if folder.is_finished(wanted):
            self.say(f"{folder.out} is finished already.")
            return
        with folder.locked():
            if folder.open(wanted, self.restart):
                self.say("Going on with what was begun here.")
            clock = self.folder.clock(name)
            given = (request, request.params, self.raw, self.split, folder, self.session, self.say)
            work = kind(*given, clock=clock)
            work.run()
            work.write(folder.staging(), wanted)
            folder.publish()


def _write(contest: Contest, folder: ComparisonFolder, *, labelled: bool) -> str:
    """The tables and the picture, from what the finished folders hold; the tables."""
    results = {name: load_json(folder.path / name / METRICS) for name in contest.names}
    facts = {name: _facts(name, folder, results[name], labelled) for name in contest.names}
    shown = {name: {heading: _words(value) for heading, value in row.items()} for name, row in facts.items()}
    title = f"{contest.request.name}, seed {contest.request.seed}"
    text = format_comparison(results, shown)
    save_text(folder.path / f"{TABLE}.md", f"# Generators on {title}\n\n![]({TABLE}.png)\n\n{text}\n")
    rows = rows_of(results, facts)
    lines = io.StringIO()
    writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: escape_cell(value) for key, value in row.items()} for row in rows)
    save_text(folder.path / f"{TABLE}.csv", lines.getvalue())
    combined = merged(results)
    save_json(folder.path / f"{TABLE}.json", {"title": title, "generators": facts, **combined})
    with atomic_path(folder.path / f"{TABLE}.png") as temporary:
        temporary.write_bytes(png_bytes(titled(comparison(combined), f"Generators on {title}")))
    return text


def _facts(name: str, folder: ComparisonFolder, result: Mapping[str, Any], labelled: bool) -> dict[str, Any]:
    """What there is to say of a generator beside its scores."""
    weights = load_json(folder.path / name / RECORD)["weights"]
    other = BASELINES.get(name)
    facts: dict[str, Any] = {"what": "tokeniser and prior, with a mapper" if other is None else other.title}
    if labelled:
        facts["takes a class"] = other is None or other.by_class
    return facts | {
        "steps": "/".join(str(steps) for steps in result["steps"].values()),
        "weights": weights["generator"],
        "weights of the mapper": weights.get("mapper"),
        "training minutes": round(folder.minutes(name), 2),
    }


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == 0:  # such as the weights of a mapper, where none was better than one
        return "" if value is None else "none"
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)
