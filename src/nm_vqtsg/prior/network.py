"""The networks of stage 2: one bidirectional transformer per band, the later ones reading the earlier bands.

Paper, section 3 (TimeVQVAE's prior); sizes and dropout as published, blocks pre-norm with normalised queries and
keys.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nm_vqtsg.params import Transformer
from nm_vqtsg.prior.embedding import TokenEmbedding, code_head

Grid = tuple[int, int]
"""(frequency rows, columns in time); a band's N = rows * columns tokens are flattened row by row."""


class Block(nn.Module):
    """Pre-norm attention and feed-forward (multiplier 1), each with a residual.

    Queries and keys are normalised (Dehghani et al., 2023, "Scaling vision transformers to 22 billion parameters",
    section 2), and a new block changes nothing: what is added to a residual starts at zero.

    (B, N, W) -> (B, N, W).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_norm, self.key_norm = (nn.LayerNorm(width // heads, bias=False) for _ in range(2))
        self.out = nn.Linear(width, width, bias=False)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )
        for last in (*self.out.parameters(), *self.feed_forward[-1].parameters()):
            nn.init.zeros_(last)

    def forward(self, x: Tensor) -> Tensor:
        return self.finish(x, self.attend(*self.heads_of(self.qkv(self.attention_norm(x)), 3)))

    def heads_of(self, x: Tensor, parts: int) -> Tensor:
        """(B, N, parts * W) -> (parts, B, heads, N, W / heads)."""
        return x.unflatten(-1, (parts, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """What is found by queries (B, heads, M, W / heads) among N keys and values: (B, M, W)."""
        mixed = functional.scaled_dot_product_attention(self.query_norm(q), self.key_norm(k), v)
        return mixed.transpose(1, 2).flatten(2)

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Both residuals: (..., W) -> (..., W)."""
        x = x + self.out(attended)
        return x + self.feed_forward(x)


class BandContext(nn.Module):
    """What a finished band says to a later one: (B, N_from) tokens -> (B, N_to, W_to).

    One block reads the finished band; then each column of the later grid takes the column that lies at the
    same time in the earlier one, and all its frequency rows share it. Depends on nothing that changes while
    the later band is decoded.
    """

    def __init__(
        self,
        n_codes: int,
        source: Grid,
        target: Grid,
        shape: Transformer,
        width: int,
        dropout: float,
        codes: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.source, self.target = source, target
        self.embedding = TokenEmbedding(n_codes, source[0] * source[1], shape.width, dropout, codes)
        self.block = Block(shape.width, shape.heads)
        self.out = nn.Sequential(nn.LayerNorm(shape.width), nn.Linear(shape.width, width))
        # Centre of column j of the target, in columns of the source.
        columns = (torch.arange(target[1]) * 2 + 1) * source[1] // (2 * target[1])
        self.register_buffer("columns", columns, persistent=False)
        self.columns: Tensor

    def forward(self, tokens: Tensor) -> Tensor:
        read = self.out(self.block(self.embedding(tokens)))  # (B, N_from, W_to)
        in_time = read.unflatten(1, self.source).mean(1)  # (B, columns_from, W_to)
        stretched = in_time.index_select(1, self.columns)  # (B, columns_to, W_to)
        return stretched.repeat(1, self.target[0], 1)  # (B, N_to, W_to)


class BandTransformer(nn.Module):
    """Logits of a band's tokens, given its visible tokens, a class and the context of earlier bands.

    Parameters
    ----------
    n_codes : int
        Size of the vocabulary V; token V is the mask.
    n_tokens : int
        N.
    n_classes : int
        Class `n_classes` means "no class given".
    shape : Transformer
        Width, depth and heads.
    dropout : float
        On the embeddings of visible tokens.
    codes : Tensor, optional
        (V, d) the codes' vectors, of which tokens and logits are a function then; free without.
    """

    def __init__(
        self,
        n_codes: int,
        n_tokens: int,
        n_classes: int,
        shape: Transformer,
        dropout: float,
        codes: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(n_codes, n_tokens, shape.width, dropout, codes)
        self.classes = nn.Embedding(n_classes + 1, shape.width)
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.depth))
        self.head = nn.Sequential(
            nn.LayerNorm(shape.width),
            nn.Linear(shape.width, shape.width),
            nn.GELU(),
            nn.LayerNorm(shape.width),
            code_head(n_codes, shape.width, codes),
        )

    def sequence(self, tokens: Tensor, classes: Tensor, context: Tensor | None = None) -> Tensor:
        """What the blocks read, the class and then the tokens: (B, 1 + N, W); see `hidden` for the arguments."""
        x = self.embedding(tokens)
        if context is not None:
            x = x + context
        return torch.cat([self.classes(classes).unsqueeze(1), x], dim=1)

    def hidden(self, tokens: Tensor, classes: Tensor, context: Tensor | None = None) -> Tensor:
        """Features of tokens, which `head` turns into logits.

        Parameters
        ----------
        tokens : Tensor
            (B, N) int64 in [0, V]; V at masked positions.
        classes : Tensor
            (B,) int64 in [0, n_classes].
        context : Tensor, optional
            (B, N, W), the sum over the earlier bands.

        Returns
        -------
        Tensor
            (B, N, W).
        """
        x = self.sequence(tokens, classes, context)
        for block in self.blocks:
            x = block(x)
        return x[:, 1:]

    def forward(self, tokens: Tensor, classes: Tensor, context: Tensor | None = None) -> Tensor:
        """Logits (B, N, V)."""
        logits: Tensor = self.head(self.hidden(tokens, classes, context))
        return logits


class PriorNetwork(nn.Module):
    """All bands' networks: p(first band | class) p(second | first, class) and so on.

    Parameters
    ----------
    n_codes : sequence of int
        Vocabulary of each band.
    grids : sequence of Grid
        Token grid of each band.
    n_classes : int
        0 for unlabelled data.
    shapes : sequence of Transformer
        One per band.
    dropout : float
        On the embeddings of visible tokens.
    codes : sequence of Tensor, optional
        (V, d) of each band: the codes' vectors, of which tokens and logits are a function then; free without.
    """

    def __init__(
        self,
        n_codes: Sequence[int],
        grids: Sequence[Grid],
        n_classes: int,
        shapes: Sequence[Transformer],
        dropout: float,
        codes: Sequence[Tensor] | None = None,
    ) -> None:
        super().__init__()
        vectors: Sequence[Tensor | None] = [None] * len(n_codes) if codes is None else codes
        self.n_codes, self.n_tokens = tuple(n_codes), tuple(rows * columns for rows, columns in grids)
        self.n_classes = n_classes
        self.bands = nn.ModuleList(
            BandTransformer(size, tokens, n_classes, shape, dropout, own)
            for size, tokens, shape, own in zip(self.n_codes, self.n_tokens, shapes, vectors, strict=True)
        )
        self.contexts = nn.ModuleList(
            nn.ModuleList(
                BandContext(n_codes[i], grids[i], grids[band], shapes[i], shapes[band].width, dropout, vectors[i])
                for i in range(band)
            )
            for band in range(len(grids))
        )

    def band(self, band: int) -> BandTransformer:
        """The transformer of band number `band`."""
        transformer = self.bands[band]
        assert isinstance(transformer, BandTransformer)
        return transformer

    def context(self, band: int, finished: Sequence[Tensor]) -> Tensor | None:
        """Context of band number `band`: (B, N, W), or None for the first.

        Parameters
        ----------
        band : int
            The band that reads.
        finished : sequence of Tensor
            (B, N_i) tokens of the bands before it, without masks.
        """
        readers = self.contexts[band]
        assert isinstance(readers, nn.ModuleList)
        terms = [reader(tokens) for reader, tokens in zip(readers, finished, strict=True)]
        return torch.stack(terms).sum(0) if terms else None

    def parts(self) -> list[nn.Module]:
        """What is worth compiling: blocks and heads."""
        heads = [self.band(band).head for band in range(len(self.bands))]
        return [*(module for module in self.modules() if isinstance(module, Block)), *heads]
