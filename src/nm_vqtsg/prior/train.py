"""Training of the prior: tokens are hidden and asked for back (Chang et al. 2022, section 3.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from nm_vqtsg.params import Stage2
from nm_vqtsg.prior._fast import cross_entropy, masked_logits
from nm_vqtsg.prior.maskgit import training_mask
from nm_vqtsg.prior.network import PriorNetwork
from nm_vqtsg.prior.quality import BandScore, cross_entropy_of_frequencies, score
from nm_vqtsg.session import Session
from nm_vqtsg.training.average import InTurn, MovingAverage
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.loop import Callback, fit
from nm_vqtsg.training.seeds import derive_seed
from nm_vqtsg.training.validation import Validation, holdout, look_every

Draw = Callable[[Tensor, torch.Generator], Sequence[Tensor]]
"""Fresh tokens of the series in the given rows: ``(rows (B,) int64, rng) -> (B, N) int64 per band``."""


@dataclass(frozen=True)
class HeldOut:
    """How a trained prior does on series of TRAIN that were held out of its training.

    Attributes
    ----------
    n : int
        Series that were held out.
    best_step : int
        Steps after which the sum of the bands' cross-entropies was lowest. The weights kept are the last ones all
        the same: samples go on getting better long after the likelihood has turned.
    bands : tuple of BandScore
        Of the weights kept, each series given its class.
    frequencies : tuple of float
        The cross-entropy of each band, in nats, for who knows only how frequent each code is.
    """

    n: int
    best_step: int
    bands: tuple[BandScore, ...]
    frequencies: tuple[float, ...]


def train(
    network: PriorNetwork,
    tokens: Sequence[Tensor],
    classes: Tensor,
    config: Stage2,
    seed: int,
    session: Session,
    draw: Draw | None = None,
) -> tuple[list[Row], HeldOut | None]:
    """Train `network` in place.

    Every step hides a cosine-distributed share of each band (drawn independently) and asks for it back: the loss
    is the sum over bands of the cross-entropy at hidden positions. Later bands read the true tokens of the earlier
    ones. A share `config.class_dropout` of the series loses its class, drawn separately for each band.

    With ``ema_decay`` the weights are their moving average. With ``validation_fraction`` a part of the series, of
    every class alike, is held out and looked at now and then.

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
    draw : callable, optional
        Tokens to learn from instead of `tokens`, drawn anew at every step; what is held out stays as it is.

    Returns
    -------
    list of dict
        The loss curve, with a column ``loss_<band>`` for each band. With series held out, also
        ``validation_loss_<band>``, their cross-entropy given the class, and the sum, ``validation_loss``.
    HeldOut or None
        How the weights do on the held-out series.
    """
    callbacks: list[Callback] = []
    average = MovingAverage(network, config.ema_decay) if config.ema_decay else None
    if average is not None:
        callbacks.append(average)
    fitted, fitted_rows, held_out, validation = tokens, None, None, None
    if config.validation_fraction:
        rows, others = (
            torch.from_numpy(part).to(classes.device)
            for part in holdout(
                len(classes), classes.cpu().numpy(), config.validation_fraction, derive_seed(seed, "prior holdout")
            )
        )
        held_out = [ids[others] for ids in tokens], classes[others]
        fitted, fitted_rows, classes = [ids[rows] for ids in tokens], rows, classes[rows]
        every = look_every(config.steps)
        watched = network if average is None else average.network
        validation = Validation(watched, _Look(*held_out, seed), every=every, steps=config.steps)
        callbacks.append(validation)
        session = replace(session, log_every=every)
    sparse = session.device.type == "cpu" and session.compiler is None

    def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
        losses, hidden = {}, []
        for n_tokens in network.n_tokens:
            uniform = torch.rand(len(rows), generator=rng, device=rng.device)
            given = classes[rows].masked_fill(uniform < config.class_dropout, network.n_classes)
            hidden.append((given, training_mask(len(rows), n_tokens, rng)))
        if draw is None:
            batch = tuple(ids[rows] for ids in fitted)
        else:  # after the masks, so that these are the same with and without draws
            batch = tuple(draw(rows if fitted_rows is None else fitted_rows[rows], rng))
        loss = masked_loss if not sparse else sparse_masked_loss
        for band, (given, masked) in enumerate(hidden):
            losses[f"loss_{band}"] = loss(network, batch, given, band, masked)
        return {"loss": torch.stack(list(losses.values())).sum()} | losses

    curve = fit(
        network,
        step_loss,
        n=len(classes),
        budget=config,
        seed=seed,
        session=session,
        callback=InTurn(*callbacks) if callbacks else None,
        description="stage 2",
        parts=network.parts(),
    )
    if average is not None:
        network.load_state_dict(average.network.state_dict())
    if validation is None or held_out is None:
        return curve, None
    for row, (_, *losses) in zip(curve, validation.history.tolist(), strict=True):
        row |= dict(zip(_columns(network), losses, strict=True))
    frequencies = (
        cross_entropy_of_frequencies(learnt_from, ids, n)
        for learnt_from, ids, n in zip(fitted, held_out[0], network.n_codes, strict=True)
    )
    bands = score(network, *held_out, seed)
    return curve, HeldOut(len(held_out[1]), validation.best_step, bands, tuple(frequencies))


def _columns(network: PriorNetwork) -> list[str]:
    return ["validation_loss", *(f"validation_loss_{band}" for band in range(len(network.bands)))]


class _Look:
    """The cross-entropies of a network on held-out tokens, on the same masks at every look."""

    def __init__(self, tokens: Sequence[Tensor], classes: Tensor, seed: int) -> None:
        self.tokens, self.classes, self.seed = tokens, classes, seed

    def __call__(self, network: nn.Module) -> dict[str, float]:
        assert isinstance(network, PriorNetwork)
        losses = [band.cross_entropy for band in score(network, self.tokens, self.classes, self.seed)]
        return dict(zip(_columns(network), [sum(losses), *losses], strict=True))


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
