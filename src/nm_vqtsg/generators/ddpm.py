"""Diffusion (Ho et al. 2020, DDPM) by ``diffusers`` of Hugging Face: its U-Net for one axis, its schedulers.

Network, noise schedule and target (the noise) are the package's defaults; time is embedded as in the paper. Series
are drawn in fewer steps than there are noise levels (Song et al. 2021, DDIM, the package's `DDIMScheduler`), or a
CPU would take hours. Training is this project's loop, so it shows progress, stops and goes on as every other one.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, pad

from nm_vqtsg.generators.baseline import Baseline
from nm_vqtsg.nn.batches import in_batches
from nm_vqtsg.params.models import NonNegativeFloat, PositiveFloat, Rate, Several, Steps, Training, param
from nm_vqtsg.session import Session
from nm_vqtsg.training.average import MovingAverage
from nm_vqtsg.training.loop import fit
from nm_vqtsg.training.seeds import derive_seed, seeded

MULTIPLE, SHORTEST = 8, 24
"""The U-Net halves the length three times, and pads what is left by two values, which must be in there."""


class DDPMConfig(Training):
    """Settings of `DDPM`."""

    steps: Steps = param(20000, "ours", "optimiser steps")
    learning_rate: PositiveFloat = param(0.001, "ours", "peak learning rate")
    learning_rate_min: NonNegativeFloat = param(1e-5, "ours", "learning rate at the end of the cosine")
    noise_levels: Several = param(1000, "code", "steps of the diffusion")
    sampling_steps: Steps = param(50, "ours", "of these, how many a series is drawn in")
    ema_decay: Rate = param(0.995, "ours", "decay of the weights' moving average")


class DDPM(Baseline[DDPMConfig]):
    """A denoising diffusion model. It learns all series alike, whatever their class."""

    name: ClassVar = "ddpm"
    title: ClassVar = "diffusion (DDPM) of diffusers"
    package: ClassVar = "diffusers"
    config_type: ClassVar = DDPMConfig
    budget: ClassVar = "steps"
    by_class: ClassVar = False

    _network: nn.Module
    _shape: tuple[int, int]
    _largest: float

    @property
    def n_weights(self) -> int:
        return sum(weights.numel() for weights in self._network.parameters())

    def fit(self, x: Tensor, y: Tensor | None, seed: int, session: Session) -> None:
        package, config = self.required(), self.config
        x = x.to(session.device)
        self._shape, self._largest = (x.shape[1], x.shape[2]), float(x.abs().max())
        padded = _padded(x)
        network = seeded(derive_seed(seed, "ddpm"), lambda: _network(package, padded.shape[1], padded.shape[2]))
        network.to(session.device)
        noising = package.DDPMScheduler(num_train_timesteps=config.noise_levels)
        average = MovingAverage(network, config.ema_decay)

        def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
            clean = padded[rows]
            noise = torch.randn(clean.shape, generator=rng, device=rng.device)
            levels = torch.randint(config.noise_levels, (len(rows),), generator=rng, device=rng.device)
            noisy = noising.add_noise(clean, noise, levels)
            return {"loss": mse_loss(network(noisy, levels).sample, noise)}

        fit(
            network,
            step_loss,
            n=len(x),
            budget=config,
            seed=derive_seed(seed, "ddpm", "steps"),
            session=session,
            callback=average,
            description="ddpm",
        )
        network.load_state_dict(average.network.state_dict())
        self._network = network

    @torch.no_grad()
    def sample(self, n: int, y: Tensor | None, *, rng: torch.Generator, session: Session) -> Tensor:
        config, (channels, length) = self.config, self._shape
        device = next(self._network.parameters()).device
        # what a network has not quite learnt grows at the highest levels: series are kept within TRAIN's values
        denoising = self.required().DDIMScheduler(
            num_train_timesteps=config.noise_levels, clip_sample=True, clip_sample_range=self._largest
        )
        denoising.set_timesteps(min(config.sampling_steps, config.noise_levels))
        noise = torch.randn((n, channels, _padded_length(length)), generator=rng).to(device)
        parts, levels = [], denoising.timesteps.tolist()
        with session.track("ddpm, sampling", total=n * len(levels)) as task:
            for (x,) in in_batches(length, noise):
                for level in levels:
                    x = denoising.step(self._network(x, level).sample, level, x).prev_sample
                    task.advance(len(x))
                parts.append(x[..., :length].cpu())
        return torch.cat(parts)


def _network(package: Any, channels: int, length: int) -> nn.Module:
    network: nn.Module = package.UNet1DModel(
        sample_size=length,
        in_channels=channels,
        out_channels=channels,
        extra_in_channels=32,  # the embedded level, as wide as the first block
        time_embedding_type="positional",
    )
    return network


def _padded_length(length: int) -> int:
    return max(SHORTEST, -(-length // MULTIPLE) * MULTIPLE)


def _padded(x: Tensor) -> Tensor:
    """With its last value repeated, to a length that the U-Net takes."""
    return pad(x, (0, _padded_length(x.shape[-1]) - x.shape[-1]), mode="replicate")
