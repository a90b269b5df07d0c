"""The commands ``export`` and ``export-arrays``."""

from pathlib import Path
from typing import Annotated

import typer

from nm_vqtsg.commands.options import Dataset, Labels, Layout, Seed, SeriesColumn, Study, TimeColumn, given_options
from nm_vqtsg.errors import UserError, one_line


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
                f"export-arrays: {given_options({'labels': labels} | csv)} go with files, not with --dataset"
            )
        written = export_run(open_context(study, "export", dataset, seed, device="cpu"), out, valid_share)
    else:
        if dataset or seed is not None:
            raise UserError(f"export-arrays: {given_options(given)} go without --dataset and --seed")
        layouts = CsvLayout(**csv)  # type: ignore[arg-type]
        written = export_files(files, out, labels=labels, csv=layouts, valid_share=valid_share)
    typer.echo(one_line(f"written: {out} ({written})"))
