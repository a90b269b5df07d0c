"""What the Snakefile needs: inputs, outputs and commands of ``dvc.yaml``, and which jobs are out of date.

Snakemake decides by file times, which say nothing once DVC, git or a copy has touched the files. Here the inputs
of a job that is up to date by content are `ancient`, so their times count for nothing; a job that is not, or
follows one that is not, has plain inputs and one more, a file that is new at each start. Snakemake's own
record keeping has no part in it.
"""

from __future__ import annotations

import atexit
import errno
import logging
import os
import re
import shlex
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from nm_vqtsg.artifacts import json_text, save_json
from nm_vqtsg.engines.lock import EngineBusyError, EngineLock, dvc_is_still
from nm_vqtsg.engines.locktext import update_lock
from nm_vqtsg.engines.pipeline import FINGERPRINT, Pipeline
from nm_vqtsg.engines.records import (
    Digests,
    contents,
    fingerprint_of,
    ingredients,
    products,
    same_ingredients,
    stale_stages,
)
from nm_vqtsg.engines.store import Store, made_by_a_run, read_lock
from nm_vqtsg.engines.study import check_study
from nm_vqtsg.errors import ParameterError, UserError, machine_error, shown
from nm_vqtsg.files import check_readable, check_writable
from nm_vqtsg.params import load_params
from nm_vqtsg.study.fingerprint import Fingerprint

CHANGED = Path(".snakemake", "changed")
SHOWN = {".png", ".html"}  # what the report shows in its page; it would only download others
MEMORY = Path(".snakemake", "digests.json")


class Study:
    """The study in a directory, as the rules see it.

    Parameters
    ----------
    directory
        Where ``dvc.yaml`` and ``params.yaml`` lie; Snakemake's working directory.
    ancient
        Snakemake's marker for inputs whose time does not count.
    decide
        Whether to look for what is out of date. A job on another node does what it is told and does not look.
    gpu
        GPUs that a training job asks for.
    record
        Whether what runs have made is entered into ``dvc.lock``; DVC's cache keeps it in any case.
    runs
        Whether Snakemake is to run something, not to show it (``-n``, ``--lint``, ``--report``); asked late, since
        it is not known while the Snakefile is read.
    """

    def __init__(
        self,
        directory: Path,
        ancient: Callable[[str], Any],
        decide: bool = True,
        gpu: int = 0,
        record: bool = True,
        runs: Callable[[], bool] = lambda: True,
    ) -> None:
        self.directory = directory.resolve()
        self.pipeline = Pipeline(self.directory)
        self.store = Store(self.directory)
        self._ancient = ancient
        self._decide = decide
        self._record = record
        self._ended = False
        self.runs = runs
        self.gpu = gpu
        self.lock = EngineLock(self.store.root, [self.directory / top for top in self._output_folders()])

    def datasets(self) -> list[str]:
        """Names of the study's data sets."""
        return [str(name) for name in self.pipeline.params["datasets"]]

    def outputs(self, step: str) -> list[str]:
        """Patterns of a step's outputs."""
        return self.pipeline.patterns(step)

    def reported(self, step: str, captions: Path, show: Callable[[str, str, str], Any]) -> list[Any]:
        """The same, with those marked for the report that have a caption (``NAME.rst``) and can be shown.

        Parameters
        ----------
        show
            Makes the mark, from a pattern, its caption's path and the title with which the caption begins.
        """
        marked = []
        for path in self.outputs(step):
            caption = captions / f"{Path(path).stem}.rst"
            if Path(path).suffix in SHOWN and caption.is_file():
                title = re.match(r"\*\*([^,*]+)", caption.read_text(encoding="utf-8"))
                marked.append(show(path, str(caption), title.group(1) if title else caption.stem))
            else:
                marked.append(path)
        return marked

    def inputs(self, step: str) -> Callable[[Any], list[Any]]:
        """A step's input function."""

        def of_job(wildcards: Any) -> list[Any]:
            stage = self.pipeline.find(step, dict(wildcards.items()))
            paths = self.pipeline.inputs(stage)
            with self._or_end():
                due = stage.name in self.due
            return [*paths, str(CHANGED)] if due else [self._ancient(path) for path in paths]

        return of_job

    def command(self, step: str) -> str:
        """The shell command of a step's rule: the stage's own command, with its record kept."""
        names = self.pipeline.definition["stages"][step]
        name = f"{step}@{{wildcards.dataset}}" if "foreach" in names else step
        if "matrix" in names:
            name = f"{step}@" + "-".join(f"{{wildcards.{key}}}" for key in names["matrix"])
        source = Path(__file__).resolve().parents[2]
        return (
            f"PYTHONPATH={shlex.quote(os.path.relpath(source, self.directory))} "
            f"{shlex.quote(sys.executable)} -m nm_vqtsg.engines.job {name} > {{log}} 2>&1"
        )

    def targets(self) -> list[str]:
        """Every output that no other stage reads."""
        read = {path for stage in self.pipeline.stages.values() for path in self.pipeline.inputs(stage)}
        return [path for path in self.pipeline.producers if path not in read]

    @cached_property
    def due(self) -> set[str]:
        """Names of the stages that are out of date or follow one that is."""
        if not self._decide:
            return set()
        digests = Digests(self.directory / MEMORY)
        fingerprint = fingerprint_of(self.pipeline, digests)
        locked = read_lock(self.directory)
        records = {**locked, **self._finished(locked, digests, fingerprint)}
        due = stale_stages(self.pipeline, records, digests, fingerprint)
        for stage in self.pipeline.order:
            if due & self.pipeline.upstream(stage):
                due.add(stage.name)
        if due and self.runs():
            self._check_writable(due)
        for record in (self.directory / ".snakemake" / "metadata").glob("*"):
            check_readable(record)  # Snakemake looks into them, and lets its own group alone read them
        remembered = self.directory / ".snakemake" / "iocache" / "latest.pkl"
        if not self.runs() or remembered.exists():
            check_writable(remembered)  # a dry run of Snakemake writes it, a run removes it
        digests.save()
        if due:
            CHANGED.parent.mkdir(exist_ok=True)
            CHANGED.write_text(uuid.uuid4().hex)
        return due

    def _check_writable(self, due: set[str]) -> None:
        """Look whether a run can write wherever it will, before Snakemake or hours of work find out."""
        for name in due:
            for out in self.pipeline.stages[name].outs:
                check_writable(self.directory / out)
        for folder in (".", CHANGED.parent, ".checkpoints", "logs", "logs/snakemake", "logs/benchmarks"):
            check_writable(self.directory / folder / "new")
        check_writable(self.store.root / ".dvc" / "tmp" / "nm_vqtsg" / "new")
        self.store.check_writable()

    def begin(self) -> None:
        """Claim the study for this run of Snakemake, or end it with one line."""
        with self._or_end():
            self.lock.acquire()
            self.look()

    @contextmanager
    def _or_end(self) -> Iterator[None]:
        """End the process with one line where something goes wrong that a user can mend, and settle nothing."""
        before, self._ended = self._ended, True
        with in_one_line():
            yield
        self._ended = before

    def commit(self) -> int:
        """Enter into ``dvc.lock`` what runs have made and the workspace holds; returns the number of new entries.

        Only what the run cache knows is entered: a stale file is never blessed. Without anything new the file is
        left alone.
        """
        if not self._record:
            return 0
        digests = Digests(self.directory / MEMORY)
        new = self._finished(read_lock(self.directory), digests, fingerprint_of(self.pipeline, digests))
        digests.save()
        if new:
            with dvc_is_still(self.store.root):
                update_lock(self.directory, new)
        return len(new)

    def end(self) -> None:
        """Commit, and withdraw the claim."""
        self._ended = True
        with in_one_line():
            try:
                self.commit()
            except EngineBusyError as error:
                print(f"dvc.lock: the next run brings it up to date ({error})", file=sys.stderr)
            finally:
                self.lock.release()

    def settle(self) -> None:
        """Do what a run has left to do that found no job, or broke off; nothing if somebody else is at work."""
        if self._ended:
            return
        if not self.lock.held:
            try:
                self.lock.acquire()
            except EngineBusyError:
                return
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                    return  # who may only read the study leaves nothing to settle
                raise
            self.look()
        self.end()

    def look(self) -> None:
        """Write ``fingerprint.json`` where it is not what it should be, for DVC.

        Raises
        ------
        UserError
            If a file of the user's, which the study names, does not exist.
        """
        if self.pipeline.look is None:
            return
        digests = Digests(self.directory / MEMORY)
        content = fingerprint_of(self.pipeline, digests).as_dict()
        path = self.directory / FINGERPRINT
        if not path.is_file() or path.read_bytes() != json_text(content).encode():
            save_json(path, content)
        digests.save()

    def _finished(self, locked: Mapping[str, Any], digests: Digests, fingerprint: Fingerprint) -> dict[str, Any]:
        """Records of finished runs that the workspace agrees with and the lock does not."""
        records = {}
        for stage in self.pipeline.stages.values():
            now = ingredients(self.pipeline, stage, digests, fingerprint)
            outs = products(self.pipeline, stage, digests)
            if now is None or outs is None:
                continue
            current = {**now, "outs": outs}
            recorded = locked.get(stage.name)
            agrees = same_ingredients(current, recorded) and contents(outs) == contents(
                (recorded or {}).get("outs", [])
            )
            if not agrees and made_by_a_run(self.store, current):
                records[stage.name] = current
        look = self.pipeline.look
        outs = products(self.pipeline, look, digests) if look is not None else None
        if look is not None and outs is not None:
            record = {"cmd": look.cmd, "outs": outs}
            if locked.get(look.name) != record:
                records[look.name] = record
        return records

    def _output_folders(self) -> set[str]:
        return {Path(out).parts[0] for out in self.pipeline.producers}


def open_study(workflow: Any, ancient: Callable[[str], Any]) -> Study:
    """The study in Snakemake's working directory, its parameters checked.

    Only the main process decides what to run, and only one that is to run something, not to show it, changes the
    study's files. ``--config gpu=1`` says that jobs find a GPU where they run, ``gpu=0`` that they do not; without
    it, this machine is asked. ``--config record=0`` leaves ``dvc.lock`` as it is.
    """
    directory = Path.cwd()
    logging.raiseExceptions = False  # where Snakemake's log has no room, no traceback for every line that it says
    os.environ["NM_VQTSG_PROJECT"] = str(Path(workflow.basedir))  # for profiles, which know no path of their own
    config = workflow.globals["config"]
    with in_one_line():
        load_params(directory / "params.yaml")
        if workflow.is_main_process:
            check_study(directory)
        study = Study(
            directory,
            ancient,
            decide=workflow.is_main_process,
            gpu=int(_switch(config, "gpu", shutil.which("nvidia-smi") is not None)),
            record=_switch(config, "record", True),
            runs=lambda: workflow.executor_plugin is not None and not workflow.dryrun,
        )
        if workflow.is_main_process:
            fingerprint_of(study.pipeline, Digests(study.directory / MEMORY)).as_dict()  # a missing file ends here
            atexit.register(_settle, study)
    return study


def _settle(study: Study) -> None:
    """At the end of the process, since Snakemake has no hook for a run that finds nothing to do, or breaks off.

    Only now is known what the process was for.
    """
    if not study.runs():
        return
    try:
        study.settle()
    except Exception as error:
        mistake = error if isinstance(error, UserError) else machine_error(error)
        if mistake is None:
            raise
        print(f"Error: {mistake}", file=sys.stderr)


def _switch(config: Mapping[str, Any], name: str, default: bool) -> bool:
    """A value of ``--config`` that is 0 or 1."""
    value = str(int(default) if config.get(name) is None else config[name])
    if value not in ("0", "1"):
        raise ParameterError(f"--config {name}: {shown(value)} is neither 0 nor 1; write {name}=0 or {name}=1")
    return value == "1"


@contextmanager
def in_one_line() -> Iterator[None]:
    """End the process with one line where something goes wrong that a user can mend."""
    try:
        yield
    except Exception as error:
        mistake = error if isinstance(error, UserError) else machine_error(error)
        if mistake is None:
            raise
        refuse(mistake)


def refuse(error: UserError) -> NoReturn:
    """End the process with one line."""
    print(f"Error: {error}", file=sys.stderr)
    raise SystemExit(1)
