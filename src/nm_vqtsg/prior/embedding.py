"""What the prior knows of tokens: one by one, or as a function of the vectors that they stand for.

A code is a point in the tokeniser's latent space, and the codes around it decode to nearly the same. An embedding
that is learnt for each code alone does not know that: what it learns of one code says nothing of its neighbours,
and of the thousand codes of a small data set each is seen a few times. As a function of the code's vector, near
codes are alike from the start, in what the prior reads and in what it gives.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class CodeFunction(nn.Module):
    """A vector for each code, by a small network of the code's own: (...) ids -> (..., W), each of variance 1.

    Without ids it gives those of all codes, (V, W).

    Parameters
    ----------
    codes : Tensor
        (V, d) vectors of the codes; centred and scaled here, dimension by dimension.
    width : int
        W.
    """

    def __init__(self, codes: Tensor, width: int) -> None:
        super().__init__()
        codes = codes.detach().float()
        centred = codes - codes.mean(0)
        scale = centred.square().mean(0).sqrt().clamp_min(torch.finfo(codes.dtype).eps)
        self.register_buffer("codes", centred / scale, persistent=False)
        self.codes: Tensor
        self.network = nn.Sequential(
            nn.Linear(codes.shape[1], width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.LayerNorm(width, elementwise_affine=False),
        )

    def forward(self, ids: Tensor | None = None) -> Tensor:
        vectors: Tensor = self.network(self.codes if ids is None else self.codes[ids])
        return vectors


class CodeEmbedding(nn.Module):
    """Tokens in [0, V], V the mask, as a function of their codes: (...) int64 -> (..., W).

    Of few tokens only their own vectors are computed; of many, those of all codes, once.
    """

    def __init__(self, codes: Tensor, width: int) -> None:
        super().__init__()
        self.vectors = CodeFunction(codes, width)
        self.mask = nn.Parameter(torch.randn(1, width))

    def forward(self, tokens: Tensor) -> Tensor:
        n_codes = len(self.vectors.codes)
        if tokens.numel() >= n_codes:
            return functional.embedding(tokens, torch.cat([self.vectors(), self.mask]))
        known = self.vectors(tokens.clamp(max=n_codes - 1))
        return torch.where((tokens == n_codes).unsqueeze(-1), self.mask, known)


class CodeHead(nn.Module):
    """Logits of the codes, products with a function of each: (..., W) -> (..., V)."""

    def __init__(self, codes: Tensor, width: int) -> None:
        super().__init__()
        self.vectors = CodeFunction(codes, width)
        self.bias = nn.Parameter(torch.zeros(len(codes)))
        self.scale = 2 / width**0.5  # logits of standard deviation 2 at the start; no other value was tried

    def forward(self, hidden: Tensor) -> Tensor:
        return functional.linear(self.scale * hidden, self.vectors(), self.bias)


def code_head(n_codes: int, width: int, codes: Tensor | None) -> nn.Module:
    """The last layer: free (W, V) weights, or a `CodeHead` where the codes' vectors (V, d) are given."""
    return nn.Linear(width, n_codes) if codes is None else CodeHead(codes, width)


class TokenEmbedding(nn.Module):
    """Embeds tokens and the mask token (id `n_codes`), adds learned positions: (B, N) -> (B, N, W).

    In training, dropout falls on the embeddings of unmasked tokens only: the mask's embedding says that
    nothing is known, which must not be blurred. All embeddings start with standard deviation 1; smaller
    ones leave the loss on a plateau. With the vectors of the codes, `codes` (V, d), they are a `CodeEmbedding`.
    """

    def __init__(
        self, n_codes: int, n_tokens: int, width: int, dropout: float, codes: Tensor | None = None
    ) -> None:
        super().__init__()
        self.mask_token = n_codes
        self.tokens = nn.Embedding(n_codes + 1, width) if codes is None else CodeEmbedding(codes, width)
        self.positions = nn.Parameter(torch.randn(n_tokens, width))
        self.dropout = dropout

    def forward(self, tokens: Tensor) -> Tensor:
        embedded = self.tokens(tokens)
        if self.training:
            masked = (tokens == self.mask_token).unsqueeze(-1)
            # as nn.Dropout does, but with uniform numbers: PyTorch's Bernoulli ones take three times as long
            kept = torch.rand(embedded.shape, device=embedded.device) >= self.dropout
            embedded = embedded * torch.where(masked, 1.0, kept / (1 - self.dropout))
        return embedded + self.positions
