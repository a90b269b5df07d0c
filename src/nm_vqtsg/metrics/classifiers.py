"""What a strong classifier makes of the samples: of use to learn from, and told apart from real series?"""

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.rocket import RocketFeatures

KERNELS = 1000
ALPHAS = np.logspace(-3, 3, 10)


def classification_score(
    X_fit: np.ndarray, y_fit: np.ndarray, X: np.ndarray, y: np.ndarray, fits: int = 3, seed: int = 0
) -> tuple[float, float]:
    """Accuracy on real series of a classifier that learnt from others; higher is better.

    With samples to learn from and real series to answer for, this is the classification accuracy score (CAS;
    Ravuri and Vinyals, 2019). The classifier is a ridge on ROCKET features, not normalised, of 1000 kernels drawn
    anew in each fit.

    Parameters
    ----------
    X_fit, y_fit : (n, C, L), (n,)
        Learnt from.
    X, y : (m, C, L), (m,)
        Asked for.
    fits, seed : int
        Independent fits, with seeds counted from `seed`.

    Returns
    -------
    mean, sd : float
        Of the accuracy over the fits; sd is 0 for one.

    Raises
    ------
    DataError
        If there are fewer than two classes to learn.
    """
    if len(np.unique(y_fit)) < 2:
        raise DataError("CAS needs two classes to learn from")
    scores = []
    for fit in range(fits):
        rocket = RocketFeatures(X.shape[1], X.shape[2], KERNELS, seed + fit)
        classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(ALPHAS))
        classifier.fit(rocket.raw(X_fit), y_fit)
        scores.append(classifier.score(rocket.raw(X), y))
    return float(np.mean(scores)), float(np.std(scores, ddof=1)) if fits > 1 else 0.0


class Verdicts(NamedTuple):
    """What a classifier that has not seen them makes of real series and samples.

    Attributes
    ----------
    rows : (n,) int
        The samples that were asked for.
    real, generated : (n,) numbers
        How sure it is that a series (of `rows`, for `generated`) is generated: positive for yes.
    """

    rows: np.ndarray
    real: np.ndarray
    generated: np.ndarray

    @property
    def auc(self) -> float:
        """Share of the pairs of a sample and a real series of which it knows which is which; 0.5 is best."""
        y = np.repeat([0, 1], len(self.rows))
        return float(roc_auc_score(y, np.concatenate([self.real, self.generated])))


def real_or_generated(
    real: np.ndarray, generated: np.ndarray, rng: np.random.Generator, largest: int = 500
) -> Verdicts:
    """A ridge that tells samples from real series, in cross-validation.

    Parameters
    ----------
    real, generated : (n, d), (m, d) arrays
        ROCKET features. As many of each are used, at most `largest`.

    Raises
    ------
    DataError
        If a set has fewer than five series, one for each fold.
    """
    n = min(len(real), len(generated), largest)
    if n < 5:
        raise DataError(f"the real-or-generated classifier needs five series of each; there are {n}")
    rows = [rng.permutation(len(side))[:n] for side in (real, generated)]
    X = np.concatenate([side[of_side] for side, of_side in zip((real, generated), rows, strict=True)])
    y = np.repeat([0, 1], n)
    classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(ALPHAS))
    folds = StratifiedKFold(5, shuffle=True, random_state=int(rng.integers(2**31)))
    margins = cross_val_predict(classifier, X, y, cv=folds, method="decision_function")
    return Verdicts(rows[1], margins[:n], margins[n:])
