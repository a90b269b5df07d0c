"""Grids of the paper's data sets, widths, and that the decoder mirrors the encoder."""

import copy

import pytest
import torch

from nm_vqtsg.nn.bands import HighBand, LowBand
from nm_vqtsg.params import Stage1, Training
from nm_vqtsg.tokenizer._fast import TokenDecoder
from nm_vqtsg.tokenizer.kinds import timevqvae
from nm_vqtsg.tokenizer.network import Decoder, Encoder, Shape
from nm_vqtsg.training.schedule import make_optimizer

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
    tokenizer = timevqvae.KIND.build(Stage1(codebook_size=8), in_channels=1, length=140)
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


def changed_decoder(band, length, dtype=torch.float64):
    """A decoder with other weights and statistics than those of the start, codes and tokens."""
    torch.manual_seed(0)
    sizes = shape(length, 8, channels=2, band=band)
    decoder = Decoder(sizes).to(dtype)
    codes = torch.randn(50, 8, dtype=dtype)
    tokens = torch.randint(50, (7, band.rows * sizes.lengths[-1]))
    for _ in range(3):
        decoder(2 * codes[tokens] + 1)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return decoder.eval(), TokenDecoder(decoder), codes, tokens


@pytest.mark.parametrize("band", [LowBand(), HighBand()])
@pytest.mark.parametrize("length", [5, 37, 140])
@torch.no_grad()
def test_decoding_by_look_up_is_decoding_the_codes(band, length):
    decoder, look_up, codes, tokens = changed_decoder(band, length)
    torch.testing.assert_close(look_up(tokens, codes), decoder(codes[tokens]))
    single = look_up(tokens[:1], codes)  # at both ends a code is missing beside it
    torch.testing.assert_close(single, decoder(codes[tokens[:1]]))


@torch.no_grad()
def test_what_is_looked_up_follows_every_change():
    """Of weights, statistics, codes, the device or type, and by loading."""
    decoder, look_up, codes, tokens = changed_decoder(HighBand(), 37)
    state = {name: value.clone() for name, value in decoder.state_dict().items()}
    modules = (decoder.project, *decoder.layers[:2])
    parts = [tensor for module in modules for tensor in module.state_dict().values()]
    parts = [tensor for tensor in parts if tensor.is_floating_point()]
    assert len(parts) == 9  # two layers, a batch norm and the frequencies of an activation

    def expect_equal():
        torch.testing.assert_close(look_up(tokens, codes), decoder(codes[tokens]))

    before = look_up(tokens, codes)
    for tensor in (codes, *parts):
        tensor.mul_(1.5)
        expect_equal()
    assert not torch.allclose(look_up(tokens, codes), before)
    codes = codes.clone() + 1
    expect_equal()
    decoder.load_state_dict(state)
    expect_equal()
    decoder.load_state_dict({name: value * 2 for name, value in state.items()}, assign=True)
    expect_equal()
    decoder.float()
    codes = codes.float()
    torch.testing.assert_close(look_up(tokens, codes), decoder(codes[tokens]), rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_a_copy_looks_up_its_own_weights():
    decoder, look_up, codes, tokens = changed_decoder(LowBand(), 37)
    look_up(tokens, codes)
    other, other_look_up = copy.deepcopy((decoder, look_up))
    other.project.weight.mul_(2)
    torch.testing.assert_close(other_look_up(tokens, codes), other(codes[tokens]))
    torch.testing.assert_close(look_up(tokens, codes), decoder(codes[tokens]))


@pytest.mark.parametrize("trained", ["weights", "statistics"])
def test_what_is_looked_up_follows_training(trained):
    """Fused kernels change weights and statistics without a sign that PyTorch would show."""
    decoder, look_up, codes, tokens = changed_decoder(HighBand(), 37)
    optimizer = make_optimizer(decoder, Training(learning_rate=0.1, learning_rate_min=0.1))
    with torch.no_grad():
        before = look_up(tokens, codes)
    if trained == "weights":
        decoder(codes[tokens]).square().sum().backward()
        optimizer.step()
    else:
        decoder.train()(3 * codes[tokens] + 2)
        decoder.eval()
    with torch.no_grad():
        after = look_up(tokens, codes)
        torch.testing.assert_close(after, decoder(codes[tokens]))
    assert not torch.allclose(before, after)


def test_weights_that_were_made_in_inference_mode_are_never_taken_for_unchanged():
    with torch.inference_mode():
        decoder, look_up, codes, tokens = changed_decoder(HighBand(), 37)
        before = look_up(tokens, codes)
        decoder.project.weight.mul_(2)
        after = look_up(tokens, codes)
        torch.testing.assert_close(after, decoder(codes[tokens]))
    assert not torch.allclose(before, after)
