"""Draws from many categorical laws at once, by inverse CDF."""

import torch
from torch import Tensor

_BLOCK = 32  # codes summed at a time; the square root of a 1024-code vocabulary


def draw_categorical(logits: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one index per row from softmax(logits), and give its log-probability.

    The CDF is inverted on two levels: first over the sums of blocks of codes, then inside the block that was
    hit. The law is the same as with one cumulative sum over all codes, at a fraction of its time, and far
    faster than Gumbel noise for every code. An index whose logit is -inf is never drawn.

    Parameters
    ----------
    logits : Tensor
        (R, K) float; at least one finite entry per row.
    generator : torch.Generator
        Source of one uniform number per row, on the CPU (then results do not depend on the device's own
        random numbers) or on the device of `logits`.

    Returns
    -------
    index : Tensor
        (R,) int64.
    log_probability : Tensor
        (R,) float, log softmax(logits) at `index`.
    """
    n_rows, n_codes = logits.shape
    weights = logits.softmax(-1)
    n_whole = n_codes // _BLOCK * _BLOCK
    sums = weights[:, :n_whole].unflatten(-1, (-1, _BLOCK)).sum(-1)
    ragged = n_whole < n_codes
    if ragged:
        sums = torch.cat([sums, weights[:, n_whole:].sum(-1, keepdim=True)], dim=-1)
    upper = sums.cumsum(-1)
    total = upper[:, -1:]
    uniform = torch.rand(n_rows, 1, generator=generator, device=generator.device).to(logits.device)
    target = _below(uniform * total, total)
    block = torch.searchsorted(upper, target, right=True)

    codes = block * _BLOCK + torch.arange(_BLOCK, device=logits.device)
    if ragged:
        inside = weights.gather(1, codes.clamp(max=n_codes - 1)).masked_fill_(codes >= n_codes, 0.0)
    else:
        inside = weights.gather(1, codes)
    upper_inside = inside.cumsum(-1)
    rest = target - (upper.gather(1, block) - sums.gather(1, block))
    rest = _below(rest.clamp_(min=0.0), upper_inside[:, -1:])
    offset = torch.searchsorted(upper_inside, rest, right=True)
    log_probability = inside.gather(1, offset).log() - total.log()
    return (block * _BLOCK + offset).squeeze(1), log_probability.squeeze(1)


def _below(value: Tensor, bound: Tensor) -> Tensor:
    """`value`, made smaller than `bound` where rounding put it there; so a search to its right finds mass."""
    return torch.minimum(value, torch.nextafter(bound, torch.zeros_like(bound)))
