"""What looks wrong with a trained mapper, in words."""

import math
from collections.abc import Mapping
from typing import Any

CONSTANT = 0.01  # outputs that differ among each other by less than this share of the data's spread


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Sentences about ``stage3.json``; none if all is well.

    They look at its `tau`, `l1`, `l1_input` and `spread` and, where series were held out, at `validation_loss` and
    `validation_input`.
    """
    if report.get("tau", 1) is None:
        return [
            "at no temperature tried did a mapper make generated series more real, so that there is none: mapped "
            "series are the generated ones; try another tau_grid, or stage3.stft_weight"
        ]
    sentences = []
    if report["spread"] < CONSTANT:
        sentences.append(
            "the mapper gives nearly the same series whatever goes in (its outputs vary by "
            f"{report['spread']:.2g} of the data's spread); train longer, or with a lower stage3.learning_rate"
        )
    if report["l1"] > report["l1_input"]:
        sentences.append(
            f"mapped variants are farther from the real series (L1 {report['l1']:.3g}) than unmapped ones "
            f"({report['l1_input']:.3g}); train longer, or with a lower stage3.learning_rate"
        )
    if report.get("validation_loss", 0) >= report.get("validation_input", math.inf):
        sentences.append(
            "no step brought variants of held-out series nearer to the real ones than no mapping does (loss "
            f"{report['validation_input']:.3g}), so that the mapper changes nothing; try another tau, or a lower "
            "stage3.learning_rate"
        )
    return sentences
