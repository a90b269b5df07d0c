"""Training of the prior: tokens are hidden and asked for back (Chang et al. 2022, section 3.1)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from nm_vqtsg.params import Stage2
from nm_vqtsg.prior._fast import cross_entropy, masked_logits
from nm_vqtsg.prior.maskgit import training_mask
from nm_vqtsg.prior.network import PriorNetwork
from nm_vqtsg.session import Session
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.loop import fit


def train(
    network: PriorNetwork,
    tokens: Sequence[Tensor],
    classes: Tensor,
    config: Stage2,
    seed: int,
    session: Session,
) -> list[Row]:
    """Train `network` in place; return the loss curve, with a column ``loss_<band>`` for each band.

    Every step hides a cosine-distributed share of each band (drawn independently) and asks for it back: the loss
    is the sum over bands of the cross-entropy at hidden positions. Later bands read the true tokens of the earlier
    ones. A share `config.class_dropout` of the series loses its class, drawn separately for each band.

    Parameters
    ----------
    network : PriorNetwork
        With its first weights.
    tokens : sequence of Tensor
        (n, N) int64 per band, ids in the vocabulary.
    classes : Tensor
        (n,) int64; the network's number of classes where none is given.
    config, seed, session
        How long and how, from which seed, in which surroundings.
    """
    sparse = session.device.type == "cpu" and session.compiler is None

    def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
        losses = {}
        batch = tuple(ids[rows] for ids in tokens)
        for band, n_tokens in enumerate(network.n_tokens):
            uniform = torch.rand(len(rows), generator=rng, device=rng.device)
            given = classes[rows].masked_fill(uniform < config.class_dropout, network.n_classes)
            masked = training_mask(len(rows), n_tokens, rng)
            loss = masked_loss if not sparse else sparse_masked_loss
            losses[f"loss_{band}"] = loss(network, batch, given, band, masked)
        return {"loss": torch.stack(list(losses.values())).sum()} | losses

    return fit(
        network,
        step_loss,
        n=len(classes),
        budget=config,
        seed=seed,
        session=session,
        description="stage 2",
        parts=network.parts(),
    )


def masked_loss(
    network: PriorNetwork, tokens: Sequence[Tensor], classes: Tensor, band: int, masked: Tensor
) -> Tensor:
    """Mean cross-entropy at hidden positions of one band; see `masked_logits` for the arguments.

    All positions are computed, and those that are visible weigh nothing: how many are hidden is chance, which a
    GPU would have to tell the host, and a compiler wants to know beforehand.
    """
    target = tokens[band]
    visible = target.masked_fill(masked, network.n_codes[band])
    logits = network.band(band)(visible, classes, network.context(band, tokens[:band]))
    losses = functional.cross_entropy(logits.flatten(0, 1).float(), target.flatten(), reduction="none")
    weights = masked.flatten().to(losses.dtype)
    return losses @ weights / weights.sum()


def sparse_masked_loss(
    network: PriorNetwork, tokens: Sequence[Tensor], classes: Tensor, band: int, masked: Tensor
) -> Tensor:
    """The same without computing visible positions, for a CPU."""
    return cross_entropy(*masked_logits(network, tokens, classes, band, masked))
