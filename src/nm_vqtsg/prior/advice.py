"""What looks wrong with a trained prior, in words."""

from collections.abc import Mapping
from typing import Any


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Sentences about ``stage2.json`` (its `bands` and `masked`); none if all is well."""
    scores = report["masked"]["train"]["unconditional"]
    sentences = ((name, _warning(scores[name])) for name in report["bands"])
    return [f"band {name.upper()}: {sentence}" for name, sentence in sentences if sentence]


def _warning(score: Mapping[str, Any]) -> str | None:
    if score["n_predicted"] == 1 and score["n_targets"] > 1:
        return f"the prior predicts one token everywhere, while {score['n_targets']} occur"
    if score["cross_entropy"] > score["unigram_entropy"]:
        return (
            f"the prior has not learned: its cross-entropy {score['cross_entropy']:.3f} is above "
            f"{score['unigram_entropy']:.3f}, the entropy of the tokens' frequencies"
        )
    return None
