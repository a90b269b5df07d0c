"""New tokens of all bands from a trained network, the coarse band first."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nm_vqtsg.params import Sample
from nm_vqtsg.prior._fast import hidden_at
from nm_vqtsg.prior.maskgit import Canvas, LogitsFunction, decode
from nm_vqtsg.prior.network import PriorNetwork


def draw_tokens(
    network: PriorNetwork, classes: Tensor, config: Sample, guided: bool, rng: torch.Generator
) -> list[Tensor]:
    """Draw tokens (B, N) int64 of each band, ids in the vocabulary.

    Parameters
    ----------
    network : PriorNetwork
        In eval mode.
    classes : Tensor
        (B,) int64, on the network's device.
    config : Sample
        Steps, choice temperatures (`lf` for the first band, `hf` for the others) and guidance.
    guided : bool
        Whether the guidance applies.
    rng : torch.Generator
        On the CPU, or on the network's device.

    Raises
    ------
    ArtifactError
        If the network gives probabilities that are no numbers.
    """
    scale = config.guidance_scale if guided else 1.0
    finished: list[Tensor] = []
    for band, n_tokens in enumerate(network.n_tokens):
        tokens = decode(
            band_logits(network, band, finished, classes, scale),
            (len(classes), n_tokens),
            mask_token=network.n_codes[band],
            n_steps=config.steps,
            choice_temperature=config.lf_choice_temperature if band == 0 else config.hf_choice_temperature,
            rng=rng,
            device=classes.device,
        )
        finished.append(tokens)
    return finished


def band_logits(
    network: PriorNetwork, band: int, finished: Sequence[Tensor], classes: Tensor, guidance_scale: float = 1.0
) -> LogitsFunction:
    """The logits function of one band for `decode`; the context of the finished bands is computed here, once.

    With a guidance scale s other than 1 the logits are null + s (conditional - null), where "null" is the
    network's answer when no class is given (Ho & Salimans, "Classifier-free diffusion guidance", 2022, Eq. 6).

    Parameters
    ----------
    network : PriorNetwork
        In eval mode.
    band : int
        The band to decode.
    finished : sequence of Tensor
        (B, N_i) tokens of the bands before it.
    classes : Tensor
        (B,) int64.
    guidance_scale : float
        s >= 0.

    Returns
    -------
    LogitsFunction
        `Canvas` -> (B, M, V).
    """
    transformer = network.band(band)
    context = network.context(band, finished)
    null = torch.full_like(classes, network.n_classes)

    def logits(canvas: Canvas) -> Tensor:
        def at_open(labels: Tensor) -> Tensor:
            n = len(labels)
            hidden = hidden_at(transformer, canvas.tokens[:n], labels, context, canvas.open[:n])
            answer: Tensor = transformer.head(hidden)
            return answer

        def given(labels: Tensor) -> Tensor:
            if context is not None or canvas.open.shape[1] < canvas.tokens.shape[1]:
                return at_open(labels)
            kinds, which = labels.unique(return_inverse=True)  # an empty canvas: rows differ by their class alone
            return at_open(kinds)[which]

        if guidance_scale == 1:
            return given(classes)
        return torch.lerp(given(null), given(classes), guidance_scale)

    return logits
