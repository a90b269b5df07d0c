"""The command line: ``python -m nm_vqtsg``, or ``nm-vqtsg``; each command is in a file of `nm_vqtsg.commands`."""

import os
import sys
from typing import Annotated

import typer

from nm_vqtsg import __version__
from nm_vqtsg.commands.compare_command import compare_command
from nm_vqtsg.commands.evaluate_command import evaluate
from nm_vqtsg.commands.export_commands import export_arrays, export_run
from nm_vqtsg.commands.fit_command import fit_command
from nm_vqtsg.commands.sample_command import sample
from nm_vqtsg.commands.step_command import SUMMARIES, step_command
from nm_vqtsg.commands.study_commands import look_for_fingerprint, new_study, plan_study, print_params, show_study
from nm_vqtsg.errors import UserError, machine_error
from nm_vqtsg.memory import limit_memory
from nm_vqtsg.session.stop import Interrupted, StopRequest
from nm_vqtsg.study.graph import STEPS

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
app.command("compare")(compare_command)
for _step in STEPS.values():
    if _step.name not in ("sample", "evaluate"):  # which also work outside a study
        app.command(_step.name, help=SUMMARIES[_step.name])(step_command(_step))
app.command("sample", help=SUMMARIES["sample"] + " Of a study; or from a saved model, into a file.")(sample)
app.command("export", help="Take a run out of a study, as a folder with a model card.")(export_run)
app.command("export-arrays", help="Write series as arrays (N, L, C) in files that other programs read.")(
    export_arrays
)
app.command("evaluate", help=SUMMARIES["evaluate"] + " With --real and --synthetic: measure any two files.")(
    evaluate
)
app.command("params")(print_params)
app.command("fingerprint")(look_for_fingerprint)
app.command("plan")(plan_study)
study_app.command("new")(new_study)
study_app.command("show")(show_study)


def main() -> None:
    """Entry point; a user's mistake becomes one line on standard error and status 1."""
    for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):  # before NumPy and torch are loaded
        os.environ.setdefault(variable, "1")
    limit_memory()
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
