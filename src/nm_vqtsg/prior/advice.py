"""What looks wrong with a trained prior, in words."""

from collections.abc import Mapping
from typing import Any


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Sentences about ``stage2.json`` (its `bands`, `masked` and, if there, `held_out`); none if all is well."""
    scores = report["masked"]["train"]["unconditional"]
    held_out = report.get("held_out", {}).get("bands", {})
    sentences = [(name, _warning(scores[name]) or _memorised(held_out.get(name))) for name in report["bands"]]
    return [f"band {name.upper()}: {sentence}" for name, sentence in sentences if sentence]


def _memorised(score: Mapping[str, Any] | None) -> str | None:
    if score is None or score["cross_entropy"] <= score["frequencies"]:
        return None
    return (
        f"tokens of held-out series have a cross-entropy of {score['cross_entropy']:.3f}, worse than the "
        f"{score['frequencies']:.3f} of who knows only how frequent each code is, so the prior has memorised; "
        "look at closer_to_train, recall and copies, and try a smaller stage1.codebook_size or a higher "
        "stage2.dropout"
    )


def _warning(score: Mapping[str, Any]) -> str | None:
    if score["n_predicted"] == 1 and score["n_targets"] > 1:
        return f"the prior predicts one token everywhere, while {score['n_targets']} occur"
    if score["cross_entropy"] > score["unigram_entropy"]:
        return (
            f"the prior has not learned: its cross-entropy {score['cross_entropy']:.3f} is above "
            f"{score['unigram_entropy']:.3f}, the entropy of the tokens' frequencies"
        )
    return None
