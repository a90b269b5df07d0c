"""Figure 5 and the search behind it: how alike X̂ and X̃'(τ) are, for every temperature tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator

from nm_vqtsg.figures import style
from nm_vqtsg.figures.plane import Plane

MAX_TAUS = 6
"""Temperatures that fit into one row of Figure 5."""


def shown_taus(grid: Sequence[float], chosen: float | None) -> list[float]:
    """At most `MAX_TAUS` of the grid, spread evenly over its ranks, the chosen one, if any, always among them."""
    ordered = sorted(grid)
    if len(ordered) <= MAX_TAUS:
        return ordered
    ranks = {round(rank) for rank in np.linspace(0, len(ordered) - 1, MAX_TAUS)}
    best = None if chosen is None else ordered.index(chosen)
    if best is not None and best not in ranks:
        ranks.remove(min(ranks, key=lambda rank: (abs(rank - best), rank)))
        ranks.add(best)
    return [ordered[rank] for rank in sorted(ranks)]


@style.styled
def stochastic_variants(
    generated: np.ndarray,
    variants: Mapping[float, np.ndarray],
    generated_features: np.ndarray,
    variant_features: Mapping[float, np.ndarray],
    *,
    fid: Mapping[float, float],
    chosen: float | None,
    unit: str | None = None,
    channels: Sequence[str] = (),
) -> Figure:
    """X̂ and X̃'(τ) in the data space (above) and in ROCKET's (below), one column per τ (Figure 5).

    Parameters
    ----------
    generated, variants
        X̂ and, for each τ, X̃'(τ): (·, C, L) or (·, L), in one unit. The first channel is drawn.
    generated_features, variant_features
        Their ROCKET features (·, D). The plane is fitted on those of X̂, so that it is the same for all τ.
    fid
        FID between X̂ and X̃'(τ) as the search measured it.
    chosen
        The τ that won; its column is framed. None where no mapping won.
    unit
        Of the values, for the axes, such as ``z-score``.
    channels
        Their names, where they have any.

    Raises
    ------
    DataError
        If the sets of series have other channels or times.
    """
    taus = sorted(variants)
    generated, *drawn = style.series({"generated": generated, **{f"τ = {tau:g}": variants[tau] for tau in taus}})
    variants = dict(zip(taus, drawn, strict=True))
    plane = Plane.fit(generated_features)
    base = plane.project(generated_features)
    clouds = {tau: plane.project(variant_features[tau]) for tau in taus}
    x_limits, y_limits = (
        style.common_limits(base[:, axis], *(cloud[:, axis] for cloud in clouds.values())) for axis in (0, 1)
    )
    limits = style.common_limits(generated[:, 0], *(variants[tau][:, 0] for tau in taus))
    alpha = style.opacity(generated[:, 0], limits, ink=80.0)

    figure = style.new_figure(4.1)
    axes = figure.subplots(2, len(taus) + 1, squeeze=False, sharey="row")
    style.draw_lines(axes[0, 0], generated[:, 0], style.GENERATED, alpha)
    axes[0, 0].set_title(style.X_HAT_WORDS)
    axes[1, 0].scatter(*base.T, s=5, color=style.GENERATED, alpha=0.6, linewidths=0)
    axes[1, 0].set_title(r"their features, $\hat{U}$")
    for column, tau in enumerate(taus, start=1):
        upper, lower = axes[:, column]
        style.draw_lines(upper, variants[tau][:, 0], style.STOCHASTIC, alpha)
        lower.scatter(*base.T, s=5, color=style.GENERATED, alpha=0.7, linewidths=0)
        lower.scatter(*clouds[tau].T, s=7, color=style.STOCHASTIC, alpha=0.7, linewidths=0, marker="^")
        upper.set_title(rf"{style.X_STOCHASTIC}, τ = {tau:g}")
        score = [f"FID {fid[tau]:.2g}"] if tau in fid else []
        lower.set_title(", ".join([*score, "chosen"] if tau == chosen else score))
        if tau == chosen:
            _frame(upper)
            _frame(lower)
    for axis in axes[0]:
        axis.set_ylim(*limits)
        axis.set_xlabel(style.TIME)
    for axis in axes[1]:
        axis.set_xlim(*x_limits)
        axis.set_ylim(*y_limits)
        axis.set_xlabel(plane.label(0))
        axis.xaxis.set_major_locator(MaxNLocator(2))  # six panels side by side leave room for no more
    axes[0, 0].set_ylabel(style.channel_label(0, generated.shape[1], unit, channels))
    axes[1, 0].set_ylabel(f"ROCKET {plane.label(1)}")
    handles = [
        Line2D([], [], color=style.GENERATED, marker="o", markersize=3),
        Line2D([], [], color=style.STOCHASTIC, marker="^", markersize=3),
        Patch(facecolor="none", edgecolor="black", linewidth=1.6),
    ]
    words = [
        style.X_HAT_WORDS,
        f"real series of TRAIN after stochastic quantisation at τ, {style.X_STOCHASTIC}",
        "the τ that the search chose",
    ]
    figure.legend(handles, words, loc="outside lower center", ncols=3)
    return figure


def _frame(axis: Axes) -> None:
    for spine in axis.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(1.6)


@style.styled
def tau_curve(
    grid: Sequence[float],
    fid: Sequence[float],
    *,
    chosen: float | None,
    at_edge: bool,
    sizes: tuple[int, int],
    outcome: tuple[Sequence[float], float] | None = None,
) -> Figure:
    """FID between X̂ and X̃'(τ) over the grid, with the chosen τ; says so when the best is at an end.

    Parameters
    ----------
    grid, fid
        Temperatures (> 0, drawn on a logarithmic axis) and the FID at each.
    chosen, at_edge
        The winner, None for no mapping, and whether a lower FID may lie beyond the grid.
    sizes
        Generated series, and variants of TRAIN series, in each FID.
    outcome
        Where it decided: FID between held-out real series and X̂ after a short mapper, at each τ, and that of X̂
        itself.
    """
    order = np.argsort(grid)
    taus, scores = np.asarray(grid, float)[order], np.asarray(fid, float)[order]
    figure = style.new_figure(2.6, width=4.2)
    axis = figure.subplots()
    axis.plot(taus, scores, color=style.STOCHASTIC, marker="o", markersize=4)
    deciding = scores
    if outcome is not None:
        axis.lines[0].set_label(rf"{style.X_HAT} and {style.X_STOCHASTIC}(τ)")
        deciding = np.asarray(outcome[0], float)[order]
        axis.plot(
            taus, deciding, color=style.MAPPED, marker="s", markersize=4, label="held out and short mapper's"
        )
        axis.axhline(
            outcome[1], color=style.GENERATED, linestyle="--", label=f"held out and {style.X_HAT}, no mapping"
        )
    if chosen is not None:
        best = deciding[int(np.argmin(np.abs(taus - chosen)))]
        label = f"chosen τ = {chosen:g}"
        if at_edge:
            label += "\nat an end of the grid: a better τ\nmay lie beyond it"
        axis.plot([chosen], [best], linestyle="none", marker="*", markersize=12, color="black", label=label)
    axis.set_xscale("log")
    style.scale_values(axis, np.concatenate([scores, deciding, [] if outcome is None else [outcome[1]]]))
    axis.set_xticks(taus, [f"{tau:g}" for tau in taus])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("temperature τ")
    axis.set_ylabel(f"ROCKET-FID of generated, {style.X_HAT},\nand TRAIN after SVQ, {style.X_STOCHASTIC}(τ)")
    axis.set_title(f"{sizes[0]} generated series, variants of {sizes[1]} of TRAIN")
    axis.legend(loc="best", title=None if chosen is not None else "no mapping was chosen")
    return figure
