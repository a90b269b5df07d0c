"""A critic that learns to tell mapped from real series, and what the mapper learns from it."""

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import leaky_relu, softplus
from torch.nn.utils.parametrizations import spectral_norm

WIDTHS = (16, 32, 64, 64)
KERNEL, STRIDE = 5, 2
SLOPE = 0.2


class Critic(nn.Module):
    """Says of each stretch of a series how real it looks: (B, C, L) -> (B, positions) logits.

    Strided convolutions that see some 90 samples, as the patches of Isola et al. 2017 (section 3.2.2); spectral
    normalisation keeps its slopes bounded (Miyato et al. 2018).

    Parameters
    ----------
    channels : int
        C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        sizes = zip((channels, *WIDTHS), WIDTHS, strict=False)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv1d(inputs, outputs, KERNEL, STRIDE, KERNEL // 2)) for inputs, outputs in sizes
        )
        self.head = spectral_norm(nn.Conv1d(WIDTHS[-1], 1, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = leaky_relu(layer(x), SLOPE)
        logits: Tensor = self.head(x)
        return logits.flatten(1)


def adversarial_losses(critic: Critic, mapped: Tensor, x: Tensor) -> dict[str, Tensor]:
    """What either side minimises, of mapped (B, C, L) and real series (B', C, L).

    ``adversarial``, the mapper's: −log σ(D(f(x̂))), the non-saturating form of Goodfellow et al. 2014 (section 3);
    its gradients reach `mapped` alone. ``critic``: −log σ(D(x)) − log(1 − σ(D(f(x̂)))); its gradients reach the
    critic alone. A critic that knows nothing is at log 2 and 2 log 2.
    """
    frozen = {name: tensor.detach() for name, tensor in (*critic.named_parameters(), *critic.named_buffers())}
    fooled = softplus(-functional_call(critic, frozen, (mapped,))).mean()
    told = softplus(critic(mapped.detach())).mean() + softplus(-critic(x)).mean()
    return {"adversarial": fooled, "critic": told}
