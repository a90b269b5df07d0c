"""Stage 2: what sequences of tokens are likely, and drawing new ones (MaskGIT)."""

from nm_vqtsg.nn.inverse_cdf import draw_categorical
from nm_vqtsg.prior.maskgit import Canvas, LogitsFunction, decode, masked_count, training_mask
from nm_vqtsg.prior.prior import Prior, band_logits
from nm_vqtsg.prior.quality import BandScore, score

__all__ = [
    "BandScore",
    "Canvas",
    "LogitsFunction",
    "Prior",
    "band_logits",
    "decode",
    "draw_categorical",
    "masked_count",
    "score",
    "training_mask",
]
