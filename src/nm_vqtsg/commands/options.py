"""Options of the command line that several commands have."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nm_vqtsg.errors import UserError, one_line

if TYPE_CHECKING:
    from nm_vqtsg.session import Session

Dataset = Annotated[str, typer.Option(help="Name of a data set of the study.")]
Seed = Annotated[int, typer.Option(help="A seed of the study.")]
Study = Annotated[Path, typer.Option(help="Folder with the study's params.yaml.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Progress = Annotated[str, typer.Option(help="auto, bar, lines or none.")]
Every = Annotated[
    float, typer.Option(min=0, envvar="NM_VQTSG_CHECKPOINT_EVERY", help="Seconds between two checkpoints.")
]
Data = Annotated[Path, typer.Option(help="Your series: .csv, .npz, .ts, _ts.npy, or a folder of these.")]
Test = Annotated[
    Path | None, typer.Option(help="Series to measure on, instead of a part of --data held out by chance.")
]
Preset = Annotated[str, typer.Option(help="A recipe, best or paper; see params --preset.")]
AnySeed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of everything that is drawn.")]
Labels = Annotated[
    str | None, typer.Option(help="Array (.npz) or column (.csv: its name, or -1, the last) with labels.")
]
Layout = Annotated[
    str | None,
    typer.Option(help="Of all .csv files: wide, a series a row, or long, a time step a row."),
]
SeriesColumn = Annotated[
    str | None, typer.Option(help="Long .csv: the column that tells series apart; 'series' by default.")
]
TimeColumn = Annotated[
    str | None, typer.Option(help="Long .csv: the column that orders a series; 'time' by default.")
]
Channels = Annotated[
    str | None,
    typer.Option(
        help="kW,degrees: the columns of values in a long .csv, or how they begin in a wide one (kW_0, kW_1, ...)."
    ),
]
Length = Annotated[int | None, typer.Option(min=1, help="Give all real series this length, by --fit-length.")]
FitLength = Annotated[
    str | None,
    typer.Option(help="crop longer series, pad shorter ones with their last value, or resample all of them."),
]
Gaps = Annotated[
    str | None, typer.Option(help="interpolate: fill missing values of real series by straight lines.")
]


def check_surroundings(device: str = "auto", progress: str = "auto", **_: Any) -> None:
    """Refuse a device or a way of showing progress that there is not."""
    for name, value, allowed in (
        ("--device", device, ("auto", "cpu", "cuda")),
        ("--progress", progress, ("auto", "bar", "lines", "none")),
    ):
        if value not in allowed:
            raise UserError(f"{name}: '{value}' is not one of {', '.join(allowed)}")


def session_of(device: str, progress: str, checkpoint_every: float | None = None) -> "Session":
    """The surroundings that a command asks for."""
    from nm_vqtsg.session import Session
    from nm_vqtsg.session.device import chosen_device
    from nm_vqtsg.session.progress import chosen_progress

    session = Session(device=chosen_device(device), progress=chosen_progress(progress))
    return session if checkpoint_every is None else replace(session, checkpoint_every=checkpoint_every)


def say(text: str) -> None:
    """A line beside what a command prints."""
    typer.echo(one_line(text), err=True)


def as_option(path: Path) -> str:
    """A path as it may be typed into a shell, on one line."""
    import shlex

    return shlex.quote(str(path))


def given_options(values: Mapping[str, Any]) -> str:
    """The options that were given, as they are typed."""
    return ", ".join(f"--{name.replace('_', '-')}" for name, value in values.items() if value is not None)
