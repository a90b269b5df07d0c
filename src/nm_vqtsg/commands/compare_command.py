"""The command ``compare``."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from nm_vqtsg.commands import options
from nm_vqtsg.commands.fit_command import parameters
from nm_vqtsg.errors import UserError, one_line, shown


def compare_command(
    data: options.Data,
    generators: Annotated[
        str,
        typer.Option(help="timevqvae, vqvae, or of other projects (extra `baselines`) ddpm, par; with commas."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for tables and models: a new one.")],
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
        float | None, typer.Option(help="Minutes that all may take, in equal shares; chooses the steps.")
    ] = None,
    preset: options.Preset = "best",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="key=value on top of the preset, or ddpm.steps=1000; may be given several times."
        ),
    ] = None,
    seed: options.AnySeed = 0,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop a comparison of other data or parameters.")
    ] = False,
    device: options.Device = "auto",
    progress: options.Progress = "auto",
    checkpoint_every: options.Every = 60.0,
) -> None:
    """Several generators on a file of your own: same series, same scores, one table; goes on where it was."""
    began = time.monotonic()
    options.check_surroundings(device, progress)
    names = [name.strip() for name in generators.split(",") if name.strip()]

    import torch

    from nm_vqtsg.commands.compare import TABLE, Contest, compare
    from nm_vqtsg.commands.evaluate_files import CsvLayout
    from nm_vqtsg.commands.fit_request import Request
    from nm_vqtsg.datasets.mending import Mending
    from nm_vqtsg.generators.baselines import BASELINES
    from nm_vqtsg.tokenizer.registry import known

    _check_names(names, [*known(), *BASELINES])
    own, settings = _sorted_changes(
        changes or [], names, {name: cls.budget for name, cls in BASELINES.items()}, budget
    )
    params = parameters(preset, own, budget, seed)
    options.say(
        f"nm-vqtsg compare: preset {preset}{''.join(f', {change}' for change in changes or [])}, seed {seed}"
    )
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    csv = CsvLayout.of_options(layout, series_column, time_column, channels)
    mending = Mending(length, fit_length, gaps)  # type: ignore[arg-type]
    contest = Contest(Request(data, test, labels, csv, mending, params, budget), names, settings)
    session = options.session_of(device, progress, checkpoint_every)
    with session.stop.listening():
        text = compare(contest, out, session, began=began, restart=restart, say=options.say)
    typer.echo(text)
    minutes = (time.monotonic() - began) / 60
    typer.echo(one_line(f"written: {out / TABLE}.md, .csv, .json and .png ({minutes:.1f} minutes)"))


def _check_names(names: list[str], there: list[str]) -> None:
    """Refuse generators that there are not, or that are named twice."""
    if not names:
        raise UserError(f"--generators: names none; there are {', '.join(there)}")
    for place, name in enumerate(names):
        if name not in there:
            raise UserError(f"--generators: {shown(name)} is unknown; there are {', '.join(there)}")
        if name in names[:place]:
            raise UserError(f"--generators: {name} is named twice; leave one out")


def _sorted_changes(
    changes: list[str], names: list[str], lengths: dict[str, str], budget: float | None
) -> tuple[list[str], dict[str, list[str]]]:
    """Changes of this project's parameters, and those of other generators' settings, under their names."""
    own, settings = list[str](), {name: list[str]() for name in lengths}
    for change in changes:
        key = change.partition("=")[0].strip()
        name, dot, setting = key.partition(".")
        if key == "generator":
            raise UserError("--set generator: --generators names them; leave it out")
        if not dot or name not in settings:
            own.append(change)
            continue
        if name not in names:
            raise UserError(f"--set {key}: {name} is not among --generators; name it there, or leave it out")
        if budget is not None and setting == lengths[name]:
            raise UserError(f"--set {key}: --budget chooses that; leave one of them out")
        settings[name].append(change.strip().removeprefix(f"{name}."))
    return own, settings
