"""Stage 2: what sequences of tokens are likely, and drawing new ones (MaskGIT)."""
