"""How well a tokeniser does: reconstruction errors and use of the codes."""

import torch
from torch import Tensor

from nm_vqtsg.nn.bands import split_bands
from nm_vqtsg.tokenizer.model import Tokenizer


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
    differences = {"total": tokenizer.joined(rebuilt) - x} | {
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
