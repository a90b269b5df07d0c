"""The figure of docs/prior_steps.md: samples, likelihood and memorisation against the prior's steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from nm_vqtsg.figures import style

MARK = ".-"
COLOURS = (style.LOW_BAND, style.HIGH_BAND, style.STOCHASTIC, style.RECONSTRUCTED)


@style.styled
def steps_figure(records: Sequence[Mapping[str, Any]]) -> Figure:
    """A row for each record: FID of samples, nats of hidden tokens, samples that repeat TRAIN's tokens."""
    figure = style.new_figure(2.2 * len(records) + 0.9)
    rows = figure.subplots(len(records), 3, squeeze=False, sharey="col")
    for record, (quality, likelihood, copies) in zip(records, rows, strict=True):
        points = record["points"]
        steps = [point["steps"] for point in points]
        for way, colour in (("null_class", style.NEUTRAL), ("mixture", style.GENERATED)):
            quality.plot(steps, [point[f"fid_{way}"] for point in points], MARK, color=colour)
        for name, colour in zip(record["bands"], COLOURS, strict=False):
            own = [point[name] for point in points]
            likelihood.plot(steps, [each["nats_val"] for each in own], MARK, color=colour)
            likelihood.plot(steps, [each["nats_train"] for each in own], f"{MARK}-", color=colour)
            likelihood.axhline(own[-1]["nats_frequencies"], color=colour, linestyle=":")
            copies.plot(steps, [100 * each["shared"] for each in own], MARK, color=colour)
            copies.axhline(100 * own[-1]["shared_val"], color=colour, linestyle=":")
        quality.set(title=f"{record['dataset']}, seed {record['seed']}\n{record['study']}", ylabel="FID to VAL")
        likelihood.set(title="hidden tokens", ylabel="nats a token")
        copies.set(title="tokens of TRAIN repeated", ylabel="% of samples")
        quality.set_ylim(bottom=0)
        copies.set_ylim(0, max(1.0, copies.get_ylim()[1]))
        for axes in (quality, likelihood, copies):
            _steps_axis(axes, steps)
    handles = _legend(records[0]["bands"])
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _legend(bands: Sequence[str]) -> list[Line2D]:
    ways = {"samples without a class": style.NEUTRAL, "samples, class drawn first": style.GENERATED}
    handles = [Line2D([], [], color=colour, marker=".", label=name) for name, colour in ways.items()]
    handles += [Line2D([], [], color=colour, label=name) for name, colour in zip(bands, COLOURS, strict=False)]
    lines = {"VAL; samples": "-", "TRAIN": "--", "frequencies; VAL": ":"}
    return [*handles, *(Line2D([], [], color="black", linestyle=how, label=name) for name, how in lines.items())]


def _steps_axis(axes: Axes, steps: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(steps, [f"{count / 1000:g}k" for count in steps])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("steps of the prior")
