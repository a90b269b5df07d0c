"""Dropout of the embeddings falls on visible tokens alone, with the law of `torch.nn.Dropout`."""

import pytest
import torch

from nm_vqtsg.prior.network import TokenEmbedding


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
