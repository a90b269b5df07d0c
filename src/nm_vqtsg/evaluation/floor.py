"""Whether a score is as good as that of real series: then there is nothing left to win."""

from collections.abc import Mapping
from typing import Any

from nm_vqtsg.metrics.directions import within_reach

NEARLY_EQUAL = 0.9  # sizes whose bias differs by less than the spread


def flat_scores(scores: dict[str, Any]) -> dict[str, float]:
    """The numbers of one set of series as `evaluate` gives them, those of the second opinion last."""
    flat = {**scores, **scores.get("second_opinion", {})}
    return {name: float(value) for name, value in flat.items() if isinstance(value, int | float)}


def floor(run: Mapping[str, Any], score: str) -> tuple[float, float] | None:
    """What real series score, and its sd over draws (of networks: over their seeds); None where unknown."""
    reference = run.get("reference") or {}
    flat = flat_scores(reference)
    spread = (reference.get("sd") or {}).get(score, flat.get(f"{score}_sd"))
    return None if score not in flat or spread is None else (flat[score], float(spread))


def at_floor(run: Mapping[str, Any], version: str, score: str) -> bool | None:
    """Whether a version of the samples scores as real series do, or better; None where that is not known.

    Within two sd of real series, over their draws. Scores are compared at equal numbers of series: where the
    reference has fewer, FID (without labels: ROCKET-FID) is that of as many samples, and the rest is not known.

    Parameters
    ----------
    run : mapping
        What `evaluate_samples` gave.
    version, score : str
        Names in it.
    """
    real = floor(run, score)
    value = flat_scores(run.get(version) or {}).get(score)
    if real is None or value is None:
        return None
    reference = run["reference"]
    if reference["n"] < NEARLY_EQUAL * run["n"]["generated"]:
        value = reference.get(f"{version}_{score}_at_n")
    return None if value is None else within_reach(score, value, *real)
