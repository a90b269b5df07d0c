"""compare: generators on a file of one's own, in one table; also after kills; and what it refuses."""

from __future__ import annotations

import csv
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Done, run
from row_baseline import STEP_S, Rows
from test_fit_command import SETS, TINY, WIDE, X, contents, die_at, write_files

from nm_vqtsg.artifacts import load_json, load_npz
from nm_vqtsg.commands import compare as module
from nm_vqtsg.commands.fit_baseline import BaselineWork
from nm_vqtsg.commands.fit_work import GeneratorWork
from nm_vqtsg.generators.baselines import BASELINES
from nm_vqtsg.params import Params, override
from nm_vqtsg.planning.budget import LEAST_STEPS, Choice
from nm_vqtsg.planning.sizes import DataSize

OWN = ["--generators", "timevqvae,vqvae"]
TABLES = ["comparison.csv", "comparison.json", "comparison.md", "comparison.png"]
SHORT = ["par.epochs=3", "ddpm.steps=4", "ddpm.batch_size=8", "ddpm.sampling_steps=3"]


@pytest.fixture(scope="module", autouse=True)
def _no_pages() -> Iterator[None]:
    """Of this project's generators: those of `fit`'s tests are the same, and take longer than all else here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GeneratorWork, "page", lambda _: "<html></html>")
        yield


def compare(folder: Path, *arguments: str, sets: list[str] = SETS) -> Done:
    return run(folder, "compare", *arguments, "--device", "cpu", *sets)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of `fit`'s tests, and a comparison on the first."""
    folder = tmp_path_factory.mktemp("place")
    write_files(folder)
    done = compare(folder, *WIDE, *OWN, "--out", "both")
    assert done.returncode == 0, done.stderr
    (folder / "printed").write_text(done.stdout)
    (folder / "said").write_text(done.stderr)
    return folder


def test_each_generator_is_a_fit_of_its_own_with_the_same_judge(place: Path) -> None:
    assert sorted(path.name for path in (place / "both").iterdir()) == [
        "compare.json",
        *TABLES,
        "timevqvae",
        "vqvae",
    ]
    scores = {name: load_json(place / "both" / name / "metrics.json") for name in ("timevqvae", "vqvae")}
    assert scores["timevqvae"]["reference"]["rocket_fid"] == scores["vqvae"]["reference"]["rocket_fid"]
    assert scores["timevqvae"]["fcn_accuracy"] == scores["vqvae"]["fcn_accuracy"]
    assert (
        scores["timevqvae"]["n"]
        == scores["vqvae"]["n"]
        == {"test": 12, "generated": 30, "per_class": 6, "train": 48}
    )
    assert (place / "said").read_text().count("\nfcn: ") == 1  # trained once
    done = run(place, "fit", *WIDE, "--out", "both/vqvae", "--device", "cpu", *SETS, "--set", "generator=vqvae")
    assert done.returncode == 0 and "both/vqvae is finished already" in done.stderr, done.stderr
    assert run(place, "sample", "both/vqvae", "-n", "3", "--out", "x.csv").returncode == 0


def test_the_tables_say_the_same(place: Path) -> None:
    scores = load_json(place / "both/vqvae/metrics.json")
    rows = list(csv.DictReader((place / "both/comparison.csv").open()))
    assert [(row["generator"], row["mapped"]) for row in rows] == [
        ("timevqvae", "False"),
        ("timevqvae", "True"),
        ("vqvae", "False"),
        ("vqvae", "True"),
        ("real series", "False"),
    ]
    mapped, real = rows[3], rows[4]
    assert (
        float(mapped["fid"]) == scores["mapped"]["fid"]
        and float(mapped["auc"]) == scores["mapped"]["second_opinion"]["auc"]
    )
    assert [float(mapped["fid_low"]), float(mapped["fid_high"])] == scores["intervals"]["mapped"]["fid"]
    assert float(real["fid"]) == scores["reference"]["fid"] and real["training minutes"] == ""
    assert int(mapped["weights"]) == load_json(place / "both/vqvae/fit.json")["weights"]["generator"] > 1000
    combined = load_json(place / "both/comparison.json")
    assert combined["vqvae + mapper"]["fid"] == scores["mapped"]["fid"]
    assert combined["intervals"]["gain"]["vqvae"] == scores["intervals"]["gain"]
    printed, page = (place / "printed").read_text(), (place / "both/comparison.md").read_text()
    table = printed.partition("\nwritten: ")[0]
    assert table in page and page.startswith("# Generators on wide.csv, seed 0\n\n![](comparison.png)\n")
    header = r"^\| score +\| timevqvae +\| timevqvae \+ mapper +\| vqvae +\| vqvae \+ mapper +\| real series +\|"
    assert re.search(header, table, re.MULTILINE) and re.search(r"^\| vqvae .*\| 6/6/6 +\|", table, re.MULTILINE)
    assert re.search(r"^\| gain of +\| fid ", table, re.MULTILINE)


def test_the_same_command_again_finds_all_done_and_another_is_refused(place: Path) -> None:
    before = contents_of(place / "both")
    done = compare(place, *WIDE, *OWN, "--out", "both")
    assert done.returncode == 0 and done.stderr.count("is finished already") == 2
    assert done.stdout.splitlines()[:20] == (place / "printed").read_text().splitlines()[:20]
    for more, what in (("--seed=1", r"\(seeds\)"), ("--set=stage3.steps=7", r"\(stage3.steps\)")):
        done = compare(place, *WIDE, *OWN, "--out", "both", sets=[*SETS, more])
        assert done.returncode == 1
        assert re.search(f"both: holds a comparison of other data or parameters {what}; name a new", done.stderr)
    assert contents_of(place / "both") == before


def contents_of(folder: Path) -> dict[str, bytes]:
    """Of a comparison and its folders, but what tells times."""
    files = {
        name: data for each in (folder / "timevqvae", folder / "vqvae") for name, data in contents(each).items()
    }
    return files | {"comparison.png": (folder / "comparison.png").read_bytes()}


def test_a_comparison_that_is_killed_goes_on_and_another_generator_can_join(place: Path, tmp_path: Path) -> None:
    """The kills hit the first generator and the second; then both come out as if nothing had been."""
    write_files(tmp_path)
    command = [*WIDE, "--out", "both", "--checkpoint-every", "0"]
    for names, saves in (("timevqvae", 3), ("timevqvae,vqvae", 40)):
        process = os.fork()
        if process == 0:
            die_at(saves)
            compare(tmp_path, *command, "--generators", names)
            os._exit(1)
        _, status = os.waitpid(process, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert (tmp_path / "both/timevqvae/fit.json").is_file() and not (tmp_path / "both/vqvae").exists()
    done = compare(tmp_path, *command, *OWN)
    assert done.returncode == 0 and "both/timevqvae is finished already" in done.stderr, done.stderr
    assert "Going on with what was begun here." in done.stderr
    assert contents_of(tmp_path / "both") == contents_of(place / "both")
    assert not list((tmp_path / "both").glob(".*"))


def test_a_budget_is_shared_and_what_all_share_is_chosen_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path)
    by_budget = r"(stage\d\.steps|tau_search\.mapper_steps|fcn\.epochs)="
    sets = [word for change in TINY if not re.match(by_budget, change) for word in ("--set", change)]

    def changes(steps: int) -> tuple[str, ...]:
        return (*(f"stage{stage}.steps={steps}" for stage in (1, 2, 3)), "tau_search.mapper_steps=4")

    def choose(params: Params, size: DataSize, seconds: float, *_: object) -> Choice:
        assert params.generator == "timevqvae" and size == DataSize(48, 12, 2, 24, 2) and seconds == 60
        chosen = (*changes(6), "fcn.max_steps=5")
        return Choice(override(params, chosen), chosen, ("Chosen by a test.",), 0.3)

    def choose_alike(params: Params, size: DataSize, seconds: float, *_: object) -> Choice:
        assert params.generator == "vqvae" and params.fcn.max_steps == 5 and seconds == 0.3
        return Choice(override(params, changes(7)), changes(7), ("Chosen by a test, too.",))

    monkeypatch.setattr(module, "choose", choose)
    monkeypatch.setattr(module, "choose_alike", choose_alike)
    monkeypatch.setitem(BASELINES, "rows", Rows)
    command = [*WIDE, "--out", "three", "--budget", "3", "--generators", "rows,timevqvae,vqvae"]
    done = compare(tmp_path, *command, sets=sets)
    assert done.returncode == 0, done.stderr
    for name, steps in (("timevqvae", 6), ("vqvae", 7)):
        request = load_json(tmp_path / "three" / name / "fit.json")["request"]
        assert (request["stage1.steps"], request["fcn.max_steps"], request["budget"]) == (steps, 5, None)
    request = load_json(tmp_path / "three/rows/fit.json")["request"]
    assert request["rows.steps"] >= LEAST_STEPS and request["fcn.max_steps"] == 5
    assert not [key for key in request if key.startswith(("stage", "svq", "tau", "generator"))]
    state = load_json(tmp_path / "three/compare.json")
    assert state["shared"] == ["fcn.max_steps=5"] and state["training"] == 0.3
    assert state["training_seconds"]["rows"] > 0.9 * STEP_S * request["rows.steps"]
    monkeypatch.setattr(module, "choose_alike", lambda *_: pytest.fail("measured again"))
    fewer = [*WIDE, "--out", "three", "--budget", "2", "--generators", "vqvae,rows"]  # the same minutes for each
    done = compare(tmp_path, *fewer, sets=sets)
    assert done.returncode == 0 and done.stderr.count("is finished already") == 2, done.stderr
    done = compare(tmp_path, *fewer[:-3], "4", *fewer[-2:], sets=sets)
    assert done.returncode == 1 and "other data or parameters (budget)" in done.stderr


def test_a_generator_without_tokens_is_measured_as_the_others(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its samples are kept, are drawn once, and have no class; its picture and its page are there."""
    monkeypatch.setitem(BASELINES, "rows", Rows)
    monkeypatch.setattr(Rows, "trained", [])
    command = [*WIDE, "--generators", "vqvae,rows", "--out", "rows", "--set", "rows.steps=3"]
    evaluate = BaselineWork.measure
    monkeypatch.setattr(BaselineWork, "measure", lambda *_: sys.exit(9))
    assert compare(place, *command).returncode == 9
    monkeypatch.setattr(BaselineWork, "measure", evaluate)
    done = compare(place, *command)
    assert done.returncode == 0 and Rows.trained == [3], done.stderr
    folder = place / "rows/rows"
    assert sorted(contents(folder)) == ["fit.json", "metrics.json", "report.html", "samples.npz"]
    scores, other = load_json(folder / "metrics.json"), load_json(place / "both/vqvae/metrics.json")
    assert scores["n"]["generated"] == 30 and scores["steps"] == {"rows": 3}
    assert scores["fcn_accuracy"] == other["fcn_accuracy"]
    assert scores["baseline"]["rocket_fid"] < other["mapped"]["rocket_fid"] / 3  # rows of TRAIN are nearly real
    assert "cfid" not in scores["baseline"] and "Not measured of rows: cfid, cas (needs labels" in done.stdout
    assert re.search(r"^\| rows +\| rows of TRAIN +\| no +\| 3 ", done.stdout, re.MULTILINE)
    assert (place / "rows/comparison.png").read_bytes() != (place / "both/comparison.png").read_bytes()
    synthetic = load_npz(folder / "samples.npz")["X"]
    assert synthetic.shape == (30, 2, 24) and 0.3 < synthetic[:, 0].std() / X[:, :].std() < 3
    files = ["--real", "wide.csv", "--channels", "kW,change", "--labels", "season", "--synthetic"]
    done = run(place, "evaluate", *files, "rows/rows/samples.npz")
    assert done.returncode == 0, done.stderr


def test_series_without_labels(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BASELINES, "rows", Rows)
    arguments = ["--data", "long.csv", "--series-column", "day", "--time-column", "hour", "--length", "24"]
    arguments += [
        "--fit-length",
        "resample",
        "--generators",
        "rows",
        "--out",
        "unlabelled",
        "--set",
        "rows.steps=3",
    ]
    done = compare(place, *arguments)
    assert done.returncode == 0, done.stderr
    assert "takes a class" not in done.stdout and "What the mapper changes" not in done.stdout
    assert load_json(place / "unlabelled/rows/metrics.json")["fcn_accuracy"] is None


@pytest.mark.parametrize("name", BASELINES)
def test_a_generator_of_another_project(place: Path, name: str) -> None:
    """It joins the comparison, is measured as the others, and asked for classes only if it knows any."""
    pytest.importorskip(BASELINES[name].package, reason="the extra `baselines` is not installed")
    done = compare(
        place, *WIDE, "--generators", f"vqvae,{name}", "--out", f"with-{name}", sets=[*SETS, *sets_of(name)]
    )
    assert done.returncode == 0, done.stderr
    folder = place / f"with-{name}"
    scores = load_json(folder / name / "metrics.json")
    assert scores["n"]["generated"] == 30 and scores["reference"]["rocket_fid"] > 0
    assert scores["fcn_accuracy"] == load_json(place / "both/vqvae/metrics.json")["fcn_accuracy"]
    assert ("cfid" in scores["baseline"]) == BASELINES[name].by_class
    assert ("Not measured of ddpm: cfid, cas" in done.stdout) == (name == "ddpm")
    assert abs(load_npz(folder / name / "samples.npz")["X"].mean() - X.mean()) < 3 * X.std()
    done = compare(
        place, *WIDE, "--generators", f"vqvae,{name}", "--out", f"with-{name}", sets=[*SETS, *sets_of(name)]
    )
    assert done.stderr.count("is finished already") == 2
    other = [*SETS, *sets_of(name), "--set", f"{name}.{BASELINES[name].budget}=2"]
    done = compare(place, *WIDE, "--generators", name, "--out", f"with-{name}", sets=other)
    assert done.returncode == 1 and f"({name}.{BASELINES[name].budget})" in done.stderr


def sets_of(name: str) -> list[str]:
    return [word for change in SHORT if change.startswith(f"{name}.") for word in ("--set", change)]


def test_without_its_package_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "deepecho", None)
    before = sorted(tmp_path.rglob("*"))
    done = compare(tmp_path, *WIDE, "--generators", "vqvae,par", "--out", "both")
    error = "error: par: needs the package deepecho; pip install 'nm-vqtsg[baselines]'\n"
    assert done.returncode == 1 and done.stderr.endswith(error) and sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--generators", "gan"], "--generators: 'gan' is unknown; there are timevqvae, vqvae, ddpm, par"),
        (["--generators", ","], "--generators: names none; there are timevqvae"),
        (["--generators", "vqvae, vqvae"], "--generators: vqvae is named twice"),
        (["--generators", "vqvae", "--set", "par.epochs=3"], "--set par.epochs: par is not among --generators"),
        (["--generators", "vqvae", "--set", "generator=vqvae"], "--set generator: --generators names them"),
        (["--generators", "par", "--budget", "3", "--set", "par.epochs=3"], "--set par.epochs: --budget chooses"),
        (["--generators", "vqvae", "--set", "stage9.steps=3"], "write key=value with a key of params.yaml"),
        (["--generators", "vqvae", "--budget", "0"], "--budget: 0 minutes are no time"),
    ],
)
def test_what_is_refused_before_any_work(tmp_path: Path, arguments: list[str], words: str) -> None:
    write_files(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = compare(tmp_path, *WIDE, *arguments, "--out", "both", sets=[])
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and len(errors) == 1 and words in errors[0], done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_of_something_else_is_left_alone(place: Path) -> None:
    done = compare(place, *WIDE, *OWN, "--out", ".")
    assert done.returncode == 1 and "is not empty and holds no comparison; name a new folder" in done.stderr
