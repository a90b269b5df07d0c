"""What is good in each score: the one place that says so, for tables, the command line and the documentation."""

from typing import Any

BETTER: dict[str, str | float] = {
    "fid": "lower",
    "fid_trimmed": "lower",
    "is": "higher",
    "is_normalized": "higher",
    "cfid": "lower",
    "rocket_fid": "lower",
    "kid": "lower",
    "rocket_kid": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": 1.0,
    "coverage": "higher",
    "cas": "higher",
    "auc": 0.5,
    "closer_to_train": 0.5,
    "distance_ratio": 1.0,
    "copies": "lower",
    "mdd": "lower",
    "acd": "lower",
    "sd": "lower",
    "kd": "lower",
}
"""Score to ``lower``, ``higher``, or the value that is best: what two sets of real series score on average."""


def better(name: str) -> str:
    """``lower``, ``higher``, ``near 0.5`` ..., or ``-`` for a number that is no score."""
    direction = BETTER.get(name, "-")
    return direction if isinstance(direction, str) else f"near {direction:g}"


def gain(name: str, before: float, after: float) -> float:
    """How much better `after` is than `before`, in the score's own unit; negative for the worse.

    Raises
    ------
    KeyError
        If `name` is no score.
    """
    direction = BETTER[name]
    if direction == "lower":
        return before - after
    if direction == "higher":
        return after - before
    best = float(direction)
    return abs(before - best) - abs(after - best)


def flat_scores(scores: dict[str, Any]) -> dict[str, float]:
    """The numbers of one set of series as `evaluate` gives them, those of the second opinion last."""
    flat = {**scores, **scores.get("second_opinion", {})}
    return {name: float(value) for name, value in flat.items() if isinstance(value, int | float)}
