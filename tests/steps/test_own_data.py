"""Data of a user's own through every step: six channels, in all formats, with and without labels.

The series are BasicMotions (a smartwatch's three accelerations and three rotations, 80 series of 100 samples, four
classes), which comes with sktime.
"""

import csv
import re
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import sktime

from nm_vqtsg.artifacts import load_json, load_npz
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.readers import read_archive_folder
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.datasets.split_folder import write_folder
from nm_vqtsg.errors import DataError
from nm_vqtsg.params import Params, override
from nm_vqtsg.steps import plot
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.graph import STEPS
from nm_vqtsg.study.paths import Paths

TINY = (
    "seeds=[0]",
    "tau_grid=[0.1, 0.5]",
    "fcn.epochs=2",
    "fcn.batch_size=16",
    *(f"stage{stage}.{key}" for stage in (1, 2, 3) for key in ("steps=5", "batch_size=8")),
    "stage1.codebook_size=32",
    "stage1.last_width=32",
    "stage2.lf={width: 16, depth: 1, heads: 1}",
    "stage2.hf={width: 16, depth: 1, heads: 1}",
    "stage3.multipliers=[1, 2]",
    "sample.n_samples=24",
    "sample.n_per_class=4",
    "sample.steps=2",
    "rocket.n_kernels=20",
    "evaluate.is_splits=2",
    "evaluate.bootstrap=3",
    "evaluate.cas_fits=1",
    "evaluate.network_steps=2",
    "plot.n_overlay=10",
    "plot.n_points=10",
    "plot.n_pairs=2",
)
CHANNELS, LENGTH = 6, 100
SOURCE = Path(sktime.__file__).parent / "datasets" / "data" / "BasicMotions"


@pytest.fixture(scope="module")
def motions() -> RawData:
    return read_archive_folder(SOURCE.parent, "BasicMotions")


def long_csv(path: Path, motions: RawData) -> None:
    """A time step a row, a column for each channel."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["who", "t", *(f"sensor{channel}" for channel in range(CHANNELS)), "kind"])
        for who, (x, label) in enumerate(zip(motions.X, motions.labels, strict=True)):
            writer.writerows([who, t, *map(repr, map(float, x[:, t])), label] for t in range(LENGTH))


def copy_folder(folder: Path) -> None:
    """The archive's pair of files under the name that own_data gives them."""
    folder.mkdir()
    for split in ("TRAIN", "TEST"):
        shutil.copy(SOURCE / f"BasicMotions_{split}.ts", folder / f"{folder.name}_{split}.ts")


def params_of(own: dict[str, dict], *changes: str) -> Params:
    """Tiny parameters for the data sets of `own`."""
    start = Params.model_validate({"own_data": own, "datasets": list(own)}, strict=False)
    return override(start, [*TINY, *changes])


def run(study: Path, params: Params, *steps: str) -> None:
    """These steps, or all of them, for every data set of `params`."""
    for step in steps or STEPS:
        for dataset in params.datasets if STEPS[step].scope != "study" else ("",):
            paths = Paths(study, dataset, 0 if STEPS[step].scope == "seed" else None)
            import_module(f"nm_vqtsg.steps.{step}").run(StepContext(step, params, paths, "cpu", "none"))


def test_all_formats_give_the_same_series(tmp_path: Path, motions: RawData) -> None:
    copy_folder(tmp_path / "Folder")
    np.savez(tmp_path / "all.npz", X=motions.X, kind=motions.labels)
    long_csv(tmp_path / "all.csv", motions)
    both = [(SOURCE / f"BasicMotions_{split}.ts").read_text() for split in ("TRAIN", "TEST")]
    (tmp_path / "all.ts").write_text(both[0].rstrip() + "\n" + both[1].partition("@data\n")[2])
    parts = {"train": slice(None, motions.n_train), "test": slice(motions.n_train, None)}
    sets = {split: (motions.X[rows], motions.labels[rows].tolist()) for split, rows in parts.items()}
    write_folder(tmp_path / "arrays", sets, "Arrays")
    own = {
        "Folder": {"path": "Folder"},
        "Arrays": {"path": "arrays"},
        "Ts": {"path": "all.ts"},
        "Npz": {"path": "all.npz", "label_column": "kind"},
        "Long": {
            **{"path": "all.csv", "layout": "long", "label_column": "kind"},
            **{"series_column": "who", "time_column": "t"},
        },
    }
    run(tmp_path, params_of(own), "download", "resplit")
    splits = [[Series.load(getattr(Paths(tmp_path, name), part)) for part in ("train", "test")] for name in own]
    names = [series.channels for pair in splits for series in pair]
    assert names == [()] * 8 + [tuple(f"sensor{channel}" for channel in range(CHANNELS))] * 2
    assert splits[0][0].X.shape == (64, CHANNELS, LENGTH) and splits[0][1].X.shape == (16, CHANNELS, LENGTH)
    np.testing.assert_allclose(splits[0][0].X.mean((0, 2)), 0, atol=1e-5)  # every channel has a scale of its own
    np.testing.assert_allclose(splits[0][0].X.std((0, 2)), 1, atol=1e-5)
    for train, test in splits[1:]:
        for ours, first in zip((train, test), splits[0], strict=True):
            np.testing.assert_allclose(ours.X, first.X, atol=1e-5)
            assert ours.labels.tolist() == first.labels.tolist() and ours.y.tolist() == first.y.tolist()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, motions: RawData) -> Path:
    """The same series with and without labels, run to the end of the study."""
    folder = tmp_path_factory.mktemp("study")
    copy_folder(folder / "Motions")
    np.savez(folder / "bare.npz", X=motions.X)
    run(folder, params_of({"Motions": {"path": "Motions"}, "Bare": {"path": "bare.npz"}}))
    return folder


def check_samples(paths: Paths, labelled: bool) -> None:
    """Generated and mapped series have all channels, and classes where there are labels."""
    for path in (paths.samples, paths.mapped):
        arrays = load_npz(path)
        assert arrays["X"].shape == (24, CHANNELS, LENGTH) and np.isfinite(arrays["X"]).all()
        assert ("X_class" in arrays) == labelled
        assert (arrays["X"].std((0, 2)) > 0).all()


def test_every_channel_is_generated_and_mapped(study: Path) -> None:
    check_samples(Paths(study, "Motions", 0), labelled=True)
    check_samples(Paths(study, "Bare", 0), labelled=False)


def test_what_needs_labels_is_absent_and_said_to_be(study: Path) -> None:
    with_labels, without = (load_json(Paths(study, name, 0).metrics) for name in ("Motions", "Bare"))
    assert {"fid", "is", "cfid", "rocket_fid"} <= set(with_labels["mapped"])
    assert list(with_labels["mapped"]["cfid_per_class"]) == ["Badminton", "Running", "Standing", "Walking"]
    assert {"rocket_fid", "rocket_kid"} <= set(without["mapped"])
    for metric in ("fid", "is", "cfid", "fcn_accuracy"):
        assert without["mapped"].get(metric) is None
        assert "labels" in without["missing"][metric]
    assert load_json(Paths(study, "Bare").fcn_report)["accuracy"] is None
    tables = Paths(study).tables
    assert "Bare: no FID; needs labels" in (tables / "table1.md").read_text()
    summary = (tables / "summary.md").read_text()
    for line in (r"\| Motions +\| cFID", r"\| Bare +\| ROCKET-FID", r"\| Bare +\| ROCKET-KID"):
        assert re.search(line, summary)
    assert not re.search(r"\| Bare +\| (FID|cFID|IS)", summary)
    flat = load_json(Paths(study).study_metrics)
    assert "rocket_fid" in str(flat["Bare"]) and "cfid" in str(flat["Motions"])


def test_all_figures_are_drawn(study: Path) -> None:
    for dataset in ("Motions", "Bare"):
        for name in plot.FIGURES:
            assert Paths(study, dataset, 0).figure(name).stat().st_size > 2000


def test_another_generator_takes_the_same_steps(tmp_path: Path, motions: RawData) -> None:
    np.savez(tmp_path / "bare.npz", X=motions.X)
    params = params_of({"Bare": {"path": "bare.npz"}}, "generator=vqvae")
    run(tmp_path, params, *(step for step in STEPS if step != "plot"))
    paths = Paths(tmp_path, "Bare", 0)
    check_samples(paths, labelled=False)
    assert load_json(paths.report(1))["generator"] == "vqvae"
    assert set(load_json(paths.report(2))["masked"]["test"]["unconditional"]) == {"series"}
    context = StepContext("plot", params, paths, "cpu", "none")
    labels = [text.get_text() for text in plot.draw(plot.Inputs(context), "codebook_usage.png").legends[0].texts]
    assert len(labels) == 1 and labels[0].startswith("Series: ")


def test_series_of_unequal_length_with_gaps_as_own_data_says(tmp_path: Path, motions: RawData) -> None:
    long_csv(tmp_path / "all.csv", motions)
    lines = (tmp_path / "all.csv").read_text().splitlines()
    lines[4] = ",".join([*lines[4].split(",")[:2], "", *lines[4].split(",")[3:]])
    (tmp_path / "all.csv").write_text("\n".join(lines[:-10]) + "\n")  # the last series ends early
    own = {"path": "all.csv", "layout": "long", "label_column": "kind", "series_column": "who", "time_column": "t"}
    with pytest.raises(DataError, match="own_data: gaps: interpolate"):
        run(tmp_path, params_of({"Own": own}), "download")
    own |= {"gaps": "interpolate", "length": 50, "fit_length": "crop", "channels": ["sensor2", "sensor0"]}
    params = params_of({"Own": own})
    run(tmp_path, params, "download", "resplit")
    raw = RawData.load(Paths(tmp_path, "Own").raw)
    assert raw.X.shape == (80, 2, 50) and raw.channels == ("sensor2", "sensor0")
    np.testing.assert_allclose(raw.X[1:, 0], motions.X[1:, 2, :50])
    assert raw.X[0, 1, 3] == pytest.approx((motions.X[0, 0, 2] + motions.X[0, 0, 4]) / 2)
