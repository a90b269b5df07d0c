"""Generators of series: the interface, and its implementations."""

from nm_vqtsg.generators.base import Codebook, VQGenerator
from nm_vqtsg.generators.estimator import TwoStageEstimator
from nm_vqtsg.generators.kinds.timevqvae import TimeVQVAE
from nm_vqtsg.generators.kinds.vqvae import VQVAE
from nm_vqtsg.generators.two_stage import TwoStageGenerator

__all__ = ["VQVAE", "Codebook", "TimeVQVAE", "TwoStageEstimator", "TwoStageGenerator", "VQGenerator"]
