"""Folders of arrays (N, L, C): real series come back, and what is damaged or ambiguous is one line."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sktime.datasets import load_basic_motions, load_italy_power_demand

from nm_vqtsg.commands.evaluate_files import evaluate_files
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.datasets.resplit import resplit
from nm_vqtsg.datasets.split_folder import write_folder
from nm_vqtsg.errors import DataError
from nm_vqtsg.files import LIMIT_VARIABLE
from nm_vqtsg.params import Params

LOADERS = {"one channel": load_italy_power_demand, "six channels": load_basic_motions}
Sets = dict[str, tuple[np.ndarray, list[str] | None]]


def real(kind: str, labelled: bool) -> Sets:
    sets: Sets = {}
    for split in ("train", "test"):
        X, y = LOADERS[kind](split=split, return_type="numpy3D")
        sets[split] = X.astype(np.float32), y.astype(str).tolist() if labelled else None
    X, y = sets["train"]
    sets["train"], sets["valid"] = (
        (X[rows], None if y is None else y[rows]) for rows in (slice(None, -6), slice(-6, None))
    )
    return sets


@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "none"])
@pytest.mark.parametrize("kind", LOADERS)
def test_round_trip(tmp_path: Path, kind: str, labelled: bool) -> None:
    sets = real(kind, labelled)
    write_folder(tmp_path / "a", sets, "a")
    X, y = sets["train"]
    stored = np.load(tmp_path / "a/train_ts.npy")
    assert stored.dtype == np.float32 and np.array_equal(stored, X.transpose(0, 2, 1))
    meta = json.loads((tmp_path / "a/meta.json").read_text())
    n = sum(len(part) for part, _ in sets.values())
    assert meta["n_samples"] == n and (meta["seq_length"], meta["n_var"]) == (X.shape[2], X.shape[1])
    for split, (part, labels) in sets.items():
        back = read_own(tmp_path / f"a/{split}_ts.npy", name="x")
        assert np.array_equal(back.X, part)
        assert (back.labels is None) if labels is None else (back.labels.tolist() == labels)
    kept = read_own(tmp_path / "a", name="a", keep_split=True)
    assert kept.already_split and kept.n_train == len(X)
    assert np.array_equal(kept.X, np.concatenate([X, sets["test"][0]]))  # valid is in neither
    train, test = resplit(kept)
    assert len(train.X) == len(X) and np.allclose(test.scaling.undo(test.X), sets["test"][0], atol=1e-4)
    assert len(read_own(tmp_path / "a", name="a").X) == n  # to be split anew
    write_folder(tmp_path / "b", sets, "a")
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    if labelled:
        ids = np.load(tmp_path / "a/train_labels.npy")
        assert ids.dtype == np.int64 and set(ids) == set(range(len(set(y or ()))))
        assert meta["attr_n_ops"] == [ids.max() + 1]
        assert np.array_equal(np.load(tmp_path / "a/train_attrs_idx.npy"), ids[:, None])


def test_the_moments_are_those_of_train(tmp_path: Path) -> None:
    """ConTSG-Bench scales valid and test by this file; without it, each by itself."""
    sets = real("six channels", True)
    write_folder(tmp_path / "a", sets, "a")
    with np.load(tmp_path / "a/normalization_stats.npz") as stats:
        scaled = (np.load(tmp_path / "a/train_ts.npy") - stats["mean"]) / stats["std"]
    np.testing.assert_allclose(scaled.mean((0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std((0, 1)), 1, atol=1e-4)


def test_attributes_give_classes_by_name(tmp_path: Path) -> None:
    X = real("one channel", False)["train"][0][:4]
    np.save(tmp_path / "test_ts.npy", X.transpose(0, 2, 1))
    np.save(tmp_path / "test_attrs_idx.npy", np.array([[0, 1], [1, 0], [1, -1], [0, 1]]))
    maps = {"season": {"summer": 0, "winter": 1}, "day": {"work": 0, "rest": 1}}
    (tmp_path / "meta.json").write_text(json.dumps({"attr_list": ["season", "day"], "attr_value_maps": maps}))
    path = tmp_path / "test_ts.npy"
    assert read_own(path, name="x").labels is None
    assert read_own(path, name="x", label="season").labels.tolist() == ["summer", "winter", "winter", "summer"]
    assert read_own(path, name="x", label="day").labels.tolist() == ["1", "0", "-1", "1"]  # -1 has no word
    with pytest.raises(DataError, match=r"no attribute 'year' in meta\.json .* lists 'season', 'day'"):
        read_own(path, name="x", label="year")


def test_series_of_one_channel_may_have_two_axes(tmp_path: Path) -> None:
    X, y = load_italy_power_demand(split="train", return_type="numpy3D")
    np.save(tmp_path / "train_ts.npy", X[:, 0])
    np.save(tmp_path / "train_labels.npy", y.astype(int)[:, None])  # (n, 1), as GenTS keeps them
    back = read_own(tmp_path, name="x")
    assert np.array_equal(back.X, X) and back.labels.tolist() == y.tolist()


def test_evaluate_takes_the_split_that_the_option_means(tmp_path: Path) -> None:
    sets = real("one channel", True)
    write_folder(tmp_path / "data", sets, "data")
    write_folder(tmp_path / "fake", {"generated": (sets["test"][0][:40] * 1.1, None)}, "fake")
    params = Params.model_validate(
        {"rocket": {"n_kernels": 20}, "evaluate": {"bootstrap": 2, "cas_fits": 0, "network_seeds": 0}}
    )
    data, fake = tmp_path / "data", tmp_path / "fake/generated_ts.npy"
    result = evaluate_files(data, fake, params=params).scores
    assert result["n"] == {"test": len(sets["test"][0]), "generated": 40}
    with pytest.raises(DataError, match=r"data: holds train_ts\.npy, valid_ts.* name the one that --synthetic"):
        evaluate_files(fake, data, params=params)
    os.remove(data / "test_ts.npy")
    with pytest.raises(
        DataError, match=r"--real takes its test_ts\.npy, but it holds train_ts\.npy, valid_ts\.npy"
    ):
        evaluate_files(data, fake, params=params)


def archive_too(folder: Path) -> None:
    for split in ("TRAIN", "TEST"):
        (folder / f"x_{split}.tsv").write_text("1\t1\t2\n")


def change(name: str, array: np.ndarray, pickled: bool = False) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / name, array, allow_pickle=pickled)


def rewritten(shape: tuple[int, ...], descr: str = "<f4") -> Callable[[Path], None]:
    """The same numbers under another header."""

    def write(folder: Path) -> None:
        header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
        values = np.load(folder / "train_ts.npy").tobytes()
        start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        (folder / "train_ts.npy").write_bytes(start + values)

    return write


def meta(text: str) -> Callable[[Path], None]:
    return lambda folder: folder.joinpath("meta.json").write_text(text) and None


def pickled(folder: Path) -> None:
    import pickle

    (folder / "train_ts.npy").write_bytes(pickle.dumps([1, 2]))


SERIES = real("six channels", False)["train"][0].transpose(0, 2, 1)
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "objects": (change("train_ts.npy", np.array([[[{}]]]), True), "pickled objects, which are never loaded"),
    "objects as labels": (
        change("train_labels.npy", np.array([{}] * 34), True),
        "train_labels.npy: holds pickled",
    ),
    "a pickle": (pickled, r"not a single array \(\.npy\); save it again"),
    "more than there is": (rewritten((34, 100, 7)), "not as long as its header says"),
    "less than there is": (rewritten((33, 100, 6)), "not as long as its header says"),
    "a giant": (rewritten((2**50, 2**20, 6)), "GiB of numbers or more, and .* limit"),
    "labels without width": (rewritten((2**45,), "<U0"), "GiB of numbers or more"),
    "sizes below nothing": (rewritten((-34, -100, 6)), r"not a readable \.npy"),
    "no header": (lambda folder: (folder / "train_ts.npy").write_bytes(b"\x93NUMPY\x01\x00") and None, "readable"),
    "channels first": (change("train_ts.npy", SERIES[:, :3]), "axes seem to be .*transpose"),
    "four axes": (change("train_ts.npy", SERIES[None]), "must be .series, length, channels."),
    "text": (change("train_ts.npy", SERIES.astype(str)), "not real numbers"),
    "NaN": (change("train_ts.npy", np.where(SERIES > 3, np.nan, SERIES)), "NaN"),
    "labels of another number": (change("train_labels.npy", np.arange(3)), "labels have shape .3,."),
    "meta of another length": (
        meta('{"seq_length": 99}'),
        "length 100, and meta.json beside it says seq_length 99",
    ),
    "meta of other channels": (meta('{"n_var": [6]}'), "channels 6, and meta.json beside it says n_var"),
    "meta that is a list": (meta("[1]"), "no JSON object"),
    "meta that is none": (meta("{"), "not readable as JSON"),
    "both forms": (archive_too, r"holds train_ts\.npy and x_TRAIN\.tsv, and both would do"),
    "test of another length": (change("test_ts.npy", SERIES[:, :50]), "length 50"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_damaged_or_ambiguous_is_one_line(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "0.5")
    np.save(tmp_path / "train_ts.npy", SERIES)
    break_it, words = HOSTILE[case]
    break_it(tmp_path)
    with pytest.raises(DataError, match=words) as error:
        read_own(tmp_path, name="x")
    assert "\n" not in str(error.value) and ";" in str(error.value)


def test_an_npy_of_unknown_axes_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", SERIES)
    with pytest.raises(DataError, match=r"order of its axes is not known; call it NAME_ts\.npy if"):
        read_own(tmp_path / "x.npy", name="x")


def test_a_split_to_keep_must_be_there(tmp_path: Path) -> None:
    np.save(tmp_path / "train_ts.npy", SERIES)
    with pytest.raises(DataError, match=r"has no test_ts\.npy, so there is no split to keep"):
        read_own(tmp_path, name="x", keep_split=True)


def test_nothing_is_replaced_and_nothing_half_written_stays(tmp_path: Path) -> None:
    sets = real("one channel", True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("")
    with pytest.raises(DataError, match="full: is not empty; name a new folder"):
        write_folder(tmp_path / "full", sets, "x")
    with pytest.raises(DataError, match="sets of 2 shapes"):
        write_folder(tmp_path / "new", sets | {"generated": (SERIES, None)}, "x")
    with pytest.raises(KeyError):
        write_folder(tmp_path / "new", sets, "x", classes=["1"])
    assert os.listdir(tmp_path) == ["full"] and os.listdir(tmp_path / "full") == ["mine"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    write_folder(tmp_path / "link", sets, "x")
    assert (tmp_path / "empty/meta.json").is_file() and (tmp_path / "link").is_symlink()
