"""fit: from a file of one's own to a model, its scores and a page, also after kills; and what it refuses."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Done, run
from sktime.datasets import load_italy_power_demand

from nm_vqtsg import NeuralMapper, load_generator
from nm_vqtsg.artifacts import load_json
from nm_vqtsg.commands import fit as module
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.params import Params, load_params, override
from nm_vqtsg.planning.budget import Choice
from nm_vqtsg.planning.sizes import DataSize
from nm_vqtsg.training.checkpoint import CheckpointFolder

X = load_italy_power_demand(return_type="numpy3D")[0][:60, 0]
TINY = [
    "tau_grid=[0.1, 1]",
    "tau_search.mapper_steps=4",
    "tau_search.n_samples=30",
    "fcn.epochs=2",
    "fcn.batch_size=16",
    *(f"stage{stage}.{key}" for stage in (1, 2, 3) for key in ("steps=6", "batch_size=8")),
    "stage1.codebook_size=32",
    "stage1.last_width=16",
    "stage2.lf={width: 16, depth: 1, heads: 1}",
    "stage2.hf={width: 8, depth: 1, heads: 1}",
    "stage3.multipliers=[1, 2]",
    "sample.n_samples=30",
    "sample.n_per_class=6",
    "sample.steps=2",
    "rocket.n_kernels=30",
    "evaluate.bootstrap=3",
    "evaluate.cas_fits=1",
    "evaluate.reference_draws=2",
    "evaluate.network_seeds=0",
]
SETS = [word for change in TINY for word in ("--set", change)]
WIDE = ["--data", "wide.csv", "--labels", "season", "--channels", "kW,change"]
LONG = ["--data", "long.csv", "--series-column", "day", "--time-column", "hour"]


@pytest.fixture(autouse=True)
def _logger() -> Iterator[None]:
    """The project's logger, which is left as it was."""
    logger = logging.getLogger("nm_vqtsg")
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


def write_files(folder: Path) -> None:
    """A wide file of two channels with labels, and a long one without, whose series differ in length."""
    table: dict[str, object] = {"season": np.where(np.arange(60) % 3, "winter, cold", "summer")}
    table |= {f"kW_{t}": X[:, t] for t in range(24)}
    table |= {f"change_{t}": np.gradient(X, axis=1)[:, t] for t in range(24)}
    pd.DataFrame(table).to_csv(folder / "wide.csv", index=False)
    rows = [(day, t, X[day, t]) for day in range(60) for t in range(24 - day % 3)]
    pd.DataFrame(rows, columns=["day", "hour", "kW"]).to_csv(folder / "long.csv", index=False)


def fit(folder: Path, *arguments: str, sets: list[str] = SETS) -> Done:
    return run(folder, "fit", *arguments, "--device", "cpu", *sets)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two files, and the model of the first."""
    folder = tmp_path_factory.mktemp("place")
    write_files(folder)
    done = fit(folder, *WIDE, "--out", "model")
    assert done.returncode == 0, done.stderr
    (folder / "printed").write_text(done.stdout)
    (folder / "said").write_text(done.stderr)
    return folder


def test_all_is_there_and_the_next_command_is_named(place: Path) -> None:
    assert sorted(contents(place / "model")) == [
        "README.md",
        "fit.json",
        "generator.json",
        "mapper.safetensors",
        "metrics.json",
        "params.yaml",
        "report.html",
        "stage1.safetensors",
        "stage2.safetensors",
    ]
    assert not (place / ".model.fit").exists()
    printed, said = (place / "printed").read_text(), (place / "said").read_text()
    assert re.search(r"^\| rocket_fid +\|", printed, re.MULTILINE) and "* rocket_fid: FID on features" in printed
    assert printed.splitlines()[-1].endswith("nm-vqtsg sample model -n 1000 --out synthetic.csv")
    assert "wide.csv: 60 series of 2 channel(s) (kW, change) and length 24, 2 classes." in said
    assert "48 series to learn from, 12 held out to measure on." in said
    sentence = load_json(place / "model" / "metrics.json")["warnings"]["tokeniser"][0]  # after so few steps
    assert sentence.split(";")[0] in (place / "model" / "report.html").read_text()
    assert "stage 1: 6/6" in said and "stage 3: 6/6" in said and "report: 8/8" in said  # there is no terminal


def test_names_of_channels_and_classes_are_everywhere(place: Path) -> None:
    done = run(place, "sample", "model", "-n", "4", "--per-class", "--out", "x.csv")
    assert done.returncode == 0 and "8 series" in done.stdout, done.stderr
    table = pd.read_csv(place / "x.csv")
    assert list(table) == ["series", "time", "label", "kW", "change"]
    assert set(table["label"]) == {"winter, cold", "summer"}
    assert read_own(place / "x.csv", name="x", layout="long").channels == ("kW", "change")
    run(place, "sample", "model", "-n", "4", "--out", "x.npz")
    assert read_own(place / "x.npz", name="x").channels == ("kW", "change")
    page, card = (place / "model/report.html").read_text(), (place / "model/README.md").read_text()
    assert "channel &#x27;kW&#x27;" in page and "class winter, cold" in page
    assert "| names of the channels | kW, change |" in card and "winter, cold (32)" in card
    assert "nm-vqtsg sample FOLDER" in card


def test_the_held_out_part_is_stratified_and_scores_are_of_what_sample_draws(place: Path) -> None:
    scores = load_json(place / "model/metrics.json")
    assert scores["n"] == {"test": 12, "generated": 30, "per_class": 6, "train": 48}
    assert load_generator(place / "model").facts_.n_per_class == (16, 32)
    assert {"noise", "smoothed", "quantile_map", "reconstruction"} == set(scores["controls"])
    run(place, "sample", "model", "-n", "30", "--out", "again.npz")
    rows = module.split_rows(
        read_own(place / "wide.csv", name="w", label="season", channels=("kW", "change")), seed=0
    )
    data = read_own(place / "wide.csv", name="w", label="season", channels=("kW", "change"))
    np.savez(place / "held_out.npz", X=data.X[rows.test])
    np.savez(place / "learnt.npz", X=data.X[rows.train])
    files = ["--real", "held_out.npz", "--train", "learnt.npz", "--synthetic", "again.npz", "--out", "again.json"]
    assert run(place, "evaluate", *files).returncode == 0
    again = load_json(place / "again.json")["synthetic"]["second_opinion"]
    assert again["sliced_wasserstein"] == scores["mapped"]["second_opinion"]["sliced_wasserstein"]


def test_the_parameters_are_those_of_a_study(place: Path) -> None:
    params = load_params(place / "model/params.yaml")
    own = params.own_data["wide"]
    assert params.datasets == ("wide",) and params.stage1.steps == 6 and params.sample.unconditional == "mixture"
    assert (own.path, own.label_column, own.channels) == ("wide.csv", "season", ("kW", "change"))


def test_the_same_command_again_finds_it_done_and_another_is_refused(place: Path) -> None:
    before = contents(place / "model")
    done = fit(place, *WIDE, "--out", "model")
    assert done.returncode == 0 and "model is finished already" in done.stderr
    assert done.stdout.splitlines()[:9] == (place / "printed").read_text().splitlines()[:9]
    for more, what in ((["--seed", "1"], r"\(seeds\)"), (["--set", "stage3.steps=7"], r"\(stage3.steps\)")):
        done = fit(place, *WIDE, "--out", "model", sets=[*SETS, *more])
        assert done.returncode == 1
        assert re.search(f"model: holds a model of other data or parameters {what}; name a new", done.stderr)
    assert contents(place / "model") == before and not (place / ".model.fit").exists()


def die_at(saves: int) -> None:
    """Let this process be killed after so many checkpoints."""
    save, count = CheckpointFolder.save, [0]

    def counted(self: CheckpointFolder, *arguments: object) -> Path:
        path = save(self, *arguments)  # type: ignore[arg-type]
        count[0] += 1
        if count[0] == saves:
            os.kill(os.getpid(), signal.SIGKILL)
        return path

    CheckpointFolder.save = counted  # type: ignore[method-assign, assignment]


def test_a_fit_that_is_killed_in_every_training_gives_the_same_bytes(place: Path, tmp_path: Path) -> None:
    """With a checkpoint after every step; the kills hit stage 1, stage 2, the search for tau, and stage 3."""
    write_files(tmp_path)
    command = [*WIDE, "--out", "model", "--checkpoint-every", "0"]
    reached = []
    for saves in (3, 5, 6, 7):
        process = os.fork()
        if process == 0:
            die_at(saves)
            fit(tmp_path, *command)
            os._exit(1)
        _, status = os.waitpid(process, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert not (tmp_path / "model").exists()
        reached.append(sorted(path.name for path in (tmp_path / ".model.fit").iterdir()))
    assert "stage2" not in reached[0] and "stage3" not in reached[1] and "stage3" in reached[-1]
    done = fit(tmp_path, *command)
    assert done.returncode == 0 and "Going on with the fit that was begun here." in done.stderr, done.stderr
    assert contents(tmp_path / "model") == contents(place / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.csv", "model", "wide.csv"]


def begin(folder: Path, *arguments: str, sets: list[str] = SETS) -> None:
    """A fit that is killed at its first checkpoint."""
    process = os.fork()
    if process == 0:
        die_at(1)
        fit(folder, *arguments, sets=sets)
        os._exit(1)
    os.waitpid(process, 0)


def test_the_mapper_learns_from_generated_series_where_that_is_asked_for(place: Path, tmp_path: Path) -> None:
    """Generator and plain mapper stay as they are without; too few to learn from are refused."""
    write_files(tmp_path)
    words = [word for change in ("stage3.energy_weight=5", "sample.n_pool=20") for word in ("--set", change)]
    refused = fit(tmp_path, *WIDE, "--out", "model", sets=[*SETS, *words[:2]])
    assert refused.returncode == 1 and "sample.n_pool: with stage3.energy_weight" in refused.stderr
    done = fit(tmp_path, *WIDE, "--out", "model", sets=[*SETS, *words])
    assert done.returncode == 0, done.stderr
    plain, other = (NeuralMapper.load(folder / "model", progress=False) for folder in (place, tmp_path))
    assert (plain.mapper_.config.energy_weight, other.mapper_.config.energy_weight) == (0, 5)
    draws = [load_generator(folder / "model").sample(8, seed=3) for folder in (place, tmp_path)]
    assert np.array_equal(*draws) and not np.array_equal(plain.transform(draws[0]), other.transform(draws[0]))


def test_other_data_or_parameters_never_go_on_silently(tmp_path: Path) -> None:
    write_files(tmp_path)
    begin(tmp_path, *WIDE, "--out", "model")
    state = sorted((tmp_path / ".model.fit").rglob("*"))
    done = fit(tmp_path, *WIDE, "--out", "model", sets=[*SETS, "--set", "stage2.dropout=0.1"])
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("error: ")
    assert "an unfinished fit of other data or parameters (stage2.dropout)" in done.stderr
    table = pd.read_csv(tmp_path / "wide.csv")
    table.loc[3, "kW_3"] += 1e-9
    table.to_csv(tmp_path / "wide.csv", index=False)
    done = fit(tmp_path, *WIDE, "--out", "model")
    assert done.returncode == 1 and "other data or parameters (data)" in done.stderr
    assert sorted((tmp_path / ".model.fit").rglob("*")) == state and not (tmp_path / "model").exists()
    (tmp_path / ".model.fit/leftover").mkdir()
    begin(tmp_path, *WIDE, "--out", "model", "--restart")
    assert not (tmp_path / ".model.fit/leftover").exists()
    request = json.loads((tmp_path / ".model.fit/request.json").read_text())["request"]
    assert request["stage2.dropout"] == 0.3


def test_a_long_file_without_labels_whose_series_differ_in_length(tmp_path: Path) -> None:
    write_files(tmp_path)
    done = fit(tmp_path, *LONG, "--out", "model")
    assert done.returncode == 1 and "--length 22 --fit-length crop" in done.stderr
    how = ["--length", "24", "--fit-length", "resample"]
    test = ["--test", "long.csv", "--out", "model", *how]
    done = fit(tmp_path, *LONG, *test)
    assert done.returncode == 0, done.stderr
    said = "40 of 60 series were resampled to length 24 (they had 22 to 23)"
    assert done.stderr.count(said) == 2  # of --data and of --test
    assert "60 series to learn from, 60 held out" in done.stderr and "mixture is not possible" not in done.stderr
    assert "Not measured: fcn_accuracy, fid" in done.stdout
    record = load_json(tmp_path / "model/fit.json")
    assert record["done_to_the_series"] == [said, said] and record["series"] == {"learnt_from": 60, "held_out": 60}
    for name in ("report.html", "README.md"):
        assert said in (tmp_path / "model" / name).read_text()
    assert any(
        "hold the same series" in text
        for text in load_json(tmp_path / "model/metrics.json")["warnings"]["evaluate"]
    )
    assert run(tmp_path, "sample", "model", "-n", "3", "--out", "x.csv").returncode == 0
    assert len(pd.read_csv(tmp_path / "x.csv").columns) == 24


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv: no such file; correct the path"),
        (["--data", "x" * 5000 + ".csv"], "File name too long"),
        ([*WIDE, "--out", "x" * 5000], "File name too long"),
        (["--data", "wide.csv"], "'summer'.*--labels"),
        (["--data", "wide.csv", "--labels", "season"], "--channels kW,change"),
        ([*WIDE, "--layout", "tall"], "--layout: 'tall' is not one of wide, long"),
        ([*WIDE, "--channels", "kW,,x"], "--channels: give each channel a name"),
        ([*WIDE, "--length", "20"], "--length goes with --fit-length"),
        ([*WIDE, "--preset", "worst"], "preset: 'worst' is unknown"),
        ([*WIDE, "--budget", "0"], "--budget: 0 minutes are no time"),
        ([*WIDE, "--budget", "nan"], "--budget: nan minutes are no time"),
        ([*WIDE, "--budget", "1", "--set", "stage1.steps=5"], "--set stage1.steps: --budget chooses that"),
        ([*WIDE, "--set", "datasets=[Crop]"], "--set datasets: is of studies"),
        ([*WIDE, "--set", "stage1.stepz=5"], "'stage1.stepz=5': write key=value"),
        ([*WIDE, "--test", "long.csv", "--labels", "season"], "has no column 'season'"),
        ([*WIDE, "--out", "full"], "full: is not empty and holds no fitted model"),
        ([*WIDE, "--out", "wide.csv"], "wide.csv"),
        ([*WIDE, "--out", "wide.csv/model"], "not a folder"),
        ([*WIDE, "--device", "tpu"], "--device: 'tpu'"),
        ([*WIDE, "--set", "data.test_size=0.001"], "leave a split with fewer series"),
        ([*WIDE, "--set", "data.test_size=0.9"], "leaves 6 series to learn from; 10 are needed at least"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(arguments: list[str], words: str, tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    before = sorted(tmp_path.rglob("*"))
    out = [] if "--out" in arguments else ["--out", "model"]
    done = run(tmp_path, "fit", *arguments, *out)
    assert done.returncode == 1 and done.stdout == "", done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and done.stderr.endswith(f"{errors[0]}\n") and re.search(words, errors[0]), done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_in_the_layout_of_the_archive(tmp_path: Path) -> None:
    """It is named as its files are, also where its name has a dot."""
    folder = tmp_path / "My.Data"
    folder.mkdir()
    for split, rows in (("TRAIN", slice(0, 20)), ("TEST", slice(20, 40))):
        lines = ["\t".join(map(str, [row % 2, *X[row]])) for row in range(40)[rows]]
        (folder / f"My.Data_{split}.tsv").write_text("\n".join(lines) + "\n")
    request = module.Request(folder)
    assert request.read().X.shape == (40, 1, 24) and request.name == "My.Data"
    own = request.as_study(request.params)
    assert list(own.own_data) == ["My"] and own.own_data["My"].path == "My.Data"


def test_two_fits_into_one_folder_do_not_mix(tmp_path: Path) -> None:
    write_files(tmp_path)
    with module.FitFolder(tmp_path / "model").locked():
        done = fit(tmp_path, *WIDE, "--out", "model")
    assert done.returncode == 1 and "another process is fitting it" in done.stderr


def test_a_budget_is_chosen_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calibration is another one each time, and a fit that goes on must go on with the same steps."""
    write_files(tmp_path)
    by_budget = r"(stage\d\.steps|tau_search\.mapper_steps|fcn\.epochs)="
    sets = [word for change in TINY if not re.match(by_budget, change) for word in ("--set", change)]
    changes = [*(f"stage{stage}.steps=6" for stage in (1, 2, 3)), "tau_search.mapper_steps=4", "fcn.max_steps=4"]

    def choose(params: Params, size: DataSize, seconds: float, *_: object) -> Choice:
        assert size == DataSize(48, 12, 2, 24, 2) and seconds == 180
        return Choice(override(params, changes), tuple(changes), ("Chosen by a test.",))

    monkeypatch.setattr(module, "choose", choose)
    begin(tmp_path, *WIDE, "--out", "model", "--budget", "3", sets=sets)
    assert json.loads((tmp_path / ".model.fit/budget.json").read_text()) == changes
    monkeypatch.setattr(module, "choose", lambda *_: pytest.fail("measured again"))
    done = fit(tmp_path, *WIDE, "--out", "model", "--budget", "3", sets=sets)
    assert "The budget chose, when this fit began: stage1.steps=6" in done.stderr
    assert load_params(tmp_path / "model/params.yaml").stage3.steps == 6
