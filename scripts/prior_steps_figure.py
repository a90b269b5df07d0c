"""The figure of docs/prior_steps.md: samples, likelihood and memorisation against the prior's steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from nm_vqtsg.figures import style

COLOURS = (style.LOW_BAND, style.HIGH_BAND, style.STOCHASTIC, style.RECONSTRUCTED)


@style.styled
def steps_figure(records: Sequence[Mapping[str, Any]]) -> Figure:
    """A row for each record: FID of samples, nats of hidden tokens, samples that repeat TRAIN's tokens."""
    figure = style.new_figure(2.2 * len(records) + 0.5)
    rows = figure.subplots(len(records), 3, squeeze=False)
    for record, (quality, likelihood, copies) in zip(records, rows, strict=True):
        points = record["points"]
        steps = [point["steps"] for point in points]
        title = f"{record['dataset']}, seed {record['seed']}"
        for way, colour, label in (
            ("null_class", style.NEUTRAL, "no class"),
            ("mixture", style.GENERATED, "class drawn first"),
        ):
            quality.plot(steps, [point[f"fid_{way}"] for point in points], "o-", color=colour, label=label)
        quality.set(title=title, ylabel="FID of samples to VAL")
        quality.set_ylim(bottom=0)
        for name, colour in zip(record["bands"], COLOURS, strict=False):
            own = [point[name] for point in points]
            likelihood.plot(steps, [each["nats_val"] for each in own], "o-", color=colour, label=f"{name}, VAL")
            likelihood.plot(
                steps, [each["nats_train"] for each in own], "o--", color=colour, label=f"{name}, TRAIN"
            )
            likelihood.axhline(own[-1]["nats_frequencies"], color=colour, linestyle=":", linewidth=0.8)
            copies.plot(
                steps, [100 * each["shared"] for each in own], "o-", color=colour, label=f"{name}, samples"
            )
            copies.axhline(100 * own[-1]["shared_val"], color=colour, linestyle=":", linewidth=0.8)
        likelihood.set(ylabel="nats a hidden token (dotted: frequencies)")
        copies.set(ylabel="% with a TRAIN series' tokens (dotted: VAL)")
        copies.set_ylim(bottom=-0.1)
        for axes in (quality, likelihood, copies):
            _steps_axis(axes, steps)
    return figure


def _steps_axis(axes: Axes, steps: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(steps, [f"{count / 1000:g}k" for count in steps])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("steps of the prior")
    axes.legend()
