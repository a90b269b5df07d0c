"""TimeVQVAE for users (Lee et al. 2023; paper, section 3.1)."""

from nm_vqtsg.estimators.generator import TwoStageEstimator
from nm_vqtsg.tokenizer.kinds import timevqvae


class TimeVQVAE(TwoStageEstimator):
    """Generator of time series by vector quantisation in two frequency bands (Lee et al. 2023).

    Parameters, attributes and methods are those of `TwoStageEstimator`.

    Examples
    --------
    >>> import numpy as np
    >>> from nm_vqtsg import TimeVQVAE
    >>> t = np.linspace(0, 6.28, 24)
    >>> X = np.stack([np.sin(t * k) for k in (1, 2)] * 16)
    >>> y = np.array(["slow", "fast"] * 16)
    >>> model = TimeVQVAE({"steps": 5, "codebook_size": 16}, {"steps": 5}, progress=False).fit(X, y)
    >>> model.sample(3).shape, model.sample(2, y="fast").shape
    ((3, 1, 24), (2, 1, 24))
    """

    kind = timevqvae.KIND
