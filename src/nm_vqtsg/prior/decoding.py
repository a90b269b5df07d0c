"""New tokens of all bands from a trained network, the coarse band first."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nm_vqtsg.params import Sample
from nm_vqtsg.prior._fast import hidden_at
from nm_vqtsg.prior.maskgit import Canvas, LogitsFunction, decode
from nm_vqtsg.prior.network import PriorNetwork


def draw_tokens(
    network: PriorNetwork,
    classes: Tensor,
    config: Sample,
    guided: bool,
    rng: torch.Generator,
    given: Sequence[Tensor] = (),
) -> list[Tensor]:
    """Draw tokens (B, N) int64 of each band, ids in the vocabulary.

    Parameters
    ----------
    network : PriorNetwork
        In eval mode.
    classes : Tensor
        (B,) int64, on the network's device.
    config : Sample
        Steps, temperatures of the draws and of the choice what to keep (`lf` for the first band, `hf` for the
        others), guidance, and how often a part of the tokens is drawn anew afterwards (`corrections`;
        `redraw_tokens`).
    guided : bool
        Whether the guidance applies.
    rng : torch.Generator
        On the CPU, or on the network's device.
    given : sequence of Tensor
        (B, N) int64 tokens of the first bands, which are not drawn; only corrections change them.

    Raises
    ------
    ArtifactError
        If the network gives probabilities that are no numbers.
    """
    finished = list(given)
    for band in range(len(given), len(network.n_tokens)):
        finished.append(_decode_band(network, band, finished, classes, config, guided, rng))
    for _ in range(config.corrections):
        finished = redraw_tokens(network, finished, classes, config, guided, rng)
    return finished


def redraw_tokens(
    network: PriorNetwork,
    tokens: Sequence[Tensor],
    classes: Tensor,
    config: Sample,
    guided: bool,
    rng: torch.Generator,
) -> list[Tensor]:
    """Draw a part of the tokens of every band anew, given the others: (B, N) int64 of each band.

    Of each series and band the share ``redraw_fraction`` of the positions, rounded up, is chosen uniformly, and
    decoded as `draw_tokens` decodes all; a later band is given the new tokens of those before it. What comes of it
    is one step of a block Gibbs sampler, as far as the network's conditionals are those of one distribution.

    Parameters
    ----------
    tokens : sequence of Tensor
        (B, N) int64 of each band, ids in the vocabulary, on the network's device.
    network, classes, config, guided, rng
        As for `draw_tokens`.

    Raises
    ------
    ArtifactError
        If the network gives probabilities that are no numbers.
    """
    redrawn: list[Tensor] = []
    for band, known in enumerate(tokens):
        count = math.ceil(config.redraw_fraction * known.shape[1])
        order = torch.rand(known.shape, generator=rng, device=rng.device).argsort(1)
        redrawn.append(
            _decode_band(
                network,
                band,
                redrawn,
                classes,
                config,
                guided,
                rng,
                known,
                order[:, :count].sort(1).values.to(classes.device),
            )
        )
    return redrawn


def _decode_band(
    network: PriorNetwork,
    band: int,
    finished: Sequence[Tensor],
    classes: Tensor,
    config: Sample,
    guided: bool,
    rng: torch.Generator,
    known: Tensor | None = None,
    open_positions: Tensor | None = None,
) -> Tensor:
    temperature = config.lf_temperature if band == 0 else config.hf_temperature
    return decode(
        band_logits(network, band, finished, classes, config.guidance_scale if guided else 1.0, temperature),
        (len(classes), network.n_tokens[band]),
        mask_token=network.n_codes[band],
        n_steps=config.steps,
        choice_temperature=config.lf_choice_temperature if band == 0 else config.hf_choice_temperature,
        rng=rng,
        device=classes.device,
        known=known,
        open_positions=open_positions,
    )


def band_logits(
    network: PriorNetwork,
    band: int,
    finished: Sequence[Tensor],
    classes: Tensor,
    guidance_scale: float = 1.0,
    temperature: float = 1.0,
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
    temperature : float
        > 0; the logits are divided by it.

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

    if temperature == 1:
        return logits
    return lambda canvas: logits(canvas) / temperature
