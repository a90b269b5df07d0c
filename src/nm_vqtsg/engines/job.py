"""One stage as Snakemake runs it: restored where it was made before, else run and recorded.

A job that Snakemake starts need not compute: its inputs may have come out the same as before (a wider
``tau_grid`` that finds the same tau), or may be those of an earlier run (parameters set back). DVC would
restore the outputs from its run cache then, and so does this. A stage that ran is entered into the run cache
at once, hence whatever ends the workflow, either engine finds the finished work.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from pathlib import Path

from nm_vqtsg.engines.lock import EngineBusyError, dvc_is_still
from nm_vqtsg.engines.pipeline import Pipeline, Stage
from nm_vqtsg.engines.records import Digests, Record, fingerprint_of, ingredients, products, same_ingredients
from nm_vqtsg.engines.snake import CHANGED
from nm_vqtsg.engines.store import Store, read_lock
from nm_vqtsg.errors import ParameterError, UserError, machine_error
from nm_vqtsg.study.paths import KEEP_VARIABLE, Paths


def run_stage(directory: Path, name: str) -> int:
    """Bring the outputs of a stage about; returns the exit status of its command.

    Two jobs for one stage never run at once: the command inherits a lock, so that a command that outlived a
    killed Snakemake is waited for.
    """
    pipeline = Pipeline(directory)
    if name not in pipeline.stages:
        raise ParameterError(f"{directory / 'params.yaml'}: has no job {name} (any more); run the engine again")
    stage = pipeline.stages[name]
    store = Store(directory)
    locks = store.root / ".dvc" / "tmp" / "nm_vqtsg"
    locks.mkdir(parents=True, exist_ok=True)
    unique = str((directory / name).resolve().relative_to(store.root)).replace(os.sep, "+")
    with open(locks / f"{unique}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        before = _ingredients(pipeline, stage, Digests())
        if before is not None and _restored(pipeline, stage, before, store):
            _say(f"{name}: made before from the same inputs; restored from the cache, nothing computed")
            _leave_the_future(pipeline, stage, Path(lock.name))
            return 0
        store.check_writable()
        status = subprocess.run(
            ["/bin/sh", "-c", stage.cmd], cwd=directory, env=_environment(), pass_fds=(lock.fileno(),), check=False
        ).returncode
        if status == 0:
            _record(directory, stage, before, store)
            where = dict(stage.wildcards)
            Paths(directory, where.get("dataset", ""), where.get("seed")).remove_checkpoints(stage.step)
            _leave_the_future(pipeline, stage, Path(lock.name))
        return status


def _restored(pipeline: Pipeline, stage: Stage, now: Record, store: Store) -> bool:
    """Whether the outputs of the same work are to be had and are in place now; DVC's lock is asked first."""
    locked = read_lock(pipeline.directory).get(stage.name)
    if (
        locked is not None
        and same_ingredients(locked, now)
        and {e["path"] for e in locked.get("outs", [])} == set(stage.outs)
    ):
        if store.check_out(locked):
            return True
        with contextlib.suppress(EngineBusyError):
            with dvc_is_still(store.root, patience_s=600):
                pass
            store.fetch(stage.name)
        if store.check_out(locked):
            return True
    return any(store.check_out(record) for record in store.recall(now, stage.outs))


def _record(directory: Path, stage: Stage, before: Record | None, store: Store) -> None:
    """Enter what the stage made, unless its inputs were changed under it."""
    pipeline = Pipeline(directory)
    digests = Digests()
    outs = products(pipeline, stage, digests)
    after = _ingredients(pipeline, pipeline.stages.get(stage.name, stage), digests)
    if outs is None or before is None:
        return
    if not same_ingredients(before, after):
        _say(f"{stage.name}: its inputs, code or parameters changed while it ran; it will run again next time")
        return
    store.remember({**before, "outs": outs})


def _leave_the_future(pipeline: Pipeline, stage: Stage, clock: Path) -> None:
    """Give inputs the present time that have a later one, as a clock that was set back leaves them.

    Times decide nothing here. But Snakemake gives up a job that is done, and removes what it made, if an input is
    newer than an output. What the time is, the file system says, by the file `clock`.
    """
    os.utime(clock)
    now = clock.stat().st_mtime_ns
    for path in (*pipeline.inputs(stage), str(CHANGED)):
        with contextlib.suppress(OSError):  # it is not there, or somebody else's
            if (pipeline.directory / path).stat().st_mtime_ns > now:
                os.utime(pipeline.directory / path)


def _ingredients(pipeline: Pipeline, stage: Stage, digests: Digests) -> Record | None:
    return ingredients(pipeline, stage, digests, fingerprint_of(pipeline, digests))


def _environment() -> dict[str, str]:
    """The environment of a stage, in which `python` is the interpreter that runs this.

    The stage leaves its checkpoints: should its outputs not fit into the cache, Snakemake removes them.
    """
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, KEEP_VARIABLE: "1"}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """One job in the working directory; what a user can mend becomes one line."""
    try:
        return run_stage(Path.cwd(), sys.argv[1])
    except Exception as error:
        mistake = error if isinstance(error, UserError) else machine_error(error)
        if mistake is None:
            raise
        _say(f"error: {mistake}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
