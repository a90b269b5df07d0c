"""Dropout of the embeddings falls on visible tokens alone; as functions of codes they know of neighbours."""

from pathlib import Path

import pytest
import torch
from prior import toy
from torch.nn import functional

from nm_vqtsg.artifacts import load_model, save_model
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.prior.embedding import CodeEmbedding, CodeFunction, CodeHead, TokenEmbedding
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.prior.network import PriorNetwork

OF_CODES = toy.CONFIG.model_copy(update={"embedding": "codes", "steps": 3})


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_visible_tokens_lose_a_share_of_their_features_and_masked_ones_none(dropout: float) -> None:
    torch.manual_seed(0)
    embedding = TokenEmbedding(n_codes=20, n_tokens=50, width=64, dropout=dropout)
    tokens = torch.randint(21, (100, 50))
    with torch.no_grad():
        whole = embedding.eval()(tokens) - embedding.positions
        found = embedding.train()(tokens) - embedding.positions
    masked = tokens == 20
    torch.testing.assert_close(found[masked], whole[masked], atol=1e-5, rtol=1e-5)
    gone = found[~masked].abs() < 1e-6
    assert gone.float().mean().item() == pytest.approx(dropout, abs=0.005)
    kept = ~gone
    torch.testing.assert_close(found[~masked][kept], whole[~masked][kept] / (1 - dropout), atol=1e-5, rtol=1e-4)


def test_near_codes_have_near_vectors_whatever_the_scale_of_the_latent_space() -> None:
    torch.manual_seed(0)
    codes = torch.randn(50, 8)
    codes[1] = codes[0] + 1e-3
    function = CodeFunction(1000 * codes + 7, 32)
    with torch.no_grad():
        vectors = function()
        apart = torch.cdist(vectors, vectors)
    assert apart[0, 1] < 0.01 * apart[0, 2:].min()
    torch.testing.assert_close(vectors.var(-1, correction=0), torch.ones(50), atol=0.05, rtol=0)
    flat = CodeFunction(torch.ones(1, 8), 4)()
    assert flat.isfinite().all(), "one code alone, or a dimension in which all codes are alike"


def test_embedding_and_head_are_products_with_the_codes_vectors() -> None:
    torch.manual_seed(0)
    codes, hidden = torch.randn(20, 8), torch.randn(5, 3, 16)
    embedding, head = CodeEmbedding(codes, 16), CodeHead(codes, 16)
    tokens = torch.tensor([[0, 19, 20]])
    table = torch.cat([embedding.vectors(), embedding.mask])
    torch.testing.assert_close(embedding(tokens), table[tokens])
    torch.nn.init.normal_(head.bias)
    expected = torch.einsum("bnw,vw->bnv", hidden, head.vectors()) * 2 / 16**0.5 + head.bias
    torch.testing.assert_close(head(hidden), expected)


def test_vectors_of_few_tokens_equal_those_of_all_codes() -> None:
    torch.manual_seed(0)
    embedding, tokens = CodeEmbedding(torch.randn(20, 8), 16).double(), torch.randint(21, (4, 10))
    assert tokens.numel() > 20 and (tokens == 20).any()
    found = []
    for parts in ((tokens,), tokens.split(1)):
        embedding.zero_grad()
        vectors = torch.cat([embedding(part) for part in parts])
        (vectors * torch.arange(16)).square().sum().backward()
        found.append([vectors, *(parameter.grad.clone() for parameter in embedding.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_what_is_learnt_of_a_code_is_known_of_its_neighbour() -> None:
    """A code that is never seen gets the probability of the code beside it; with free embeddings it gets none."""
    angles = torch.arange(16) * torch.pi / 8
    codes = torch.stack([angles.cos(), angles.sin()], 1)
    codes[1] = codes[0] + 0.01
    seen = torch.randint(2, 16, (512, 4), generator=torch.Generator().manual_seed(0))
    seen[:, ::2] = 0
    book = Codebook(codes, torch.ones(16, dtype=torch.bool))
    odds = {}
    for embedding in ("free", "codes"):
        config = toy.CONFIG.model_copy(update={"embedding": embedding, "steps": 100})
        prior = Prior(config, [(1, 4)], [book], n_classes=0)
        prior.fit([seen], None)
        canvas = torch.full((1, 4), 16)
        with torch.no_grad():
            p = functional.softmax(prior.network.band(0)(canvas, torch.zeros(1, dtype=torch.int64)), -1)[0, 0]
        odds[embedding] = float(p[1] / p[0])
    assert 5 * odds["free"] < 0.2 < odds["codes"], odds


def test_a_prior_of_codes_is_kept_whole(tmp_path: Path) -> None:
    tokens, y = toy.language(32)
    prior = Prior(OF_CODES, toy.GRIDS, toy.codebooks(), n_classes=2)
    curve = prior.fit(tokens, y)
    assert curve[-1]["step"] == 3
    prior.save(tmp_path / "prior")
    again = Prior.load(tmp_path / "prior")
    assert again.score(tokens, y, 0) == prior.score(tokens, y, 0)
    source = [torch.Generator().manual_seed(0) for _ in range(2)]
    pairs = zip(prior.sample(8, y[:8], rng=source[0]), again.sample(8, y[:8], rng=source[1]), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_prior_knows_its_own_codes() -> None:
    """By their places, where it has learnt these; otherwise by which of them live."""
    own, masks = toy.codebooks(), toy.live_masks()
    moved = [Codebook(book.codes + 0.01, book.live) for book in own]
    revived = [Codebook(own[0].codes, torch.ones_like(masks[0])), own[1]]
    for embedding in ("free", "codes"):
        config = toy.CONFIG.model_copy(update={"embedding": embedding})
        prior = Prior(config, toy.GRIDS, own, n_classes=2)
        assert prior.is_of(toy.GRIDS, own) and not prior.is_of(toy.GRIDS, revived)
        assert not prior.is_of(toy.GRIDS[::-1], own) and not prior.is_of(toy.GRIDS, own[:1])
        assert prior.is_of(toy.GRIDS, moved) is (embedding == "free")


def test_codes_that_were_lost_are_missed(tmp_path: Path) -> None:
    prior = Prior(OF_CODES, toy.GRIDS, toy.codebooks(), n_classes=2)
    prior.fit(*toy.language(32))
    prior.save(tmp_path / "prior")
    tensors, facts = load_model(tmp_path / "prior")
    for name, damaged in (("absent", None), ("short", tensors["codes.1"][:3])):
        kept = {key: value for key, value in tensors.items() if key != "codes.1"}
        save_model(tmp_path / name, kept if damaged is None else kept | {"codes.1": damaged}, facts)
        with pytest.raises(
            ArtifactError, match="does not hold the vectors of each band's codes; run stage2 again"
        ):
            Prior.load(tmp_path / name)


def test_free_embeddings_know_nothing_of_codes() -> None:
    """Their names stay what they were, so that older files can be read; test_golden.py holds their numbers."""
    torch.manual_seed(0)
    shapes = (toy.CONFIG.lf, toy.CONFIG.hf)
    names = dict(PriorNetwork((4, 8), toy.GRIDS, 2, shapes, 0.0).state_dict())
    assert names["bands.0.embedding.tokens.weight"].shape == (5, 32)
    assert names["bands.1.head.4.weight"].shape == (8, 16)
    assert not any("vectors" in name for name in names)
