"""Training of the tokeniser (paper, section 3.1; losses per band as published)."""

import math

import torch
from torch import Tensor, nn

from nm_vqtsg.nn.bands import split_bands
from nm_vqtsg.session import Session
from nm_vqtsg.tokenizer.model import Tokenizer
from nm_vqtsg.training import Budget, fit
from nm_vqtsg.training.order import derive_seed

KMEANS_VECTORS_PER_CODE = 16  # for the start of the codebooks


def fit_tokenizer(
    tokenizer: Tokenizer, x: Tensor, budget: Budget, seed: int, session: Session
) -> list[dict[str, float]]:
    """Train `tokenizer` from scratch on `x` (n, C, L); return the loss curve.

    The loss is the sum of the bands' errors and commitment losses: MSE(x_l) + L1(x_h) + ... for TimeVQVAE. The
    targets are computed once. At the end the codes that TRAIN picks are marked as live.
    """
    x = x.to(session.device)
    tokenizer.to(session.device)
    targets = split_bands(x, [plan.band for plan in tokenizer.plans])
    weight = tokenizer.config.commitment_weight
    patience, last_revival = _revival(tokenizer, len(x), budget)
    initialise(tokenizer, x, budget.batch_size, seed)

    def step_loss(rows: Tensor, generator: torch.Generator, step: int) -> dict[str, Tensor]:
        batch = x[rows]
        revive = patience if step < last_revival else None
        errors, commitments = {}, {}
        for band, target in zip(tokenizer.bands, targets, strict=True):
            name = band.plan.name
            z = band.encode(batch)
            quantised, commitments[f"{name}_commitment"] = band.quantizer(z, step, generator, revive)
            errors[name] = band.plan.error(band.decode(quantised), target[rows])
        loss = sum(errors.values()) + weight * sum(commitments.values())
        assert isinstance(loss, Tensor)
        return {"loss": loss, **{name: part.detach() for name, part in {**errors, **commitments}.items()}}

    parts = [part for band in tokenizer.bands for part in (band.encoder, band.decoder)]
    name = "stage 1"
    curve = fit(
        tokenizer, step_loss, n=len(x), budget=budget, seed=seed, session=session, description=name, parts=parts
    )
    mark_live(tokenizer, x)
    return curve


def _revival(tokenizer: Tokenizer, n: int, budget: Budget) -> tuple[int, int]:
    """Steps that a code may stay unused, and the step at which revival ends."""
    epoch = n / budget.batch_size
    patience = max(1, math.ceil(tokenizer.config.revival_patience * epoch))
    return patience, int(tokenizer.config.revival_end * budget.steps)


@torch.no_grad()
def initialise(tokenizer: Tokenizer, x: Tensor, batch_size: int, seed: int) -> None:
    """Draw the weights from the seed, and start the codebooks by k-means on vectors of TRAIN.

    The vectors are encoded as in training: in training mode, in batches of training's size.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "kmeans"))
    cuda = [x.device] if x.device.type == "cuda" else []
    with torch.random.fork_rng(cuda):
        torch.manual_seed(derive_seed(seed, "weights"))
        tokenizer.apply(_reset)
        tokenizer.train()
        order = torch.randperm(len(x), generator=generator).to(x.device)
        for band in tokenizer.bands:
            n_tokens = band.grid[0] * band.grid[1]
            wanted = math.ceil(KMEANS_VECTORS_PER_CODE * tokenizer.config.codebook_size / n_tokens)
            z = torch.cat([band.encode(x[rows]) for rows in order[:wanted].split(batch_size)]).flatten(0, 1)
            band.quantizer.start(z, batch_size * n_tokens, generator)


def _reset(module: nn.Module) -> None:
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()


def mark_live(tokenizer: Tokenizer, x: Tensor) -> None:
    """Mark the codes that positions of `x` pick under the present encoder, chosen among all codes."""
    for band in tokenizer.bands:
        band.quantizer.live.fill_(True)
    for band, tokens in zip(tokenizer.bands, tokenizer.tokens(x), strict=True):
        band.quantizer.set_live(torch.bincount(tokens.flatten(), minlength=len(band.quantizer.codes)))
