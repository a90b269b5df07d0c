"""A plain VQ-VAE in the time domain (van den Oord et al. 2017): one codebook for the series itself."""

from torch.nn.functional import mse_loss

from nm_vqtsg.nn.bands import WholeBand
from nm_vqtsg.tokenizer.kind import Kind
from nm_vqtsg.tokenizer.plan import BandPlan

KIND = Kind("vqvae", plans=(BandPlan("Series", WholeBand(), "hf_width", mse_loss),))
