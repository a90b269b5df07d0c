"""The commands about a study as a whole: ``params``, ``plan``, ``fingerprint``, ``study new``, ``study show``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from nm_vqtsg.commands.options import Device, Study
from nm_vqtsg.errors import UserError


def print_params(
    check: Annotated[Path | None, typer.Option(help="Check this file instead of printing the defaults.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing about a file that is fine.")] = False,
    preset: Annotated[
        str | None, typer.Option(help="Print in what a preset (paper, best) differs from the defaults.")
    ] = None,
) -> None:
    """Print the default params.yaml, or what a preset changes in it, or check one."""
    from nm_vqtsg.params import Params, as_yaml, load_params, preset_text

    if preset is not None:
        if check is not None:
            raise UserError("params: --preset and --check exclude each other; choose one")
        typer.echo(preset_text(preset), nl=False)
    elif check is None:
        typer.echo(as_yaml(Params()), nl=False)
    else:
        params = load_params(check)
        if not quiet:
            typer.echo(f"{check}: fine, {len(params.datasets)} data sets, {len(params.seeds)} seeds")


def look_for_fingerprint(study: Study = Path()) -> None:
    """Write fingerprint.json: digests of the code of each step and of the study's own data, for DVC."""
    from nm_vqtsg.artifacts import save_json
    from nm_vqtsg.study.fingerprint import Fingerprint
    from nm_vqtsg.study.paths import Paths

    save_json(Paths(study).fingerprint, Fingerprint(study).as_dict())


def plan_study(
    study: Study = Path(),
    cores: Annotated[int, typer.Option(min=1, help="Jobs at a time.")] = 2,
    device: Device = "auto",
) -> None:
    """Estimate how long the study will take on this machine, from a calibration of two minutes."""
    import torch
    from rich.console import Console

    from nm_vqtsg.params import load_params
    from nm_vqtsg.planning.plan import make_plan
    from nm_vqtsg.planning.sizes import data_size
    from nm_vqtsg.planning.table import duration, judges_in_words, plan_table
    from nm_vqtsg.session.device import chosen_device
    from nm_vqtsg.study.paths import Paths

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    params = load_params(study / "params.yaml")
    sizes = {}
    for name in params.datasets:
        paths = Paths(study, name)
        sizes[name] = data_size(params, name, study, (paths.train, paths.test))
    chosen = chosen_device(device)

    def say(what: str, done: int, total: int) -> None:
        typer.echo(f"calibration {done + 1}/{total}: {what}", err=True)

    plan = make_plan(params, sizes, chosen, say)
    where = "processor time" if chosen.type == "cpu" else f"time on {torch.cuda.get_device_name(chosen)}"
    Console(width=170, soft_wrap=True).print(plan_table(plan))
    typer.echo(
        f"In all {duration(plan.total)} of {where}; about {duration(plan.elapsed(cores))} from beginning to end "
        f"with {cores} job(s) at a time on an otherwise idle machine. {judges_in_words(params, plan)}"
    )


def new_study(
    directory: Annotated[Path, typer.Argument(help="The study's folder, inside the project.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="key=value; may be given several times.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A recipe, paper or best; --set goes on top of it. See params --preset.")
    ] = None,
) -> None:
    """Make a study directory, or change the parameters of one."""
    from nm_vqtsg.artifacts import save_text
    from nm_vqtsg.engines.study import new_study as make_study
    from nm_vqtsg.params import Params, as_yaml, load_params, override, with_preset

    if preset is not None:
        with_preset(Params(), preset)  # refused before anything is made
    written = make_study(directory)
    if changes or preset is not None:
        params = load_params(directory / "params.yaml")
        params = params if preset is None else with_preset(params, preset)
        params = override(params, changes or [])
        save_text(directory / "params.yaml", as_yaml(params))
        written = sorted({*written, (directory / "params.yaml").resolve()})
    for path in written:
        typer.echo(f"written: {os.path.relpath(path)}")


def show_study(directory: Annotated[Path, typer.Argument(help="The study's folder.")] = Path()) -> None:
    """Print the results of a study and say where its figures lie."""
    from nm_vqtsg.steps.context import open_context
    from nm_vqtsg.steps.tables import load_runs
    from nm_vqtsg.tables import summary_text

    context = open_context(directory, "tables")
    runs, absent = load_runs(context)
    if not runs:
        raise UserError(f"{directory}: no run has been evaluated yet; run snakemake --directory {directory}")
    typer.echo(summary_text(runs, absent=absent))
    figures = sorted({path.parent for path in (directory / "results").glob("*/seed*/figures/*.png")})
    typer.echo(f"\nTables:  {directory / 'results' / 'tables'}")
    for folder in figures:
        typer.echo(f"Figures: {folder} ({', '.join(path.stem for path in sorted(folder.glob('*.png')))})")
    for page in sorted((directory / "results").glob("*/seed*/report.html")):
        typer.echo(f"Page:    {page}")
