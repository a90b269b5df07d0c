"""What looks wrong with a trained tokeniser, in words."""

from collections.abc import Mapping
from typing import Any

from nm_vqtsg.datasets.series import split_names

FEW_CODES = 16  # live codes below which a codebook counts as collapsed (or a tenth of it, if that is less)
GENERALISATION_GAP = 2.0  # TEST error over TRAIN error
HARDLY = 0.5  # of the variance of the series


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Sentences about ``stage1.json`` (its `codebook_size`, `usage` and `reconstruction`); none if all is well."""
    size = report["codebook_size"]
    train, test = (report["reconstruction"][split]["total"] for split in ("train", "test"))
    learnt_from, held_out = split_names(report)
    sentences = [
        f"the codebook of band {name.upper()} has collapsed: {learnt_from} uses {numbers['live']} of {size} "
        "codes; train longer or with a lower learning rate"
        for name, numbers in report["usage"].items()
        if numbers["live"] < min(FEW_CODES, size / 10)
    ]
    if train["mse"] > HARDLY:
        sentences.append(
            f"series are hardly reconstructed: {learnt_from} error {train['mse']:.2f} of a variance of 1; train "
            "longer"
        )
    if test["l1"] > GENERALISATION_GAP * train["l1"]:
        sentences.append(
            f"{held_out} is reconstructed much worse than {learnt_from} (L1 {test['l1']:.3f} against "
            f"{train['l1']:.3f}); the tokeniser has memorised {learnt_from}"
        )
    return sentences
