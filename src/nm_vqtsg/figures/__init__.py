"""The figures of the paper, and those of the search, the codebooks and the training.

Each function takes arrays and returns a `matplotlib.figure.Figure`, which a notebook shows and whose ``axes`` may
be changed; `png_bytes` turns it into a small PNG whose bytes depend on nothing but what is drawn. Series are
(n, C, L), or (n, L) for one channel; `unit` is that of their values.
"""

from nm_vqtsg.figures.classes import class_bars
from nm_vqtsg.figures.codebook import codebook_usage
from nm_vqtsg.figures.comparison import comparison
from nm_vqtsg.figures.curves import loss_curves
from nm_vqtsg.figures.features import feature_planes
from nm_vqtsg.figures.overlays import overlays
from nm_vqtsg.figures.pairs import pairs, reconstructions
from nm_vqtsg.figures.statement import footnote, statement
from nm_vqtsg.figures.style import Z_SCORE, png_bytes, titled
from nm_vqtsg.figures.tau import shown_taus, stochastic_variants, tau_curve

__all__ = [
    "Z_SCORE",
    "class_bars",
    "codebook_usage",
    "comparison",
    "feature_planes",
    "footnote",
    "loss_curves",
    "overlays",
    "pairs",
    "png_bytes",
    "reconstructions",
    "shown_taus",
    "statement",
    "stochastic_variants",
    "tau_curve",
    "titled",
]
