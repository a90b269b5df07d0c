"""evaluate() for arrays: the numbers of the command line, and refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nm_vqtsg import evaluate, format_scores
from nm_vqtsg.commands.evaluate_files import evaluate_files
from nm_vqtsg.datasets.writers import write_series
from nm_vqtsg.errors import DataError, ParameterError, UserError
from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.params import Evaluate, Fcn, Params, Rocket

SMALL: dict[str, Any] = {
    "fcn": {"epochs": 2},
    "rocket": {"n_kernels": 40},
    "protocol": {"bootstrap": 5, "cas_fits": 1, "network_steps": 2},
}


def waves(n: int, seed: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2 + 1
    X = 50 + 9 * np.sin(y[:, None] * np.linspace(0, 6.28, 24) + rng.uniform(0, 2, (n, 1)))
    return (X + noise * rng.standard_normal(X.shape)).astype(np.float32)[:, None], y


REAL, TRAIN, FAKE = waves(40, 0), waves(44, 1), waves(36, 2, noise=2.0)


def test_the_numbers_are_those_of_the_command_line(tmp_path: Path) -> None:
    for name, (X, y) in {"real": REAL, "train": TRAIN, "fake": FAKE}.items():
        write_series(tmp_path / f"{name}.npz", X, y)
    params = Params(
        fcn=Fcn(epochs=2), rocket=Rocket(n_kernels=40), evaluate=Evaluate(bootstrap=5, cas_fits=1, network_steps=2)
    )
    paths = [tmp_path / f"{name}.npz" for name in ("real", "fake", "train")]
    expected = evaluate_files(paths[0], paths[1], train=paths[2], params=params).scores
    (X, y), (X_train, y_train), (X_fake, y_fake) = REAL, TRAIN, FAKE
    result = evaluate(
        pd.DataFrame(X[:, 0]), X_fake, y=pd.Series(y), y_synthetic=y_fake.astype(float), train=X_train.tolist(),
        y_train=y_train, progress=False, device="cpu", **SMALL,
    )  # fmt: skip
    for part in ("synthetic", "reference"):
        assert flat_scores(result[part]) == pytest.approx(flat_scores(expected[part]), rel=1e-3, nan_ok=True)
    assert [result[key] for key in ("n", "missing", "judge")] == [
        expected[key] for key in ("n", "missing", "judge")
    ]
    assert {"fid", "is", "cfid", "rocket_fid"} <= set(result["synthetic"]) and result["synthetic"][
        "second_opinion"
    ]


def test_versions_are_compared() -> None:
    better = FAKE[0] * 0.5 + 0.5 * waves(36, 2)[0]
    result = evaluate(REAL[0], {"baseline": FAKE[0], "mapped": better}, progress=False, **SMALL)
    assert result["change_percent"]["rocket_fid"] > 0
    table = format_scores(result)
    header, line, *rows = table.splitlines()
    assert header.split("|")[1:-1] != [] and [cell.strip() for cell in header.split("|")[2:4]] == [
        "baseline",
        "mapped",
    ]
    assert set(line) == {"|", "-"} and len({len(row) for row in (header, line, rows[0])}) == 1
    assert "Not measured: fcn_accuracy, fid" in table and "\nScale: real.\n" in table
    row = next(line for line in rows if line.startswith("| rocket_fid "))
    cells = dict(zip(map(str.strip, header.split("|")), map(str.strip, row.split("|")), strict=True))
    assert cells["gain"] == f"{result['gain']['rocket_fid']:+.3g}"
    assert cells["change %"] == f"{result['change_percent']['rocket_fid']:+.3g}"
    assert "\n* gain: by how much mapping improves a score" in table
    assert "cas_sd" not in table and "_sd" not in "".join(rows)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"synthetic": FAKE[0][:, :, :20]}, DataError, "synthetic has length 20 where real had 24"),
        ({"synthetic": {}}, DataError, "empty dict"),
        ({"synthetic": {"baseline": FAKE[0], "mapped": FAKE[0][:3]}}, DataError, "differ in number"),
        ({"real": np.full((3, 24), np.nan)}, DataError, "real holds NaN"),
        ({"y": REAL[1][:3]}, DataError, "one label for each of the 40 series"),
        ({"y": REAL[1], "y_synthetic": FAKE[1] + 5}, DataError, "label '6', which the real series do not have"),
        ({"y_train": TRAIN[1]}, DataError, "y_train was given without train"),
        ({"rocket": {"kernels": 3}}, ParameterError, "'rocket.kernels' is unknown"),
        ({"judge": "nowhere.safetensors"}, Exception, "no such file"),
    ],
)
def test_what_does_not_fit_is_one_sentence(change: dict[str, Any], error: type[Exception], words: str) -> None:
    given = {"real": REAL[0], "synthetic": FAKE[0], "progress": False, **SMALL, **change}
    with pytest.raises(error, match=words) as refusal:
        evaluate(given.pop("real"), given.pop("synthetic"), **given)
    assert "\n" not in str(refusal.value)


def test_a_page_of_the_same_scores(tmp_path: Path) -> None:
    (X, y), (X_hat, _) = waves(40, 0), waves(40, 1)
    versions = {"baseline": X_hat, "mapped": 0.5 * (X_hat + X)}
    page = tmp_path / "page.html"
    scores = evaluate(X, versions, y=y, **SMALL, report=page, progress=False)
    text = page.read_text(encoding="utf-8")
    assert "Real and synthetic series" in text and "data:image/png" in text
    assert text.count("<img") > 8 and f"{scores['mapped']['rocket_fid']:.2g}" in text
    with pytest.raises(UserError, match="folder") as error:
        evaluate(X, X_hat, report=tmp_path, progress=False)
    assert "\n" not in str(error.value)
