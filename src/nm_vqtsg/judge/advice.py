"""What looks wrong with a trained judge, in words."""

from collections.abc import Mapping
from typing import Any

WEAK = 0.9  # accuracy on TEST


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Sentences about ``fcn.json`` (its `accuracy`); none if all is well, or without a judge."""
    accuracy = report["accuracy"]
    if accuracy is None or accuracy >= WEAK:
        return []
    return [
        f"accuracy {accuracy:.3f} on TEST; FID, IS and cFID from a weak judge mean little (see the fcn parameters)"
    ]
