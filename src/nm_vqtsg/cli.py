"""The command line: ``python -m nm_vqtsg <step> --dataset NAME --seed N [--study DIR]``."""

import importlib
import inspect
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from nm_vqtsg import __version__
from nm_vqtsg.commands.fit_command import fit_command
from nm_vqtsg.commands.options import (
    Channels,
    Device,
    Every,
    FitLength,
    Gaps,
    Labels,
    Layout,
    Length,
    Progress,
    SeriesColumn,
    TimeColumn,
    check_surroundings,
)
from nm_vqtsg.errors import UserError, machine_error, one_line
from nm_vqtsg.files import check_target
from nm_vqtsg.session.stop import Interrupted, StopRequest
from nm_vqtsg.steps.context import CHECKPOINT_EVERY_S
from nm_vqtsg.study.graph import STEPS, Step

app = typer.Typer(
    name="nm_vqtsg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Make synthetic time series more real, and prove it.",
)
study_app = typer.Typer(no_args_is_help=True, help="Make and look at study directories.")
app.add_typer(study_app, name="study")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"nm-vqtsg {__version__}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Make synthetic time series more real, and prove it."""


app.command("fit")(fit_command)

Dataset = Annotated[str, typer.Option(help="Name of a data set of the study.")]
Seed = Annotated[int, typer.Option(help="A seed of the study.")]
Study = Annotated[Path, typer.Option(help="Folder with the study's params.yaml.")]
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


def show_log() -> None:
    """Lines of the log on standard error, for commands that keep none in a file."""
    logger = logging.getLogger("nm_vqtsg")
    logger.setLevel(logging.INFO)
    logger.handlers = [logging.StreamHandler()]
    logger.propagate = False


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


def _add_step(step: Step) -> None:
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
    app.command(step.name, help=SUMMARIES[step.name])(command)


for _step in STEPS.values():
    if _step.name not in ("sample", "evaluate"):  # which also work outside a study, below
        _add_step(_step)


@app.command("sample", help=SUMMARIES["sample"] + " Of a study; or from a saved model, into a file.")
def sample(
    model: Annotated[Path | None, typer.Argument(help="Folder of a saved model.")] = None,
    dataset: Annotated[str, typer.Option(help="Name of a data set of the study.")] = "",
    seed: Annotated[
        int | None, typer.Option(help="A seed of the study; of a saved model any, its own if left out.")
    ] = None,
    study: Study = Path(),
    device: Device = "auto",
    progress: Progress = "auto",
    n: Annotated[int | None, typer.Option("-n", help="How many series; of each class with --per-class.")] = None,
    label: Annotated[str | None, typer.Option("--class", help="Class of all series, by its label.")] = None,
    per_class: Annotated[bool, typer.Option("--per-class", help="-n series of each class.")] = False,
    unmapped: Annotated[bool, typer.Option("--unmapped", help="Leave the model's mapper out.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write: .csv or .npz.")] = None,
) -> None:
    """One run of a study, or a saved model."""
    if model is None:
        if n is not None or label is not None or per_class or unmapped or out is not None:
            raise UserError("sample: -n, --class, --per-class, --unmapped and --out need the folder of a model")
        if not dataset or seed is None:
            raise UserError("sample: give the folder of a model, -n and --out; or --dataset and --seed of a study")
        return run_step("sample", study, dataset, seed, device=device, progress=progress)
    if dataset or n is None or out is None:
        raise UserError("sample: the folder of a model goes with -n and --out, and without --dataset")
    from nm_vqtsg.commands.sample_model import sample_model

    check_surroundings(device, progress)
    written = sample_model(
        model,
        out,
        n,
        label=label,
        per_class=per_class,
        seed=seed,
        mapped=not unmapped,
        device=device,
        progress=progress != "none",
    )
    typer.echo(one_line(f"written: {out} ({written})"))


@app.command("export", help="Take a run out of a study, as a folder with a model card.")
def export_run(
    dataset: Dataset,
    seed: Seed,
    out: Annotated[Path, typer.Option(help="Folder to write the model into.")],
    study: Study = Path(),
) -> None:
    """The generator of a run, with its mapper and scores where they are made already."""
    from nm_vqtsg.commands.export import export
    from nm_vqtsg.steps.context import open_context

    written = export(open_context(study, "export", dataset, seed, device="cpu"), out)
    typer.echo(one_line(f"written: {out} ({', '.join(written)})"))


@app.command("export-arrays", help="Write series as arrays (N, L, C) in files that other programs read.")
def export_arrays(
    out: Annotated[Path, typer.Option(help="New folder: NAME_ts.npy, NAME_labels.npy and meta.json.")],
    dataset: Annotated[str, typer.Option(help="Name of a data set of the study.")] = "",
    seed: Annotated[int | None, typer.Option(help="A seed of the study.")] = None,
    study: Study = Path(),
    train: Annotated[Path | None, typer.Option(help="Without --dataset: .npz, .csv, .ts or _ts.npy.")] = None,
    valid: Annotated[Path | None, typer.Option(help="The same.")] = None,
    test: Annotated[Path | None, typer.Option(help="The same.")] = None,
    generated: Annotated[Path | None, typer.Option(help="The same: what `sample --out` wrote.")] = None,
    valid_share: Annotated[
        float, typer.Option(help="Share of TRAIN that becomes valid; ConTSG-Bench does not train without.")
    ] = 0.0,
    labels: Labels = None,
    layout: Layout = None,
    series_column: SeriesColumn = None,
    time_column: TimeColumn = None,
) -> None:
    """A run of a study with its samples, or any files; all in the units of the data."""
    from nm_vqtsg.commands.evaluate_files import CsvLayout
    from nm_vqtsg.commands.export_arrays import export_files, export_run
    from nm_vqtsg.steps.context import open_context

    given = {"train": train, "valid": valid, "test": test, "generated": generated}
    csv = {"layout": layout, "series_column": series_column, "time_column": time_column}
    files = {name: path for name, path in given.items() if path is not None}
    if not files:
        if not dataset or seed is None:
            raise UserError("export-arrays: give --dataset and --seed, or files, such as --train and --test")
        if any(value is not None for value in (labels, *csv.values())):
            raise UserError(
                f"export-arrays: {_options({'labels': labels} | csv)} go with files, not with --dataset"
            )
        written = export_run(open_context(study, "export", dataset, seed, device="cpu"), out, valid_share)
    else:
        if dataset or seed is not None:
            raise UserError(f"export-arrays: {_options(given)} go without --dataset and --seed")
        layouts = CsvLayout(**csv)  # type: ignore[arg-type]
        written = export_files(files, out, labels=labels, csv=layouts, valid_share=valid_share)
    typer.echo(one_line(f"written: {out} ({written})"))


@app.command("evaluate", help=SUMMARIES["evaluate"] + " With --real and --synthetic: measure any two files.")
def evaluate(
    dataset: Annotated[str, typer.Option(help="Name of a data set of the study.")] = "",
    seed: Annotated[int | None, typer.Option(help="A seed of the study.")] = None,
    study: Study = Path(),
    device: Device = "auto",
    progress: Progress = "auto",
    real: Annotated[
        Path | None, typer.Option(help="Real series: .npz, .csv, .ts, _ts.npy or a folder with test_ts.npy.")
    ] = None,
    synthetic: Annotated[Path | None, typer.Option(help="Series to measure: .npz, .csv, .ts or _ts.npy.")] = None,
    train: Annotated[Path | None, typer.Option(help="Real series that the generator learnt from.")] = None,
    labels: Labels = None,
    layout: Layout = None,
    series_column: SeriesColumn = None,
    time_column: TimeColumn = None,
    channels: Channels = None,
    length: Length = None,
    fit_length: FitLength = None,
    gaps: Gaps = None,
    fcn: Annotated[
        Path | None,
        typer.Option(help="A judge: fcn.safetensors of a study, published:FordA, or a published .ckpt."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write everything that was measured here, as JSON.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a page with scores and pictures here, as HTML that needs no network."),
    ] = None,
) -> None:
    """One run of a study, or any two files."""
    more = {"train": train, "labels": labels, "fcn": fcn}
    csv = {"layout": layout, "series_column": series_column, "time_column": time_column, "channels": channels}
    mending = {"length": length, "fit_length": fit_length, "gaps": gaps}
    check_surroundings(device, progress)
    if real is None and synthetic is None:
        written = {"out": out, "report": report}
        beside = more | csv | mending | written
        if any(value is not None for value in beside.values()):
            raise UserError(f"evaluate: {_options(beside)} go with --real and --synthetic")
        if not dataset or seed is None:
            raise UserError("evaluate: give --dataset and --seed, or --real and --synthetic")
        return run_step("evaluate", study, dataset, seed, device=device, progress=progress)
    if real is None or synthetic is None or dataset or seed is not None:
        raise UserError("evaluate: --real and --synthetic go together, and without --dataset and --seed")
    print_scores(real, synthetic, (out, report), device, progress, csv, more | {"mending": mending})


def _options(values: dict[str, Any]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name, value in values.items() if value is not None)


def print_scores(
    real: Path,
    synthetic: Path,
    written: tuple[Path | None, Path | None],
    device: str,
    progress: str,
    csv: dict[str, Any],
    more: dict[str, Any],
) -> None:
    """Measure one file against another, print the scores, and write numbers and a page where they are wanted."""
    from nm_vqtsg.artifacts import save_json
    from nm_vqtsg.commands.evaluate_files import CsvLayout, evaluate_files, write_report
    from nm_vqtsg.datasets.mending import Mending
    from nm_vqtsg.evaluation.table import format_scores
    from nm_vqtsg.session import Session
    from nm_vqtsg.session.device import chosen_device
    from nm_vqtsg.session.progress import Silent, chosen_progress

    out, report = written
    _check_written({"--out": out, "--report": report}, [real, synthetic, more["train"], more["fcn"]])
    if progress == "lines":
        show_log()
    shown = Silent() if progress == "none" else chosen_progress(progress, logging.getLogger("nm_vqtsg"))
    session = Session(device=chosen_device(device), progress=shown)
    with session.stop.listening():
        layouts, mending = CsvLayout.of_options(**csv), Mending(**more.pop("mending"))
        measured = evaluate_files(real, synthetic, csv=layouts, mending=mending, session=session, **more)
        typer.echo(format_scores(measured.scores))
        if out is not None:
            save_json(out, measured.scores)
            typer.echo(one_line(f"written: {out}"))
        if report is not None:
            files = {"real": real, "synthetic": synthetic, "train": more["train"]}
            write_report(report, measured, files, session=session)
            typer.echo(one_line(f"written: {report}"))


def _check_written(written: dict[str, Path | None], inputs: list[Path | None]) -> None:
    """Refuse to write where nothing can be written, over what is to be measured, or twice to the same file."""
    there = [path for path in inputs if path is not None and os.path.exists(path)]
    for option, path in written.items():
        if path is None:
            continue
        check_target(path)
        if path.exists() and any(path.samefile(other) for other in there):
            raise UserError(
                f"{path}: {option} is one of the files to measure, and would replace it; name another file"
            )
    places = [path.resolve() for path in written.values() if path is not None]
    if len(set(places)) < len(places):
        raise UserError(f"{places[0]}: {' and '.join(written)} name the same file; name two")


@app.command("params")
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


@app.command("fingerprint")
def look_for_fingerprint(study: Study = Path()) -> None:
    """Write fingerprint.json: digests of the code of each step and of the study's own data, for DVC."""
    from nm_vqtsg.artifacts import save_json
    from nm_vqtsg.study.fingerprint import Fingerprint
    from nm_vqtsg.study.paths import Paths

    save_json(Paths(study).fingerprint, Fingerprint(study).as_dict())


@app.command("plan")
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


@study_app.command("new")
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


@study_app.command("show")
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


def main() -> None:
    """Entry point; a user's mistake becomes one line on standard error and status 1."""
    for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):  # before NumPy and torch are loaded
        os.environ.setdefault(variable, "1")
    try:
        with StopRequest().listening():
            app()
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.exit_status)
    except Exception as error:
        mistake = error if isinstance(error, UserError) else machine_error(error)
        if mistake is None:
            raise
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(1)
