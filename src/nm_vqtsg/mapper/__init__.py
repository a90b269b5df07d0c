"""Stage 3: the neural mapper f_φ, which makes generated series look like real ones (paper, section 3)."""
