"""`evaluate` for users: arrays in, scores out, and the page about them."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nm_vqtsg.artifacts import save_text
from nm_vqtsg.datasets.arrays import as_labels, as_series
from nm_vqtsg.datasets.raw import canonical_labels
from nm_vqtsg.errors import DataError
from nm_vqtsg.evaluation.any_series import NamedSeries, measure_any
from nm_vqtsg.files import check_target
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.params import Evaluate, Fcn, Params, Rocket
from nm_vqtsg.params.estimator import as_section
from nm_vqtsg.report.page import report_page
from nm_vqtsg.report.subject import Subject
from nm_vqtsg.session.session import estimator_session

log = logging.getLogger(__name__)


def evaluate(
    real: Any,
    synthetic: Any,
    *,
    y: Any = None,
    y_synthetic: Any = None,
    train: Any = None,
    y_train: Any = None,
    judge: Judge | Path | str | None = None,
    fcn: Fcn | dict[str, Any] | None = None,
    rocket: Rocket | dict[str, Any] | None = None,
    protocol: Evaluate | dict[str, Any] | None = None,
    report: Path | str | None = None,
    device: str = "auto",
    progress: bool = True,
) -> dict[str, Any]:
    """Measure synthetic series against real ones; the numbers are those of ``evaluate --real --synthetic``.

    Without labels: FID and KID on ROCKET features, precision, recall, a classifier that tells both apart, and
    others. With `y` and `y_train` (or a `judge`) also FID, IS and KID on features of an FCN. With `y_synthetic`
    also cFID and CAS. docs/evaluation.md says what each number means.

    Parameters
    ----------
    real : array-like
        (n, C, L), or (n, L), or a table or panel: see `fit`. Series that the generator has not seen.
    synthetic : array-like, or dict of name to array-like
        Generated series in the same units. A dict holds versions of the same samples, row by row:
        ``{"baseline": X_hat, "mapped": X_mapped}`` also gives the changes between these two.
    y : array-like, optional
        (n,) labels of `real`, in its order: the index of a pandas Series is not looked at.
    y_synthetic : array-like, optional
        The class that was asked for with each synthetic series.
    train, y_train : array-like, optional
        The real series that the generator was trained on, and their labels: they set the scale, train the FCN, and
        show what real series score.
    judge : Judge or path, optional
        A trained FCN (a study's ``fcn.safetensors``) instead, for series scaled as in its training; or
        ``published:<data set>``, the one that the paper's authors trained on a set of the UCR archive.
    fcn : Fcn or dict, optional
        Budget of the FCN: the section `fcn` of params.yaml.
    rocket : Rocket or dict, optional
        ROCKET features: the section `rocket`.
    protocol : Evaluate or dict, optional
        Splits and bootstrap draws: the section `evaluate`.
    report : path, optional
        An .html file, for a page with all scores in words and pictures; it asks for nothing from elsewhere.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    progress : bool
        Show progress.

    Returns
    -------
    dict
        Scores by name under ``synthetic`` (or under the names in a dict), what real series score under
        ``reference``, 95 % intervals under ``intervals``, what could not be measured, with the reason, under
        ``missing`` and what to give for it under ``remedies``, and sets that share series, which are logged, too,
        under ``warnings``. `format_scores` makes a table of it, with each score in words.

    Raises
    ------
    UserError
        If series or labels cannot be used or do not belong together, or `report` cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from nm_vqtsg import evaluate
    >>> rng = np.random.default_rng(0)
    >>> X, X_hat = rng.standard_normal((2, 50, 1, 32))
    >>> scores = evaluate(X, X_hat, rocket={"n_kernels": 50}, progress=False)
    >>> scores["synthetic"]["rocket_fid"] < 0.1
    True
    >>> scores["missing"]["fid"]
    'needs a judge, and the real series have no labels'
    """
    page = None if report is None else Path(report)
    if page is not None:
        check_target(page)
    params = Params(
        fcn=as_section(fcn, Fcn, "fcn"),
        rocket=as_section(rocket, Rocket, "rocket"),
        evaluate=as_section(protocol, Evaluate, "protocol"),
    )
    test = _named("real", real, y)
    channels, length = test.X.shape[1:]
    versions = synthetic if isinstance(synthetic, Mapping) else {"synthetic": synthetic}
    if not versions:
        raise DataError("synthetic is an empty dict; give at least one version of the samples")
    samples = {
        str(name): _named(str(name), X, y_synthetic, channels, length, "y_synthetic")
        for name, X in versions.items()
    }
    learnt_from = None if train is None else _named("train", train, y_train, channels, length, "y_train")
    if y_train is not None and train is None:
        raise DataError("y_train was given without train; give both")
    judge = Path(judge) if isinstance(judge, str) else judge
    session = estimator_session(device, progress)
    measured = measure_any(test, samples, learnt_from, judge, params, session)
    for text in measured.scores["warnings"].get("evaluate", ()):
        log.warning(text)
    if page is not None:
        subject = Subject.of("Real and synthetic series", measured, params)
        save_text(page, report_page(subject, session))
    return measured.scores


def _named(
    name: str, X: Any, y: Any, channels: int | None = None, length: int | None = None, name_y: str = "y"
) -> NamedSeries:
    array = as_series(X, channels, length, name=name, fitted="real")
    if y is None:
        return NamedSeries(name, array, None)
    texts = [str(label) for label in as_labels(y, len(array), name=name_y).tolist()]
    return NamedSeries(name, array, np.array(canonical_labels(texts, name_y), dtype=np.str_))
