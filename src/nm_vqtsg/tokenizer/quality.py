"""How well a tokeniser does: reconstruction errors, use of the codes, and warnings."""

from collections.abc import Mapping
from functools import reduce

import torch
from torch import Tensor

from nm_vqtsg.nn.bands import split_bands
from nm_vqtsg.tokenizer.model import Tokenizer

FEW_CODES = 16  # live codes below which a codebook counts as collapsed (or a tenth of it, if that is less)
GENERALISATION_GAP = 2.0  # TEST error over TRAIN error


def reconstruction_errors(tokenizer: Tokenizer, x: Tensor) -> dict[str, dict[str, float]]:
    """Mean squared and mean absolute error of reconstructed series, z-scored, in all and of each band.

    Parameters
    ----------
    tokenizer : Tokenizer
        Trained.
    x : Tensor
        (n, C, L), z-scored.

    Returns
    -------
    dict
        ``{"total" | band's name: {"mse": ..., "l1": ...}}``.
    """
    parts = split_bands(x, [plan.band for plan in tokenizer.plans])
    rebuilt = tokenizer.decode_bands(tokenizer.tokens(x))
    differences = {"total": reduce(torch.add, rebuilt) - x} | {
        plan.name: own - part for plan, own, part in zip(tokenizer.plans, rebuilt, parts, strict=True)
    }
    return {
        name: {"mse": float(d.square().mean(dtype=torch.float64)), "l1": float(d.abs().mean(dtype=torch.float64))}
        for name, d in differences.items()
    }


def code_usage(tokenizer: Tokenizer, x: Tensor) -> dict[str, dict[str, float]]:
    """Live codes and the perplexity (exponential of the entropy) of the tokens of `x`, per band."""
    usage = {}
    for plan, book, tokens in zip(tokenizer.plans, tokenizer.codebooks, tokenizer.tokens(x), strict=True):
        share = torch.bincount(tokens.flatten(), minlength=len(book.codes)).double() / tokens.numel()
        entropy = -(share * share.clamp(min=1e-300).log()).sum()
        usage[plan.name] = {"live": int(book.live.sum()), "perplexity": float(entropy.exp())}
    return usage


def health_warnings(
    codebook_size: int,
    usage: Mapping[str, Mapping[str, float]],
    train: Mapping[str, Mapping[str, float]],
    test: Mapping[str, Mapping[str, float]],
) -> list[str]:
    """Sentences about what looks wrong with a trained tokeniser; none if all is well."""
    found = []
    few = min(FEW_CODES, codebook_size / 10)
    for name, numbers in usage.items():
        if numbers["live"] < few:
            found.append(
                f"the codebook of band {name.upper()} has collapsed: TRAIN uses {numbers['live']} of "
                f"{codebook_size} codes; train longer or with a lower learning rate"
            )
    if train["total"]["mse"] > 0.5:
        found.append(
            f"series are hardly reconstructed: TRAIN error {train['total']['mse']:.2f} of a variance of 1; "
            "train longer"
        )
    if test["total"]["l1"] > GENERALISATION_GAP * train["total"]["l1"]:
        found.append(
            f"TEST is reconstructed much worse than TRAIN (L1 {test['total']['l1']:.3f} against "
            f"{train['total']['l1']:.3f}); the tokeniser knows TRAIN by heart"
        )
    return found
