"""Stage 1: the tokeniser, which turns series into tokens of two bands and back."""

from nm_vqtsg.tokenizer.model import Tokenizer
from nm_vqtsg.tokenizer.quality import code_usage, health_warnings, reconstruction_errors

__all__ = ["Tokenizer", "code_usage", "health_warnings", "reconstruction_errors"]
