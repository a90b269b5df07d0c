"""The steps `download` and `resplit` on a study's files."""

import numpy as np
import pytest

from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import DataError
from nm_vqtsg.params import Data, OwnData, Params
from nm_vqtsg.steps import download, resplit
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths


def run(study, params: Params, dataset: str) -> Paths:
    paths = Paths(study, dataset)
    download.run(StepContext("download", params, paths))
    resplit.run(StepContext("resplit", params, paths))
    return paths


def test_the_demos_data_come_without_a_network(tmp_path):
    params = Params(datasets=("ItalyPowerDemand",), data=Data(source="sktime"))
    first, second = (run(tmp_path / name, params, "ItalyPowerDemand") for name in "ab")
    train, test = Series.load(first.train), Series.load(first.test)
    assert (train.X.shape, test.X.shape) == ((876, 1, 24), (220, 1, 24))
    for a, b in zip((first.raw, first.train, first.test), (second.raw, second.train, second.test), strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_val_stands_where_test_would(tmp_path, caplog):
    data = Data(source="sktime", evaluate_on="validation", validation_size=0.2, validation_fold=4)
    with caplog.at_level("INFO", logger="nm_vqtsg"):
        paths = run(tmp_path, Params(datasets=("ItalyPowerDemand",), data=data), "ItalyPowerDemand")
    fit, val = Series.load(paths.train), Series.load(paths.test)
    assert (len(fit.X), len(val.X)) == (701, 175) and fit.validation and val.validation
    said = "701 FIT and 175 VAL series, split by seed 0, fold 4 of 5; TEST is set aside"
    assert said in caplog.text


@pytest.mark.parametrize("absolute", [False, True])
def test_a_folder_is_relative_to_the_study(tmp_path, absolute):
    folder = tmp_path / "study" / "mine" / "ItalyPowerDemand"
    folder.mkdir(parents=True)
    X = np.random.default_rng(0).normal(size=(10, 12)).astype(str)
    for split in ("TRAIN", "TEST"):
        rows = ["\t".join([str(i % 2), *x]) for i, x in enumerate(X)]
        (folder / f"ItalyPowerDemand_{split}.tsv").write_text("\n".join(rows))
    source = str(folder.parent) if absolute else "mine"
    params = Params(datasets=("ItalyPowerDemand",), data=Data(source=source))
    assert RawData.load(run(tmp_path / "study", params, "ItalyPowerDemand").raw).X.shape == (20, 1, 12)


def test_a_source_that_is_not_there(tmp_path):
    params = Params(datasets=("Yoga",), data=Data(source="nowhere"))
    with pytest.raises(DataError, match=r"data\.source: .*nowhere' is neither a folder nor one of figshare"):
        run(tmp_path, params, "Yoga")
    assert not list(tmp_path.rglob("*"))


def test_own_multivariate_data(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 3, 9))
    np.savez(tmp_path / "mine.npz", X=X, kind=["on", "off"] * 10)
    params = Params(datasets=("mine",), own_data={"mine": OwnData(path="mine.npz", label_column="kind")})
    train = Series.load(run(tmp_path, params, "mine").train)
    assert train.X.shape == (16, 3, 9) and train.labels.tolist() == ["off", "on"]


def test_a_time_ordered_split_of_ones_own(tmp_path):
    (tmp_path / "mine").mkdir()
    X = np.random.default_rng(0).normal(size=(10, 9)).round(4)
    for split, rows in (("TRAIN", X[:7]), ("TEST", X[7:])):
        text = "\n".join("\t".join(["1" if i % 2 else "2", *map(str, x)]) for i, x in enumerate(rows))
        (tmp_path / "mine" / f"mine_{split}.tsv").write_text(text)
    params = Params(datasets=("mine",), own_data={"mine": OwnData(path="mine", keep_split=True)})
    train = Series.load(run(tmp_path, params, "mine").train)
    np.testing.assert_allclose(train.scaling.undo(train.X)[:, 0], X[:7], atol=1e-6)
