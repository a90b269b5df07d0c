"""Masked generative modelling of tokens: what to mask in training, and parallel decoding.

Pure functions of a network's logits, a schedule and random numbers (Chang et al., "MaskGIT: Masked Generative
Image Transformer", CVPR 2022, sections 3.1 and 3.2), so that any other prior over tokens can use them.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.nn.inverse_cdf import draw_categorical


class Canvas(NamedTuple):
    """State of decoding, before one of its steps.

    Attributes
    ----------
    tokens : Tensor
        (B, N) int64; the mask token stands at open positions.
    open : Tensor
        (B, M) int64, ascending in each row: the positions that still carry the mask token.
    step : int
        Steps taken so far, 0 <= step < n_steps.
    """

    tokens: Tensor
    open: Tensor
    step: int


LogitsFunction = Callable[[Canvas], Tensor]
"""Logits at the open positions only: `Canvas` -> (B, M, K)."""


def masked_count(n_tokens: int, step: int, n_steps: int) -> int:
    """Tokens that stay masked after step `step` (from 0): floor(N cos(pi (t+1) / 2T)), zero after the last."""
    if step + 1 >= n_steps:
        return 0
    return math.floor(n_tokens * math.cos(math.pi / 2 * (step + 1) / n_steps))


def training_mask(batch: int, n_tokens: int, rng: torch.Generator) -> Tensor:
    """Positions to hide in training, as a (batch, n_tokens) bool tensor on the device of `rng`.

    In each row u ~ U(0, 1), and ceil(N cos(pi u / 2)) tokens are chosen uniformly. Rounding up hides at least one
    token; rounding down would never show the network the empty canvas from which decoding starts.
    """
    device = rng.device
    uniform = torch.rand(batch, 1, generator=rng, device=device)
    count = (n_tokens * torch.cos(math.pi / 2 * uniform)).ceil_().clamp_(min=1)
    order = torch.rand(batch, n_tokens, generator=rng, device=device).argsort(-1)
    ranks = torch.empty_like(order).scatter_(1, order, torch.arange(n_tokens, device=device).expand_as(order))
    return ranks < count


@torch.no_grad()
def decode(
    logits_fn: LogitsFunction,
    shape: tuple[int, int],
    *,
    mask_token: int,
    n_steps: int,
    choice_temperature: float,
    rng: torch.Generator,
    device: torch.device | None = None,
    known: Tensor | None = None,
    open_positions: Tensor | None = None,
) -> Tensor:
    """Decode tokens in parallel, in few steps, from a canvas of masks, or at some positions of known tokens.

    At each step every open position is drawn from the network's distribution; the draws of highest confidence,
    log p + choice_temperature * (1 - (t+1)/T) * Gumbel noise, are kept for good, and the others opened again.

    Parameters
    ----------
    logits_fn : LogitsFunction
        Gives the (B, M, K) logits at the canvas's open positions.
    shape : tuple of int
        (B, N).
    mask_token : int
        The id that stands for "masked".
    n_steps : int
        T >= 1. A short canvas needs fewer calls of the network: steps that would keep nothing are left out.
    choice_temperature : float
        >= 0. Zero keeps the most probable draws; large values choose the positions to keep at random.
    rng : torch.Generator
        On the CPU, or on `device`.
    device : torch.device, optional
        Where the canvas and the logits live; that of `rng` by default.
    known : Tensor, optional
        (B, N) int64 on `device`: tokens that stay as they are but at `open_positions`.
    open_positions : Tensor, optional
        (B, M) int64 on `device`, ascending in each row: the positions to decode; all by default.

    Returns
    -------
    Tensor
        (B, N) int64, without masks.

    Raises
    ------
    ArtifactError
        If logits are no numbers.
    """
    batch, n_tokens = shape
    device = device or rng.device
    sound = torch.ones((), dtype=torch.bool, device=device)
    if open_positions is None:
        open_positions = torch.arange(n_tokens, device=device).expand(batch, n_tokens)
    if known is None:
        known = torch.full((batch, n_tokens), mask_token, dtype=torch.int64, device=device)
    tokens, n_masked = known.scatter(1, open_positions, mask_token), open_positions.shape[1]
    for step in range(n_steps):
        n_open = open_positions.shape[1]
        n_next = min(n_open, masked_count(n_masked, step, n_steps))
        if n_next == n_open:  # nothing would be kept of this step's draws
            continue
        logits = logits_fn(Canvas(tokens, open_positions, step))
        drawn, log_p = draw_categorical(logits.flatten(0, 1), rng)
        sound = sound & log_p.isfinite().all()
        tokens = tokens.scatter(1, open_positions, drawn.view(batch, n_open))
        if n_next == 0:
            break
        noise = choice_temperature * (1 - (step + 1) / n_steps)
        confidence = log_p.view(batch, n_open)
        if noise > 0:
            confidence = confidence + noise * _gumbel((batch, n_open), rng).to(device)
        reopened = confidence.topk(n_next, dim=-1, largest=False, sorted=False).indices
        open_positions = open_positions.gather(1, reopened).sort(-1).values
        tokens = tokens.scatter(1, open_positions, mask_token)
    if not bool(sound):  # looked at once, so that no step waits for a GPU
        raise ArtifactError(
            "the prior gives probabilities that are no numbers: its weights are damaged; train it again"
        )
    return tokens


def _gumbel(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    exponential = torch.empty(shape, device=rng.device).exponential_(generator=rng)
    return -exponential.log_()
