"""A toy language of two bands whose distribution is known.

LF, one row of four tokens: a start s, then s, s+1, s+2, s+3 (mod 4). Starts are 0 or 1 in class 0, and 2 or 3 in
class 1, with probability 1/4 and 3/4. HF, two rows of eight: at each position 2 t + b, where t is the LF token
at the same time and b an independent coin with P(b = 1) = 0.3. Codes are stored at odd places of codebooks of
twice the needed size, so that half of the codes are dead.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.params import Stage2, Transformer
from nm_vqtsg.prior.model import Prior

GRIDS = ((1, 4), (2, 8))
SIZES = (8, 16)
COIN = 0.3
COIN_ENTROPY = -COIN * math.log(COIN) - (1 - COIN) * math.log(1 - COIN)
CONFIG = Stage2(
    steps=400,
    batch_size=32,
    learning_rate=1e-2,
    learning_rate_min=1e-3,
    lf=Transformer(width=32, depth=2, heads=2),
    hf=Transformer(width=16, depth=1, heads=1),
    dropout=0.0,
)


def live_masks() -> list[Tensor]:
    return [torch.arange(size) % 2 == 1 for size in SIZES]


def codebooks(masks: Sequence[Tensor] | None = None) -> list[Codebook]:
    """Codes in two dimensions, in no order that says anything, with these live."""
    source = torch.Generator().manual_seed(7)
    masks = live_masks() if masks is None else masks
    return [Codebook(torch.randn(len(mask), 2, generator=source), mask) for mask in masks]


def language(n: int, seed: int = 0) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Tokens (n, 4) and (n, 16) and classes (n,)."""
    source = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 2
    start = 2 * y + (torch.rand(n, generator=source) < 0.75)
    low = (start[:, None] + torch.arange(4)) % 4
    in_time = low.repeat_interleave(2, dim=1).repeat(1, 2)  # (n, 2 rows x 8 columns)
    high = 2 * in_time + (torch.rand(n, 16, generator=source) < COIN)
    return (2 * low + 1, 2 * high + 1), y


def starts(low: Tensor) -> tuple[Tensor, Tensor]:
    """Of LF tokens (n, 4): the starts (n,), and whether each sentence is grammatical (n,)."""
    plain = (low - 1) // 2
    return plain[:, 0], (plain == (plain[:, :1] + torch.arange(4)) % 4).all(1)


def trained(seed: int = 0, config: Stage2 = CONFIG) -> Prior:
    tokens, y = language(2000)
    prior = Prior(config, GRIDS, codebooks(), n_classes=2)
    prior.fit(tokens, y, seed)
    return prior
