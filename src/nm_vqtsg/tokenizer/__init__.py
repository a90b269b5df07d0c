"""Stage 1: the tokeniser, which turns series into tokens of its bands and back."""
