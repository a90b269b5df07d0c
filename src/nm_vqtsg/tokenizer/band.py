"""The tokeniser of one band: encoder, quantiser and decoder."""

from torch import Tensor, nn

from nm_vqtsg.nn.quantizer import Quantizer
from nm_vqtsg.params import Stage1
from nm_vqtsg.tokenizer._fast import TokenDecoder
from nm_vqtsg.tokenizer.network import Decoder, Encoder, Shape
from nm_vqtsg.tokenizer.plan import BandPlan


class BandTokenizer(nn.Module):
    """Encoder, quantiser and decoder of one band.

    Parameters
    ----------
    plan : BandPlan
        The band.
    config : Stage1
        Sizes of networks and codebook.
    in_channels, length : int
        C and L of the series.
    """

    def __init__(self, plan: BandPlan, config: Stage1, in_channels: int, length: int) -> None:
        super().__init__()
        self.plan, self.band = plan, plan.band
        self.shape = Shape.of(config, plan.band, in_channels, length, getattr(config, plan.width))
        self.encoder = Encoder(self.shape)
        self.quantizer = Quantizer(config.codebook_size, config.code_dim, config.ema_decay)
        self.decoder = Decoder(self.shape)
        self._token_decoder = TokenDecoder(self.decoder)

    @property
    def grid(self) -> tuple[int, int]:
        """Frequency rows and positions in time; a series has rows × positions tokens, row by row."""
        return self.shape.rows, self.shape.lengths[-1]

    @property
    def n_tokens(self) -> int:
        """Tokens of a series, N."""
        rows, positions = self.grid
        return rows * positions

    def encode(self, x: Tensor) -> Tensor:
        """Vectors to be quantised: (B, C, L) → (B, N, d)."""
        z: Tensor = self.encoder(self.band.analyse(x))
        return z

    def decode(self, codes: Tensor) -> Tensor:
        """The band's part of the series: (B, N, d) → (B, C, L)."""
        return self.band.synthesise(self.decoder(codes))

    def decode_tokens(self, tokens: Tensor) -> Tensor:
        """The band's part of the series, in evaluation mode: (B, N) int64 → (B, C, L)."""
        return self.band.synthesise(self._token_decoder(tokens, self.quantizer.codes))
