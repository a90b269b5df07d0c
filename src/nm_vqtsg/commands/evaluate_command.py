"""The command ``evaluate``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from nm_vqtsg.commands import options
from nm_vqtsg.commands.step_command import run_step
from nm_vqtsg.errors import UserError, one_line
from nm_vqtsg.files import check_target


def evaluate(
    dataset: Annotated[str, typer.Option(help="Name of a data set of the study.")] = "",
    seed: Annotated[int | None, typer.Option(help="A seed of the study.")] = None,
    study: options.Study = Path(),
    device: options.Device = "auto",
    progress: options.Progress = "auto",
    real: Annotated[
        Path | None, typer.Option(help="Real series: .npz, .csv, .ts, _ts.npy or a folder with test_ts.npy.")
    ] = None,
    synthetic: Annotated[Path | None, typer.Option(help="Series to measure: .npz, .csv, .ts or _ts.npy.")] = None,
    train: Annotated[Path | None, typer.Option(help="Real series that the generator learnt from.")] = None,
    labels: options.Labels = None,
    layout: options.Layout = None,
    series_column: options.SeriesColumn = None,
    time_column: options.TimeColumn = None,
    channels: options.Channels = None,
    length: options.Length = None,
    fit_length: options.FitLength = None,
    gaps: options.Gaps = None,
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
    written = {"out": out, "report": report}
    options.check_surroundings(device, progress)
    if real is None and synthetic is None:
        beside = more | csv | mending | written
        if any(value is not None for value in beside.values()):
            raise UserError(f"evaluate: {options.given_options(beside)} go with --real and --synthetic")
        if not dataset or seed is None:
            raise UserError("evaluate: give --dataset and --seed, or --real and --synthetic")
        return run_step("evaluate", study, dataset, seed, device=device, progress=progress)
    if real is None or synthetic is None or dataset or seed is not None:
        raise UserError("evaluate: --real and --synthetic go together, and without --dataset and --seed")

    from nm_vqtsg.artifacts import save_json
    from nm_vqtsg.commands.evaluate_files import CsvLayout, evaluate_files, write_report
    from nm_vqtsg.datasets.mending import Mending
    from nm_vqtsg.evaluation.table import format_scores

    _check_written(written, [real, synthetic, train, fcn])
    session = options.session_of(device, progress)
    with session.stop.listening():
        measured = evaluate_files(
            real,
            synthetic,
            train=train,
            labels=labels,
            csv=CsvLayout.of_options(layout, series_column, time_column, channels),
            mending=Mending(length, fit_length, gaps),  # type: ignore[arg-type]
            fcn=fcn,
            session=session,
        )
        typer.echo(format_scores(measured.scores))
        if out is not None:
            save_json(out, measured.scores)
            typer.echo(one_line(f"written: {out}"))
        if report is not None:
            files = {"real": real, "synthetic": synthetic, "train": train}
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
                f"{path}: --{option} is one of the files to measure, and would replace it; name another file"
            )
    places = [path.resolve() for path in written.values() if path is not None]
    if len(set(places)) < len(places):
        raise UserError(f"{places[0]}: --{' and --'.join(written)} name the same file; name two")
