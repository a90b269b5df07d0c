"""What looks wrong with a trained judge, in words."""

from collections.abc import Mapping
from typing import Any

from nm_vqtsg.datasets.series import split_names

WEAK = 0.9  # accuracy on TEST, or VAL
BLIND = 0.75  # balanced accuracy there


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Sentences about ``fcn.json``; none if all is well, or without a judge.

    Parameters
    ----------
    report : mapping
        `accuracy`, and `balanced_accuracy` and `source` where there are such.
    """
    accuracy, balanced = report["accuracy"], report.get("balanced_accuracy")
    held_out = split_names(report)[1]
    sentences = [seen(held_out)] if report.get("source") == "published" else []
    if accuracy is not None and accuracy < WEAK:
        sentences.append(
            f"accuracy {accuracy:.3f} on {held_out}; FID, IS and cFID from a weak judge mean little (see the fcn "
            "parameters)"
        )
    elif balanced is not None and balanced < BLIND:
        sentences.append(
            f"balanced accuracy {balanced:.3f} on {held_out}, while accuracy is {accuracy:.3f}: the judge hardly "
            "knows the small classes, so cFID means little there"
        )
    return sentences


def seen(held_out: str) -> str:
    """What to say of the published judge, which judges series that may have been among those it learnt from."""
    return (
        f"the published judge learnt from another split of the data, so it may have seen most of {held_out}; its "
        "accuracy there is flattered"
    )
