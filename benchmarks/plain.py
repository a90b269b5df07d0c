"""The neural mapper and the search for τ as one would write them from the description, to measure against.

Every step encodes its series, draws with `Categorical` over the whole codebook, and trains with AdamW in its
default form; the U-Net has the published shape (two blocks per depth and direction, concatenated skips,
weight-standardised convolutions, linear attention at every depth, full attention at the bottom, smoothing at the
end). The search encodes TRAIN for every τ, takes sktime's own ROCKET and forms the square root of the covariances'
product. The tokeniser is this project's, fast as it is, on both sides.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import linalg
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional as F

from nm_vqtsg.tokenizer.model import Tokenizer


class Snake(nn.Module):
    """x + sin²(a x) / a."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(1, channels, 1).uniform_(0.2, 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.sin(self.a * x) ** 2 / self.a


class StandardisedConv(nn.Conv1d):
    """Convolution whose filters have mean 0 and variance 1."""

    def forward(self, x: Tensor) -> Tensor:
        mean = self.weight.mean((1, 2), keepdim=True)
        variance = self.weight.var((1, 2), correction=0, keepdim=True)
        weight = (self.weight - mean) * (variance + 1e-5).rsqrt()
        return F.conv1d(x, weight, self.bias, self.stride, self.padding)


def block(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """Convolution, group norm, Snake, dropout."""
    convolution = StandardisedConv(inputs, outputs, 3, padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(4, outputs), Snake(outputs), nn.Dropout(dropout))


class Residual(nn.Module):
    """Two blocks and a shortcut."""

    def __init__(self, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.Sequential(block(inputs, outputs, dropout), block(outputs, outputs, dropout))
        self.shortcut = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x) + self.shortcut(x)


class ChannelNorm(nn.Module):
    """Layer norm over channels, with a gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        return (x - mean) * (variance + 1e-5).rsqrt() * self.gain


class Attention(nn.Module):
    """Self-attention over time with a residual, 4 heads of 32; linear in the length or full."""

    HEADS, WIDTH = 4, 32

    def __init__(self, channels: int, linear: bool) -> None:
        super().__init__()
        self.linear, inner = linear, self.HEADS * self.WIDTH
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Conv1d(channels, 3 * inner, 1, bias=False)
        out = nn.Conv1d(inner, channels, 1)
        self.out = nn.Sequential(out, ChannelNorm(channels)) if linear else out

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).unflatten(1, (3, self.HEADS, self.WIDTH)).unbind(1)  # (B, H, 32, T)
        if self.linear:
            q = q.softmax(2) / math.sqrt(self.WIDTH)
            context = torch.einsum("bhdt,bhet->bhde", k.softmax(3), v)
            mixed = torch.einsum("bhde,bhdt->bhet", context, q)
        else:
            weights = torch.einsum("bhdi,bhdj->bhij", q / math.sqrt(self.WIDTH), k).softmax(-1)
            mixed = torch.einsum("bhij,bhdj->bhdi", weights, v)
        return x + self.out(mixed.flatten(1, 2))


class UNet(nn.Module):
    """The published mapper: width 8, multipliers 1, 2, 4, 8, three down-samplings, no input residual."""

    def __init__(self, channels: int, width: int = 8, dropout: float = 0.5) -> None:
        super().__init__()
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        pairs = list(itertools.pairwise(widths))
        self.stem = nn.Conv1d(channels, width, 7, padding=3)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for depth, (fine, coarse) in enumerate(pairs):
            last = depth == len(pairs) - 1
            step = nn.Conv1d(fine, coarse, 3, padding=1) if last else nn.Conv1d(fine, coarse, 4, 2, padding=1)
            pieces = [Residual(fine, fine, dropout), Residual(fine, fine, dropout), Attention(fine, True), step]
            self.down.append(nn.ModuleList(pieces))
        bottom = widths[-1]
        self.middle = nn.Sequential(
            Residual(bottom, bottom, dropout), Attention(bottom, False), Residual(bottom, bottom, dropout)
        )
        for depth, (fine, coarse) in reversed(list(enumerate(pairs))):
            step = nn.Conv1d(coarse, fine, 3, padding=1)
            pieces = [
                Residual(coarse + fine, coarse, dropout),
                Residual(coarse + fine, coarse, dropout),
                Attention(coarse, True),
                nn.Sequential(nn.Upsample(scale_factor=2), step) if depth else step,
            ]
            self.up.append(nn.ModuleList(pieces))
        self.last_up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv1d(width, width, 3, padding=1))
        self.last = Residual(2 * width, width, dropout)
        self.head = nn.Sequential(
            nn.Conv1d(width, channels, 1),
            *(nn.Conv1d(channels, channels, 3, padding=1, padding_mode="replicate") for _ in range(2)),
        )

    def forward(self, x: Tensor) -> Tensor:
        h = start = self.stem(x)
        skips = []
        for first, second, attention, step in self.down:
            h = first(h)
            skips.append(h)
            h = attention(second(h))
            skips.append(h)
            h = step(h)
        h = self.middle(h)
        for first, second, attention, step in self.up:
            for residual in (first, second):
                skip = F.interpolate(skips.pop(), h.shape[-1], mode="linear")
                h = residual(torch.cat([h, skip], 1))
            h = step(attention(h))
        h = F.interpolate(self.last_up(h), x.shape[-1], mode="linear")
        return self.head(self.last(torch.cat([h, start], 1)))


@torch.no_grad()
def variants(tokenizer: Tokenizer, x: Tensor, tau: float) -> Tensor:
    """x̃' of x (B, C, L): encode, draw, decode."""
    tokens = []
    for z, book in zip(tokenizer.encode(x), tokenizer.codebooks, strict=True):
        distance = torch.cdist(z, book.codes.expand(len(z), -1, -1))
        logits = (-distance / tau).masked_fill(~book.live, -torch.inf)
        tokens.append(Categorical(logits=logits).sample())
    return tokenizer.decode(tokens)


def mapper_step(network: nn.Module, tokenizer: Tokenizer, x: Tensor, tau: float) -> Callable[[Tensor], float]:
    """Trains `network` on the rows of `x` that it is called with."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)

    def step(rows: Tensor) -> float:
        optimizer.zero_grad()
        batch = x[rows]
        loss = F.l1_loss(network(variants(tokenizer, batch, tau)), batch)
        loss.backward()
        optimizer.step()
        return loss.item()

    network.train()
    return step


def fid(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance with scipy's square root of a matrix, real part."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(np.trace(linalg.sqrtm(first @ second)))
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * root)


def rocket_features(rocket: object, X: np.ndarray) -> np.ndarray:
    """sktime's own transform, rows of norm one."""
    features = rocket.transform(X).to_numpy(np.float64)  # type: ignore[attr-defined]
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def search_tau(
    tokenizer: Tokenizer, x: Tensor, x_hat: Tensor, grid: tuple[float, ...], rocket: object
) -> dict[float, float]:
    """FID of each τ, all of it done anew for each."""
    found = {}
    for tau in grid:
        generated = rocket_features(rocket, x_hat.numpy())
        described = rocket_features(rocket, torch.cat([variants(tokenizer, r, tau) for r in x.split(32)]).numpy())
        found[tau] = fid(generated, described)
    return found
