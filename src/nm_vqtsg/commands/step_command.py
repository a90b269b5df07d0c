"""The commands of the steps: one run, or one data set, of a study."""

import importlib
import inspect
import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from nm_vqtsg.commands.options import Dataset, Device, Every, Progress, Seed, Study, check_surroundings
from nm_vqtsg.files import check_target
from nm_vqtsg.steps.context import CHECKPOINT_EVERY_S
from nm_vqtsg.study.graph import Step

Precision = Annotated[
    str, typer.Option(envvar="NM_VQTSG_PRECISION", help="float32, or bfloat16 for mixed precision on a GPU.")
]
Compiled = Annotated[bool, typer.Option("--compile", envvar="NM_VQTSG_COMPILE", help="Use torch.compile.")]

SUMMARIES = {
    "download": "Fetch a data set.",
    "resplit": "Split it 80/20 and scale it.",
    "fcn": "Train the FCN judge.",
    "stage1": "Train the tokeniser.",
    "stage2": "Train the prior.",
    "sample": "Draw series from the generator.",
    "tau_search": "Find the temperature of stochastic vector quantisation.",
    "stage3": "Train the neural mapper.",
    "evaluate": "Map the samples and measure them.",
    "plot": "Draw the figures.",
    "tables": "Gather the tables of the study.",
}


def run_step(step: str, study: Path, dataset: str = "", seed: int | None = None, **surroundings: Any) -> None:
    """Run one step: check parameters, log, lock, compute, clean up.

    `surroundings` are options of the command line, such as `device`; see `StepContext`.
    """
    from nm_vqtsg.steps.context import open_context

    check_surroundings(**surroundings)
    context = open_context(study, step, dataset, seed, **surroundings)
    context.check_access()
    module = importlib.import_module(f"nm_vqtsg.steps.{step}")
    with context.locked():
        with context.recorded():
            start_logging(context.paths.log(step))
            context.log.info("%s begins", context.paths.job(step))
            if step != "download":
                import torch

                torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
            with context.session.stop.listening():
                module.run(context)
        context.finish()
        context.log.info("%s is done", context.paths.job(step))


def start_logging(path: Path) -> None:
    """Plain lines with the time in a file; the same without the time on standard error."""
    check_target(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(path, mode="a", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_terminal = logging.StreamHandler()
    to_terminal.setFormatter(logging.Formatter("%(message)s"))
    if sys.stderr.isatty():
        to_terminal.addFilter(
            lambda record: record.levelno >= logging.WARNING or " is done" in record.getMessage()
        )
    logger = logging.getLogger("nm_vqtsg")
    logger.setLevel(logging.INFO)
    logger.handlers = [to_file, to_terminal]
    logger.propagate = False
    logging.raiseExceptions = False  # a log that cannot be written (a full disk) is no reason for a traceback
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers = [to_file]
    warnings.simplefilter("default")


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "dataset": (Dataset, inspect.Parameter.empty),
    "seed": (Seed, inspect.Parameter.empty),
    "study": (Study, Path()),
    "device": (Device, "auto"),
    "progress": (Progress, "auto"),
    "checkpoint_every": (Every, CHECKPOINT_EVERY_S),
    "precision": (Precision, "float32"),
    "compiled": (Compiled, False),
}
_TRAINING = ("checkpoint_every", "precision", "compiled")


def step_command(step: Step) -> Callable[..., None]:
    """The command of a step, with the options that its scope and its training give it."""
    absent = {"dataset": ("seed",), "study": ("dataset", "seed"), "seed": ()}[step.scope]
    absent = (*absent, *(() if step.trains else _TRAINING))

    def command(**options: Any) -> None:
        run_step(step.name, **options)

    chosen = {name: option for name, option in _OPTIONS.items() if name not in absent}
    command.__annotations__ = {name: annotation for name, (annotation, _) in chosen.items()}
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in chosen.items()
        ]
    )
    return command
