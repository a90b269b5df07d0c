"""The authors' package `timevqvae`, in the configuration of its README, driven as the published recipe says.

A development dependency of the benchmarks alone (its own requirements ask for Python 3.12; it runs on 3.11):

    pip install --ignore-requires-python --no-deps timevqvae==1.0.1 einops

AdamW in PyTorch's default form, linear warm-up and cosine, batches of 32.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nm_vqtsg.params import Training
from nm_vqtsg.training.schedule import make_schedule

SAMPLING_BATCH = 32  # series decoded at once in the published evaluation
INSTALL = "pip install --ignore-requires-python --no-deps timevqvae==1.0.1 einops"


def available() -> bool:
    """Whether the package can be imported."""
    try:
        import timevqvae.maskgit  # noqa: F401
    except ImportError:
        return False
    return True


def seed_all(seed: int) -> None:
    """Seed both generators that the package draws from."""
    np.random.seed(seed)
    torch.manual_seed(seed)


def make_vqvae(channels: int, length: int, seed: int = 0) -> nn.Module:
    """Stage 1 as in the README."""
    from timevqvae.vqvae import VQVAE

    seed_all(seed)
    return VQVAE(
        in_channels=channels,
        input_length=length,
        n_fft=4,
        init_dim=4,
        hid_dim=128,
        downsampled_width_l=8,
        downsampled_width_h=32,
        encoder_n_resnet_blocks=2,
        decoder_n_resnet_blocks=2,
        codebook_size_l=1024,
        codebook_size_h=1024,
        kmeans_init=True,
        codebook_dim=8,
    )


def prior_config(width: int, layers: int, heads: int) -> object:
    """One band's transformer as in the README."""
    from timevqvae.maskgit import PriorModelConfig

    return PriorModelConfig(
        hidden_dim=width,
        n_layers=layers,
        heads=heads,
        ff_mult=1,
        use_rmsnorm=True,
        p_unconditional=0.2,
        model_dropout=0.3,
        emb_dropout=0.3,
    )


def make_maskgit(vqvae: nn.Module, n_classes: int, seed: int = 0) -> nn.Module:
    """Stage 2 as in the README."""
    from timevqvae.maskgit import MaskGIT

    seed_all(seed)
    return MaskGIT(
        vqvae=vqvae,
        lf_choice_temperature=10.0,
        hf_choice_temperature=0.0,
        lf_num_sampling_steps=10,
        hf_num_sampling_steps=10,
        lf_codebook_size=1024,
        hf_codebook_size=1024,
        transformer_embedding_dim=128,
        lf_prior_model_config=prior_config(128, 4, 2),
        hf_prior_model_config=prior_config(32, 1, 1),
        classifier_free_guidance_scale=1.0,
        n_classes=n_classes,
    )


def make_transformers(n_codes: Sequence[int], n_tokens: Sequence[int], n_classes: int, seed: int) -> nn.ModuleList:
    """The two networks of stage 2 alone, for tokens of any tokeniser."""
    from dataclasses import asdict

    from timevqvae.models.bidirectional_transformer import BidirectionalTransformer

    seed_all(seed)
    sizes = dict(zip(("lf", "hf"), n_codes, strict=True))
    low = BidirectionalTransformer(
        "lf", n_tokens[0], sizes, 128, **asdict(prior_config(128, 4, 2)), n_classes=n_classes
    )
    high = BidirectionalTransformer(
        "hf", n_tokens[1], sizes, 128, **asdict(prior_config(32, 1, 1)), n_classes=n_classes,
        num_tokens_l=n_tokens[0],
    )  # fmt: skip
    return nn.ModuleList([low, high])


def masked_losses(
    networks: nn.ModuleList, tokens: Sequence[Tensor], classes: Tensor | None, masks: Sequence[Tensor]
) -> list[Tensor]:
    """Cross-entropies (M,) at hidden positions of both bands, by `make_transformers`' networks.

    Parameters
    ----------
    networks : ModuleList
        LF and HF.
    tokens, masks : sequences of Tensor
        Per band (B, N) int64, and bool where hidden.
    classes : Tensor, optional
        (B,) int64.
    """
    condition = None if classes is None else classes[:, None]
    found = []
    for band, (network, own, hidden) in enumerate(zip(networks, tokens, masks, strict=True)):
        visible = own.masked_fill(hidden, network.mask_token_ind["lf" if band == 0 else "hf"])
        inputs = (visible,) if band == 0 else (tokens[0], visible)
        logits = network(*inputs, class_condition=condition)
        found.append(cross_entropy(logits[hidden], own[hidden], reduction="none"))
    return found


class Trainer:
    """The published optimiser and schedule around a loss.

    Parameters
    ----------
    module : nn.Module
        Trained in place.
    budget : Training
        Steps and rates.
    loss : callable
        From the arguments of `step` to a scalar.
    """

    def __init__(self, module: nn.Module, budget: Training, loss: Callable[..., Tensor]) -> None:
        self.loss = loss
        trained = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=budget.learning_rate, weight_decay=budget.weight_decay)
        self.schedule = make_schedule(self.optimizer, budget)

    def step(self, *batch: Tensor) -> float:
        """One optimiser step; returns the loss, as logging does."""
        self.optimizer.zero_grad()
        loss = self.loss(*batch)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.item()


def vqvae_trainer(vqvae: nn.Module, budget: Training) -> Trainer:
    """Stage 1; `step` takes x (B, C, L)."""

    def loss(x: Tensor) -> Tensor:
        out = vqvae(x)
        losses = [*out.recons_loss.values(), *(part["loss"].squeeze() for part in out.vq_losses.values())]
        return torch.stack(losses).sum()

    vqvae.train()
    return Trainer(vqvae, budget, loss)


def maskgit_trainer(maskgit: nn.Module, budget: Training) -> Trainer:
    """Stage 2; `step` takes x (B, C, L) and classes (B,)."""
    maskgit.train()
    return Trainer(maskgit, budget, lambda x, y: maskgit(x, y[:, None]).total_mask_prediction_loss)


@torch.no_grad()
def sample(maskgit: nn.Module, n: int, y: Tensor | None = None) -> Tensor:
    """`n` series (n, C, L), in the published batches; `y` (n,) classes."""
    maskgit.eval()
    batches = []
    for rows in torch.arange(n).split(SAMPLING_BATCH):
        condition = None if y is None else y[rows]
        low, high = maskgit.iterative_decoding(len(rows), class_condition=condition)
        x_l = maskgit.decode_token_ind_to_timeseries(low, "lf")
        batches.append(x_l + maskgit.decode_token_ind_to_timeseries(high, "hf"))
    return torch.cat(batches)


@torch.no_grad()
def reconstruct(vqvae: nn.Module, x: Tensor, batch: int = 256) -> Tensor:
    """Series after a round through the tokens, in evaluation mode."""
    vqvae.eval()
    return torch.cat([vqvae(rows).x_recon for rows in x.split(batch)])
