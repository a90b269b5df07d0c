"""Training of the tokeniser (paper, section 3.1; losses per band as published)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nm_vqtsg.nn.bands import split_bands
from nm_vqtsg.params import Stage1
from nm_vqtsg.session import Session
from nm_vqtsg.tokenizer.band import BandTokenizer
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.loop import fit
from nm_vqtsg.training.seeds import derive_seed, new_rng

KMEANS_VECTORS_PER_CODE = 16  # for the start of the codebooks


def train(
    module: nn.Module, bands: Sequence[BandTokenizer], x: Tensor, config: Stage1, seed: int, session: Session
) -> list[Row]:
    """Train `bands`, which make up `module`, on `x` (n, C, L); return the loss curve.

    The loss is the sum of the bands' errors and commitment losses: MSE(x_l) + L1(x_h) + ... for TimeVQVAE. The
    targets are computed once.
    """
    targets = split_bands(x, [band.band for band in bands])
    weight = config.commitment_weight
    patience, last_revival = revival(config, len(x))
    module.train()
    start_codebooks(bands, x, config, seed)

    def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
        batch = x[rows]
        revive = patience if step < last_revival else None
        errors, commitments = {}, {}
        for band, target in zip(bands, targets, strict=True):
            name = band.plan.name
            z = band.encode(batch)
            quantised, commitments[f"{name}_commitment"] = band.quantizer(z, step, rng, revive)
            errors[name] = band.plan.error(band.decode(quantised), target[rows])
        loss = sum(errors.values()) + weight * sum(commitments.values())
        assert isinstance(loss, Tensor)
        return {"loss": loss, **{name: part.detach() for name, part in {**errors, **commitments}.items()}}

    return fit(
        module,
        step_loss,
        n=len(x),
        budget=config,
        seed=seed,
        session=session,
        description="stage 1",
        parts=[part for band in bands for part in (band.encoder, band.decoder)],
    )


def revival(config: Stage1, n: int) -> tuple[int, int]:
    """Steps that a code may stay unused, and the step at which revival ends, for `n` series."""
    epoch = n / config.batch_size
    return max(1, math.ceil(config.revival_patience * epoch)), int(config.revival_end * config.steps)


@torch.no_grad()
def start_codebooks(bands: Sequence[BandTokenizer], x: Tensor, config: Stage1, seed: int) -> None:
    """Start the codebooks by k-means on vectors of TRAIN, encoded in batches of training's size.

    In training mode, which the encoders should be in, batch norm and dropout act as in training.
    """
    rng = new_rng(seed, "kmeans")
    order = torch.randperm(len(x), generator=rng).to(x.device)
    with torch.random.fork_rng([x.device] if x.device.type == "cuda" else []):
        torch.manual_seed(derive_seed(seed, "kmeans", "dropout"))
        for band in bands:
            n_series = math.ceil(KMEANS_VECTORS_PER_CODE * config.codebook_size / band.n_tokens)
            z = torch.cat([band.encode(x[rows]) for rows in order[:n_series].split(config.batch_size)])
            band.quantizer.start(z.flatten(0, 1), config.batch_size * band.n_tokens, rng)
