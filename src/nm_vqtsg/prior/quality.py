"""How well a prior fills held-out masks: a loss that can be compared between priors and data splits."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nm_vqtsg.nn.batches import BATCH
from nm_vqtsg.prior._fast import masked_logits
from nm_vqtsg.prior.maskgit import training_mask
from nm_vqtsg.prior.network import PriorNetwork
from nm_vqtsg.training.seeds import new_rng


@dataclass(frozen=True)
class BandScore:
    """Scores of one band at masked positions.

    Attributes
    ----------
    cross_entropy : float
        Mean of -log p(true token), in nats.
    accuracy : float
        Share of positions whose most probable token is the true one, in [0, 1].
    unigram_entropy : float
        Entropy of the true tokens' frequencies, in nats: what the best guess without looking scores here.
    n_predicted : int
        Distinct most probable tokens; 1 where the targets have several means that the prior is stuck.
    n_targets : int
        Distinct true tokens.
    """

    cross_entropy: float
    accuracy: float
    unigram_entropy: float
    n_predicted: int
    n_targets: int


@torch.no_grad()
def score(network: PriorNetwork, tokens: Sequence[Tensor], classes: Tensor, seed: int) -> tuple[BandScore, ...]:
    """Score a network on masks drawn as in training, which depend on `seed` and the shapes alone.

    Parameters
    ----------
    network : PriorNetwork
        In eval mode.
    tokens : sequence of Tensor
        (n, N) int64 per band, ids in the vocabulary, on the network's device.
    classes : Tensor
        (n,) int64; the network's number of classes where none is given.
    seed : int
        Seed of the masks.

    Returns
    -------
    tuple of BandScore
        One per band; later bands read the true tokens of the earlier ones.
    """
    scores = []
    for band, n_tokens in enumerate(network.n_tokens):
        rng = new_rng(seed, "score", band)
        losses, guesses, targets = [], [], []
        for rows in torch.arange(len(classes)).split(BATCH):
            masked = training_mask(len(rows), n_tokens, rng)
            here = rows.to(classes.device)
            logits, target = masked_logits(network, [ids[here] for ids in tokens], classes[here], band, masked)
            losses.append(functional.cross_entropy(logits, target, reduction="none"))
            guesses.append(logits.argmax(-1))
            targets.append(target)
        guess, truth = torch.cat(guesses), torch.cat(targets)
        frequency = truth.bincount().double() / len(truth)
        scores.append(
            BandScore(
                cross_entropy=float(torch.cat(losses).double().mean()),
                accuracy=float((guess == truth).double().mean()),
                unigram_entropy=float(torch.special.entr(frequency).sum()),
                n_predicted=len(guess.unique()),
                n_targets=len(truth.unique()),
            )
        )
    return tuple(scores)


def cross_entropy_of_frequencies(learnt_from: Tensor, tokens: Tensor, n_codes: int) -> float:
    """Mean of -log p(token) over `tokens`, in nats, for who knows only how frequent each code is in `learnt_from`.

    One more occurrence of each of the `n_codes` codes is assumed, since one that `learnt_from` lacks may come.
    """
    counts = learnt_from.flatten().bincount(minlength=n_codes).double() + 1
    return float(-(counts / counts.sum()).log()[tokens.flatten()].mean())
