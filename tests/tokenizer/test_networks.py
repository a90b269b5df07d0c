"""Grids of the paper's data sets, widths, and that the decoder mirrors the encoder."""

import pytest
import torch

from nm_vqtsg.nn.bands import HighBand, LowBand
from nm_vqtsg.params import Stage1
from nm_vqtsg.tokenizer import Tokenizer
from nm_vqtsg.tokenizer.networks import Decoder, Encoder, Shape

TOKENS = {  # data set: length, LF and HF tokens of the published tokeniser
    "Crop": (46, 5, 46),
    "ElectricDevices": (96, 6, 48),
    "TwoPatterns": (128, 8, 64),
    "FaceAll": (131, 8, 66),
    "ECG5000": (140, 8, 70),
    "Wafer": (152, 9, 76),
    "FreezerRegularTrain": (301, 9, 74),
    "UWaveGestureLibraryX": (315, 9, 78),
    "Yoga": (426, 6, 52),
    "FordA": (500, 7, 62),
    "UWaveGestureLibraryAll": (945, 7, 58),
    "MixedShapesRegularTrain": (1024, 8, 64),
    "StarLightCurves": (1024, 8, 64),
}


def shape(length, positions=8, channels=1, band=None, **config):
    return Shape.of(Stage1(**config), band or LowBand(), channels, length, positions)


@pytest.mark.parametrize("dataset", TOKENS)
def test_token_grids_are_the_published_ones(dataset):
    length, lf, hf = TOKENS[dataset]
    assert shape(length, 8, band=LowBand()).lengths[-1] == lf
    assert 2 * shape(length, 32, band=HighBand()).lengths[-1] == hf


def test_grids_and_number_of_tokens_of_a_tokeniser():
    tokenizer = Tokenizer(Stage1(codebook_size=8), in_channels=1, length=140)
    assert tokenizer.grids == ((1, 8), (2, 35)) and tokenizer.n_tokens == (8, 70)


def test_each_halving_doubles_the_width_up_to_the_last():
    assert shape(1024).widths == (8, 16, 32, 64, 128, 128, 128)
    assert shape(1024, first_width=4, last_width=256).widths == (4, 8, 16, 32, 64, 128, 256)
    assert shape(1024).lengths == (1025, 512, 256, 128, 64, 32, 16, 8)


@pytest.mark.parametrize("length", [4, 5, 8, 9, 13, 24, 37, 64, 97, 131])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("band", [LowBand(), HighBand()])
def test_decoder_gives_back_the_encoders_length(length, channels, band):
    sizes = shape(length, 32 if band.rows == 2 else 8, channels, band)
    y = band.analyse(torch.randn(3, channels, length))
    z = Encoder(sizes)(y)
    assert z.shape == (3, band.rows * sizes.lengths[-1], 8)
    assert Decoder(sizes)(z).shape == y.shape


def test_vectors_are_projections_of_unit_features():
    """Row by row, and the same as normalising before projecting."""
    sizes = shape(40, 8, band=HighBand())
    encoder = Encoder(sizes).eval()
    y = HighBand().analyse(torch.randn(2, 1, 40))
    features = encoder.layers(y.unsqueeze(2)).squeeze(2)  # (B, rows·D, W)
    rows = features.unflatten(1, (2, 128)).transpose(2, 3).flatten(1, 2)
    expected = encoder.project(torch.nn.functional.normalize(rows, dim=-1))
    torch.testing.assert_close(encoder(y), expected)
