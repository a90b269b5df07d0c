"""The command ``fit``."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from nm_vqtsg.commands import options
from nm_vqtsg.errors import UserError, one_line
from nm_vqtsg.params.models import Params
from nm_vqtsg.params.presets import with_preset
from nm_vqtsg.params.text import override

OF_STUDIES = ("datasets", "seeds", "own_data", "plot", "data.source", "data.evaluate_on", "data.validation")
"""Beginnings of keys that mean nothing to a fit."""


def fit_command(
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Folder for the model: a new one.")],
    test: options.Test = None,
    labels: options.Labels = None,
    layout: options.Layout = None,
    series_column: options.SeriesColumn = None,
    time_column: options.TimeColumn = None,
    channels: options.Channels = None,
    length: options.Length = None,
    fit_length: options.FitLength = None,
    gaps: options.Gaps = None,
    budget: Annotated[
        float | None, typer.Option(help="Minutes that all may take; chooses the steps of every training.")
    ] = None,
    preset: options.Preset = "best",
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="key=value on top of the preset; may be given several times.")
    ] = None,
    seed: options.AnySeed = 0,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop an unfinished fit of other data or parameters.")
    ] = False,
    device: options.Device = "auto",
    progress: options.Progress = "auto",
    checkpoint_every: options.Every = 60.0,
) -> None:
    """From a file of your own to a model, its scores and a page; the same command again goes on where it was."""
    began = time.monotonic()
    options.check_surroundings(device, progress)
    params = parameters(preset, changes or [], budget, seed)
    options.say(f"nm-vqtsg fit: preset {preset}{''.join(f', {change}' for change in changes or [])}, seed {seed}")

    import torch

    from nm_vqtsg.commands.evaluate_files import CsvLayout
    from nm_vqtsg.commands.fit import fit
    from nm_vqtsg.commands.fit_request import Request
    from nm_vqtsg.commands.fit_work import REPORT
    from nm_vqtsg.datasets.mending import Mending
    from nm_vqtsg.evaluation.table import format_scores

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    csv = CsvLayout.of_options(layout, series_column, time_column, channels)
    mending = Mending(length, fit_length, gaps)  # type: ignore[arg-type]
    request = Request(data, test, labels, csv, mending, params, budget)
    session = options.session_of(device, progress, checkpoint_every)
    with session.stop.listening():
        scores = fit(request, out, session, began=began, restart=restart, say=options.say)
    typer.echo(format_scores(scores))
    minutes = (time.monotonic() - began) / 60
    typer.echo(one_line(f"written: {out}, with {out / REPORT} ({minutes:.1f} minutes)"))
    typer.echo(
        one_line(f"Draw series from it: nm-vqtsg sample {options.as_option(out)} -n 1000 --out synthetic.csv")
    )


def parameters(preset: str, changes: list[str], budget: float | None, seed: int) -> Params:
    """All parameters of a fit.

    Raises
    ------
    UserError
        If a preset or key is unknown, of studies alone, or chosen by the budget, too.
    """
    by_budget: tuple[str, ...] = ()
    if budget is not None:
        from nm_vqtsg.planning.budget import CHOSEN, check_minutes

        check_minutes(budget)
        by_budget = CHOSEN
    for change in changes:
        key = change.partition("=")[0].strip()
        if key.startswith(OF_STUDIES):
            raise UserError(f"--set {key}: is of studies, and means nothing to a fit; leave it out")
        if key in by_budget:
            raise UserError(f"--set {key}: --budget chooses that; leave one of them out")
    params = override(with_preset(Params(), preset), changes)
    if params.fcn.source != "own":
        raise UserError("--set fcn.source: only data sets of the UCR archive have a published judge; leave it out")
    return params.model_copy(update={"seeds": (seed,)})
