"""Training of the judge; a part of TRAIN that is held out decides when it ends, and which weights are kept."""

import logging
import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nm_vqtsg.judge.network import FCN
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.params import Fcn, Training
from nm_vqtsg.session import Session
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.loop import fit
from nm_vqtsg.training.precision import fast_bfloat16
from nm_vqtsg.training.validation import Validation, stratified_holdout

log = logging.getLogger(__name__)


def train(
    network: FCN, x: Tensor, y: Tensor, config: Fcn, session: Session, warmup_fraction: float = 0.0
) -> list[Row]:
    """Train `network` in place on series x (n, C, L) and classes y (n,).

    With ``config.precision`` bfloat16 the steps are taken in mixed precision, the looks at what is held out in
    float32 as ever. The learning rate rises over the first `warmup_fraction` of the steps and then falls along
    a cosine.

    Returns
    -------
    list of dict
        One row per epoch: ``step``, ``loss``, ``accuracy``, ``validation_loss``, ``validation_accuracy`` and
        ``lr``.

    Raises
    ------
    DataError
        If no class has two series, so that nothing can be held out.
    """
    if config.precision == "bfloat16":
        session = replace(session, precision="bfloat16")
        if not fast_bfloat16(session.device):
            log.warning(
                "fcn.precision: bfloat16 makes training slower on device '%s', of which no such arithmetic is "
                "known; set it to float32",
                session.device,
            )
    fitted, held_out = stratified_holdout(y.cpu().numpy(), config.validation_fraction, config.seed)
    x_fit, y_fit = x[fitted], y[fitted]
    epoch = math.ceil(len(fitted) / config.batch_size)
    budget = Training(
        steps=min(config.max_steps, config.epochs * epoch),
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        learning_rate_min=config.learning_rate_min,
        warmup_fraction=warmup_fraction,
        weight_decay=config.weight_decay,
    )

    def look(network: nn.Module) -> dict[str, float]:
        loss, accuracy = score(network, x[held_out], y[held_out])
        return {"validation_loss": loss, "validation_accuracy": accuracy}

    validation = Validation(network, look, every=epoch, steps=budget.steps, patience=config.patience)

    def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
        logits, target = network(x_fit[rows]), y_fit[rows]
        right = (logits.argmax(1) == target).float().mean()
        return {"loss": F.cross_entropy(logits, target), "accuracy": right}

    curve = fit(
        network,
        step_loss,
        n=len(fitted),
        budget=budget,
        seed=config.seed,
        session=replace(session, log_every=epoch),
        callback=validation,
        description="fcn",
        parts=[network],
    )
    network.load_state_dict(validation.best)
    for row, (_, loss, accuracy) in zip(curve, validation.history.tolist(), strict=True):
        row["validation_loss"], row["validation_accuracy"] = loss, accuracy
    return curve


@torch.no_grad()
def score(network: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over x (n, C, L), y (n,), in the mode that `network` is in."""
    logits = torch.cat([network(rows) for (rows,) in in_batches(x.shape[2], x)])
    return float(F.cross_entropy(logits, y)), float((logits.argmax(1) == y).double().mean())
