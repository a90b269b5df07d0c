"""Stage 1: the tokeniser, which turns series into tokens of its bands and back."""

from nm_vqtsg.tokenizer.model import Tokenizer
from nm_vqtsg.tokenizer.plan import TIME_FREQUENCY, WHOLE_SERIES, BandPlan
from nm_vqtsg.tokenizer.quality import code_usage, health_warnings, reconstruction_errors

__all__ = [
    "TIME_FREQUENCY",
    "WHOLE_SERIES",
    "BandPlan",
    "Tokenizer",
    "code_usage",
    "health_warnings",
    "reconstruction_errors",
]
