"""A plain VQ-VAE for users (van den Oord et al. 2017), with the same prior over its tokens."""

from nm_vqtsg.estimators.generator import TwoStageEstimator
from nm_vqtsg.tokenizer.kinds import vqvae


class VQVAE(TwoStageEstimator):
    """Generator of time series by vector quantisation of the series itself, with a single codebook.

    It aims at `stage1.hf_width` tokens. The prior over them is `stage2.lf`, and `sample.lf_choice_temperature` its
    choice temperature, since both belong to the first band. Parameters, attributes and methods are those of
    `TwoStageEstimator`.

    Examples
    --------
    >>> import numpy as np
    >>> from nm_vqtsg import VQVAE
    >>> X = np.sin(np.linspace(0, 6, 24) * np.linspace(1, 3, 32)[:, None])
    >>> model = VQVAE({"steps": 5, "codebook_size": 16}, {"steps": 5}, progress=False).fit(X)
    >>> model.sample(3).shape
    (3, 1, 24)
    """

    kind = vqvae.KIND
