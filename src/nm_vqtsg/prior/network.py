"""The networks of stage 2: one bidirectional transformer per band, the later ones reading the earlier bands.

Paper, section 3 (TimeVQVAE's prior); sizes and dropout as published, blocks pre-norm with normalised queries and
keys.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from nm_vqtsg.prior.loss import cross_entropy

Grid = tuple[int, int]
"""(frequency rows, columns in time); a band's N = rows * columns tokens are flattened row by row."""


class TransformerShape(Protocol):
    """Size of one band's transformer, as in the parameters."""

    @property
    def width(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def heads(self) -> int: ...


class Block(nn.Module):
    """Pre-norm attention and feed-forward (multiplier 1), each with a residual.

    Queries and keys are normalised (Dehghani et al., 2023, "Scaling vision transformers to 22 billion parameters",
    section 2), and a new block changes nothing: what is added to a residual starts at zero.

    (B, N, W) -> (B, N, W), or -> (B, M, W) where only `positions` (B, M) of the output are wanted, or -> (R, W)
    where only `rows` (R,) of the flattened output are.
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

    def forward(self, x: Tensor, positions: Tensor | None = None, rows: Tensor | None = None) -> Tensor:
        normed = self.attention_norm(x)
        if positions is None:
            q, k, v = self._heads(self.qkv(normed), 3)
        else:
            width = x.shape[-1]
            (q,) = self._heads(functional.linear(_at(normed, positions), self.qkv.weight[:width]), 1)
            k, v = self._heads(functional.linear(normed, self.qkv.weight[width:]), 2)
            x = _at(x, positions)
        attended = functional.scaled_dot_product_attention(self.query_norm(q), self.key_norm(k), v)
        attended = attended.transpose(1, 2).flatten(2)
        if rows is not None:
            x, attended = x.flatten(0, 1).index_select(0, rows), attended.flatten(0, 1).index_select(0, rows)
        x = x + self.out(attended)
        return x + self.feed_forward(x)

    def _heads(self, x: Tensor, parts: int) -> Tensor:
        """(B, N, parts * W) -> (parts, B, heads, N, W / heads)."""
        return x.unflatten(-1, (parts, self.heads, -1)).permute(2, 0, 3, 1, 4)


def _at(x: Tensor, positions: Tensor) -> Tensor:
    """Rows of (B, N, W) at positions (B, M): (B, M, W)."""
    return x.gather(1, positions.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


class TokenEmbedding(nn.Module):
    """Embeds tokens and the mask token (id `n_codes`), adds learned positions: (B, N) -> (B, N, W).

    In training, dropout falls on the embeddings of unmasked tokens only: the mask's embedding says that
    nothing is known, which must not be blurred. All embeddings start with standard deviation 1; smaller
    ones leave the loss on a plateau.
    """

    def __init__(self, n_codes: int, n_tokens: int, width: int, dropout: float) -> None:
        super().__init__()
        self.mask_token = n_codes
        self.tokens = nn.Embedding(n_codes + 1, width)
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


class BandContext(nn.Module):
    """What a finished band says to a later one: (B, N_from) tokens -> (B, N_to, W_to).

    One block reads the finished band; then each column of the later grid takes the column that lies at the
    same time in the earlier one, and all its frequency rows share it. Depends on nothing that changes while
    the later band is decoded.
    """

    def __init__(
        self, n_codes: int, source: Grid, target: Grid, shape: TransformerShape, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.source, self.target = source, target
        self.embedding = TokenEmbedding(n_codes, source[0] * source[1], shape.width, dropout)
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
    shape : TransformerShape
        Width, depth and heads.
    dropout : float
        On the embeddings of visible tokens.
    """

    def __init__(
        self, n_codes: int, n_tokens: int, n_classes: int, shape: TransformerShape, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(n_codes, n_tokens, shape.width, dropout)
        self.classes = nn.Embedding(n_classes + 1, shape.width)
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.depth))
        self.head = nn.Sequential(
            nn.LayerNorm(shape.width),
            nn.Linear(shape.width, shape.width),
            nn.GELU(),
            nn.LayerNorm(shape.width),
            nn.Linear(shape.width, n_codes),
        )

    def hidden(
        self,
        tokens: Tensor,
        classes: Tensor,
        context: Tensor | None = None,
        positions: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Features of tokens.

        Parameters
        ----------
        tokens : Tensor
            (B, N) int64 in [0, V]; V at masked positions.
        classes : Tensor
            (B,) int64 in [0, n_classes].
        context : Tensor, optional
            (B, N, W), the sum over the earlier bands.
        positions : Tensor, optional
            (B, M) int64, the tokens whose features are wanted; all by default.
        rows : Tensor, optional
            (R,) int64, the same as positions in the flattened (B, N); for a different number in each series.

        Returns
        -------
        Tensor
            (B, N, W), (B, M, W) or (R, W); `head` turns any selection of it into logits.
        """
        x = self.embedding(tokens)
        if context is not None:
            x = x + context
        x = torch.cat([self.classes(classes).unsqueeze(1), x], dim=1)
        for block in self.blocks[:-1]:
            x = block(x)
        last = self.blocks[-1]  # the class comes first in the sequence
        hidden: Tensor
        if rows is not None:
            hidden = last(x, rows=rows + rows.div(tokens.shape[1], rounding_mode="floor") + 1)
        elif positions is not None:
            hidden = last(x, positions + 1)
        else:
            hidden = last(x)[:, 1:]
        return hidden


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
    shapes : sequence of TransformerShape
        One per band.
    dropout : float
        On the embeddings of visible tokens.
    """

    def __init__(
        self,
        n_codes: Sequence[int],
        grids: Sequence[Grid],
        n_classes: int,
        shapes: Sequence[TransformerShape],
        dropout: float,
    ) -> None:
        super().__init__()
        self.n_codes, self.n_tokens = tuple(n_codes), tuple(rows * columns for rows, columns in grids)
        self.bands = nn.ModuleList(
            BandTransformer(codes, tokens, n_classes, shape, dropout)
            for codes, tokens, shape in zip(self.n_codes, self.n_tokens, shapes, strict=True)
        )
        self.contexts = nn.ModuleList(
            nn.ModuleList(
                BandContext(n_codes[i], grids[i], grids[band], shapes[i], shapes[band].width, dropout)
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

    def masked_loss(
        self, tokens: Sequence[Tensor], classes: Tensor, band: int, masked: Tensor, sparse: bool
    ) -> Tensor:
        """Mean cross-entropy at hidden positions of one band; see `masked_logits` for the arguments.

        With `sparse`, nothing is computed for the others after the last attention. How many are hidden is chance,
        though, which a GPU would have to tell the host, and a compiler wants to know beforehand; so without it all
        positions are computed, and those that are visible weigh nothing.
        """
        if sparse:
            return cross_entropy(*self.masked_logits(tokens, classes, band, masked))
        target, transformer = tokens[band], self.band(band)
        visible = target.masked_fill(masked, self.n_codes[band])
        logits = transformer.head(transformer.hidden(visible, classes, self.context(band, tokens[:band])))
        losses = functional.cross_entropy(logits.flatten(0, 1).float(), target.flatten(), reduction="none")
        weights = masked.flatten().to(losses.dtype)
        return losses @ weights / weights.sum()

    def parts(self) -> list[nn.Module]:
        """What is worth compiling: blocks and heads."""
        heads = [self.band(band).head for band in range(len(self.bands))]
        return [*(module for module in self.modules() if isinstance(module, Block)), *heads]

    def masked_logits(
        self, tokens: Sequence[Tensor], classes: Tensor, band: int, masked: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits and targets at hidden positions of one band; what follows the last attention sees no other.

        Parameters
        ----------
        tokens : sequence of Tensor
            (B, N_i) true tokens of the bands up to `band`.
        classes : Tensor
            (B,) int64.
        band : int
            The band to predict.
        masked : Tensor
            (B, N) bool.

        Returns
        -------
        logits, target : Tensor
            (M, V) float and (M,) int64 with M masked positions in row-major order.
        """
        device = classes.device
        where = masked.flatten().nonzero().squeeze(1).to(device, non_blocking=True)  # no wait if drawn on the CPU
        target, transformer = tokens[band], self.band(band)
        visible = target.flatten().index_fill(0, where, self.n_codes[band]).view_as(target)
        hidden = transformer.hidden(visible, classes, self.context(band, tokens[:band]), rows=where)
        return transformer.head(hidden), target.flatten()[where]
