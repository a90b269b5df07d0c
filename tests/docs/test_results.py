"""docs/results.md is what scripts/results.py makes, and the page says of every study what git holds, no more."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import results
from PIL import Image

from nm_vqtsg.artifacts import digest, load_json, save_json
from nm_vqtsg.errors import UserError
from nm_vqtsg.params.presets import PRESETS, flat
from nm_vqtsg.steps.context import open_context
from nm_vqtsg.tables.paper import load_paper

ROOT = Path(__file__).resolve().parents[2]
NOT_AT_HAND = {"FreezerRegularTrain", "StarLightCurves", "UWaveGestureLibraryAll", "UWaveGestureLibraryX", "Yoga"}


@pytest.fixture
def twentieth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a study of two sets and two seeds."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(ROOT / "studies" / "twentieth", "mine", ignore=shutil.ignore_patterns("dvc.lock")))


def made(*studies: Path) -> str:
    results.main([*map(str, studies), "--out", "page.md"])
    return Path("page.md").read_text(encoding="utf-8")


def cells(text: str, title: str) -> list[list[str]]:
    """Of a table's rows."""
    lines = text.split(f"**{title}")[1].partition("|")[2].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def rows(text: str, title: str) -> dict[str, list[str]]:
    """The same by the first cell of each row."""
    return {first: others for first, *others in cells(text, title)}


def test_the_page_is_what_git_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files that git knows, so that runs that nobody has committed yet break no test."""
    listed = subprocess.run(
        ["git", "ls-files", "studies/paper", "studies/best"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a clone")
    monkeypatch.chdir(tmp_path)
    for name in listed.stdout.split():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, name)
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    studies = [Path(part) for part in page.split("`")[1].split() if part.startswith("studies/")]
    found = made(*studies).replace("page.png", "results.png")
    assert page == found, f"run {page.split('`')[1]} --out docs/results.md"
    assert Path("page.png").exists() == (ROOT / "docs" / "results.png").exists()


def test_the_paper_s_study_is_the_paper_s_preset() -> None:
    params = open_context(ROOT / "studies" / "paper", "tables").params
    published = dict(flat(PRESETS["paper"]))
    beside = {"datasets", "data.source", "fcn.epochs", "fcn.patience"}  # a judge that costs less
    assert {key for key, value in flat(params) if value != published[key]} == beside
    assert set(load_paper().tables["fid"].rows) - set(params.datasets) == NOT_AT_HAND
    assert params.seeds == (0, 1, 2) and params.datasets[0] == "TwoPatterns"


def test_a_finished_study(twentieth: Path) -> None:
    text = made(twentieth)
    assert "mine`: 4 of 4 runs have been computed. **This is not the paper's experiment**" in text
    first = rows(text, "FID (the lower")
    runs = [load_json(twentieth / f"results/metrics/FaceAll/seed{seed}.json") for seed in (0, 1)]
    before, after = (sum(run[side]["fid"] for run in runs) / 2 for side in ("baseline", "mapped"))
    assert first["FaceAll"][0] == "10.19 → 5.88 (+73.5 %)"
    assert first["FaceAll"][1].startswith(f"{before:.2f} ± ") and first["FaceAll"][2].startswith(f"{after:.2f} ± ")
    assert first["FaceAll"][5].startswith(f"{100 * before / after - 100:+.1f} [") and first["FaceAll"][7] == "0 1"
    assert first["FaceAll"][6] == "unresolved, 2 of 2 better"
    assert rows(text, "IS (the higher")["FaceAll"][6] == "unresolved, 2 of 2 higher"
    assert first["Crop"] == ["1.74 → 3.21 (-45.9 %)", *[""] * 7]
    assert list(first) == list(load_paper().tables["fid"].rows)
    assert "Not in this study: Crop, ECG5000," in text and f"own FCN {runs[0]['fcn_accuracy']:.3f}" in text
    amplitude = rows(text, "Amplitude")
    spread = sum(run["amplitude"]["baseline"]["mean"] for run in runs) / 2
    assert amplitude["FaceAll"][3].startswith(f"{spread:.3f}") and amplitude["FordA"] == [""] * 5
    assert rows(text, "Distances to TRAIN and TEST")["TwoPatterns"][4:] == ["0.00", "0.00"]
    assert "`stage2.steps=2000`" in text and "Code: no `dvc.lock` records it." in text
    with Image.open("page.png") as picture:
        assert picture.size == (1050, round(150 * (0.9 + 0.34 * 13)))


@pytest.mark.parametrize(("gap", "words"), [(4.0, "nearer to real series"), (5.0, "further from real series")])
def test_a_higher_is_is_better_only_where_it_comes_nearer(twentieth: Path, gap: float, words: str) -> None:
    for seed in (0, 1):
        path = twentieth / f"results/metrics/FaceAll/seed{seed}.json"
        run = load_json(path)
        run["baseline"]["is_gap"], run["mapped"]["is_gap"] = 4.5, gap
        run["baseline"]["is"], run["mapped"]["is"] = 2 + seed / 10, 2.5 + seed / 8  # the same change in both
        save_json(path, run)
    assert rows(made(twentieth), "IS (the higher")["FaceAll"][6] == f"higher, {words}"


def test_runs_that_are_missing_leave_empty_cells(twentieth: Path) -> None:
    for name in ("FaceAll/seed0", "FaceAll/seed1", "TwoPatterns/seed1"):
        (twentieth / "results" / "metrics" / f"{name}.json").unlink()
    text = made(twentieth)
    assert "1 of 4 runs have been computed. Not yet: FaceAll seed 0, FaceAll seed 1, TwoPatterns seed 1." in text
    for title in ("FID (the lower", "IS (the higher", "cFID (the lower", "Amplitude", "Distances", "Tokens"):
        assert not any(cell for cell in rows(text, title)["FaceAll"] if "→" not in cell), title
    only = rows(text, "FID (the lower")["TwoPatterns"]
    change = load_json(twentieth / "results/metrics/TwoPatterns/seed0.json")["change_percent"]["fid"]
    assert only[6:] == ["better", "0"] and only[5].startswith(f"{change:+.1f} [") and "±" not in only[1]


def test_nothing_at_all(twentieth: Path) -> None:
    shutil.rmtree(twentieth / "results")
    text = made(twentieth)
    assert "**Nothing has been computed yet** of the 4 runs" in text and "![" not in text
    assert not Path("page.png").exists()
    assert {row[-1] for row in rows(text, "What holds").values()} == {"not tested"}
    assert not any(any(row[1:]) for row in rows(text, "IS (the higher").values())


def test_a_second_recipe_stands_below(twentieth: Path) -> None:
    other = Path(shutil.copytree(ROOT / "studies" / "twentieth-fine", "best"))
    text = made(twentieth, other)
    first, second = (rows(part, "FID (the lower")["TwoPatterns"] for part in text.split("## Another recipe"))
    assert (first[6], second[6]) == ("unresolved, 1 of 2 better", "better")
    assert "Made by `python scripts/results.py mine best`" in text and "`best`: 4 of 4 runs" in text
    assert text.count("`tau_grid=") == 1  # in which it departs from the paper's


def test_what_tokens_say_comes_from_the_script_beside(twentieth: Path) -> None:
    run = load_json(twentieth / "results/metrics/FaceAll/seed0.json")
    band = {"shared_samples": 0.03125, "shared_test": 0.0, "nats_train": 2.66, "nats_test": 7.54}
    record = {
        "metrics": digest(run),
        "bands": {"lf": band | {"nats_frequencies": 6.33}, "all": {"shared_samples": 0.01}},
    }
    path = twentieth / "results/memorisation/FaceAll/seed0.json"
    save_json(path, record)
    text = made(twentieth)
    face = [row for row in cells(text, "Tokens") if row[0] == "FaceAll"]
    assert face == [
        ["FaceAll", "lf", "0.0312", "0.00", "2.66", "7.54", "6.33"],
        ["FaceAll", "all", "0.0100", *[""] * 4],
    ]
    assert rows(text, "Tokens")["TwoPatterns"] == [""] * 6
    save_json(path, record | {"metrics": "of another run"})
    with pytest.raises(UserError, match="is of another run than the metrics; run scripts/memorisation.py again"):
        made(twentieth)


def test_code_and_machines_are_told_where_they_are_known(twentieth: Path) -> None:
    entry = {"cmd": "python", "params": {"fingerprint.json": {"code.stage1": "0123456789"}}}
    stages = {"stage1@FaceAll-0": entry, "stage1@FaceAll-1": entry}
    other = {"cmd": "python", "params": {"fingerprint.json": {"code.stage1": "abcdefabcdef"}}}
    (twentieth / "dvc.lock").write_text(
        json.dumps({"schema": "2.0", "stages": stages | {"stage1@TwoPatterns-0": other}}), encoding="utf-8"
    )
    (twentieth / "notes.yaml").write_text(
        "machines: {FaceAll seed 0: two cores}\nabsent: {Yoga: nobody had it}\n", encoding="utf-8"
    )
    text = made(twentieth)
    assert "stage1 `01234567` (2 jobs) and `abcdefab` (1 jobs)" in text
    assert rows(text, "Runs")["FaceAll"][-1] == "two cores, not recorded"
    assert "Not in this study: Yoga; nobody had it." in text


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        (
            "machines: {Crop seed 0: mine}",
            "machines has 'Crop seed 0'; it may have FaceAll seed 0, FaceAll seed 1",
        ),
        ("absent: {FaceAll: why}", "absent has 'FaceAll'; it may have Crop"),
        ("abent: {}", "may hold absent and machines, no other key"),
        ("absent: [Yoga]", "absent must map names to texts"),
        ("absent: {Yoga: why", "notes.yaml"),
    ],
)
def test_notes_that_say_nothing_of_the_study_are_refused(twentieth: Path, notes: str, words: str) -> None:
    (twentieth / "notes.yaml").write_text(notes, encoding="utf-8")
    with pytest.raises(UserError, match=words):
        made(twentieth)


def test_scores_on_val_are_no_results(twentieth: Path) -> None:
    path = twentieth / "results/metrics/FaceAll/seed1.json"
    save_json(path, load_json(path) | {"evaluated_on": "validation"})
    with pytest.raises(UserError, match="mine: FaceAll seed 1 was scored on VAL"):
        made(twentieth)
    assert not Path("page.md").exists()
