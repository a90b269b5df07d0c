"""The command ``sample``."""

from pathlib import Path
from typing import Annotated

import typer

from nm_vqtsg.commands.options import Device, Progress, Study, check_surroundings
from nm_vqtsg.commands.step_command import run_step
from nm_vqtsg.errors import UserError, one_line


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
