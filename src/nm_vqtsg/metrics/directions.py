"""Which way each score is better, and by how much one is better than another."""

BETTER: dict[str, str | float] = {
    "fid": "lower",
    "fid_trimmed": "lower",
    "is": "higher",
    "is_trimmed": "higher",
    "is_normalized": "higher",
    "is_gap": "lower",
    "cfid": "lower",
    "cfid_trimmed": "lower",
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
    "context_fid": "lower",
    "discriminative": "lower",
    "predictive": "lower",
    "sliced_wasserstein": "lower",
    "acf": "lower",
    "spectrum": "lower",
    "cross_correlation": "lower",
}
"""Score to ``lower``, ``higher``, or the value that is best: what two sets of real series score on average."""

UP_TO_REAL = frozenset({"is", "is_trimmed", "is_normalized"})
"""Scores that are better the higher up to what real series score, and not beyond: classes of unequal size cap what
a sure judge gives real series, and more than that means wrong shares of the classes."""


def change_percent(baseline: float, mapped: float, better: str | float) -> float:
    """Change as under the paper's tables, positive for the better; NaN for a ratio with zero.

    ``lower`` is better: baseline / mapped * 100 - 100. ``higher``: mapped / baseline * 100 - 100.
    """
    above, below = (baseline, mapped) if better == "lower" else (mapped, baseline)
    return 100 * above / below - 100 if below > 0 else float("nan")


def within_reach(name: str, value: float, real: float, sd: float) -> bool:
    """Whether a score is as good as that of real series, to within two sd of theirs, or better.

    Parameters
    ----------
    name : str
        Of the score.
    value : float
        To be judged.
    real, sd : float
        Of real series: mean and spread.

    Raises
    ------
    KeyError
        If `name` is no score.
    """
    direction, slack = BETTER[name], 2 * sd
    if name in UP_TO_REAL:
        return abs(value - real) <= slack
    if isinstance(direction, float):
        return abs(value - direction) <= abs(real - direction) + slack
    return value <= real + slack if direction == "lower" else value >= real - slack


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
