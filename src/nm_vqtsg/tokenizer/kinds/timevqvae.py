"""TimeVQVAE: tokens of a low- and a high-frequency band (Lee et al. 2023; paper, section 3.1)."""

from torch.nn.functional import l1_loss, mse_loss

from nm_vqtsg.nn.bands import HighBand, LowBand
from nm_vqtsg.tokenizer.kind import Kind
from nm_vqtsg.tokenizer.plan import BandPlan

KIND = Kind(
    "timevqvae",
    plans=(
        BandPlan("LF", LowBand(), "lf_width", mse_loss),
        BandPlan("HF", HighBand(), "hf_width", l1_loss),
    ),
)
"""Two bands of the short-time Fourier transform, losses as published."""
