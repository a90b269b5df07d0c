"""What looks wrong with a trained judge, in words."""

from collections.abc import Mapping
from typing import Any

from nm_vqtsg.datasets.series import split_names

WEAK = 0.9  # accuracy on TEST, or VAL


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Sentences about ``fcn.json`` (its `accuracy`); none if all is well, or without a judge."""
    accuracy = report["accuracy"]
    if accuracy is None or accuracy >= WEAK:
        return []
    return [
        f"accuracy {accuracy:.3f} on {split_names(report)[1]}; FID, IS and cFID from a weak judge mean little "
        "(see the fcn parameters)"
    ]
