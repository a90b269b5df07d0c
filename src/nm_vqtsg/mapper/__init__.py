"""Stage 3: the neural mapper f_φ, which makes generated series look like real ones (paper, section 3)."""

from nm_vqtsg.mapper.neural_mapper import NeuralMapper

__all__ = ["NeuralMapper"]
