"""dvc.yaml, the rules and the steps name the same things, and our reading of dvc.yaml is DVC's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from nm_vqtsg.engines.pipeline import LOOK, Pipeline
from nm_vqtsg.engines.study import check_study, definition, new_study
from nm_vqtsg.params import load_params
from nm_vqtsg.study.graph import STEPS, sections
from nm_vqtsg.yaml12 import dump_yaml, read_yaml

ROOT = Path(__file__).resolve().parents[2]
RULE_FILES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(ROOT)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of two data sets and two seeds, with the stages of this one."""
    params = read_yaml(ROOT / "params.yaml") | {"datasets": ["FordA", "Wafer"], "seeds": [0, 7]}
    (tmp_path / "params.yaml").write_text(dump_yaml(params))
    (tmp_path / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    (tmp_path / "src" / "nm_vqtsg").mkdir(parents=True)
    Repo.init(str(tmp_path), no_scm=True)
    return tmp_path


def test_the_study_has_a_job_for_each_data_set_and_seed(pipeline: Pipeline) -> None:
    params = load_params(ROOT / "params.yaml")
    n_sets, n_seeds = len(params.datasets), len(params.seeds)
    assert (n_sets, n_seeds) == (13, 3)
    assert len(pipeline.stages) == n_sets * 3 + n_sets * n_seeds * 7 + 1 == 313


def test_stages_are_expanded_as_dvc_expands_them(small: Path) -> None:
    ours = Pipeline(small).stages
    with Repo(str(small)) as repo:
        theirs = {stage.name: stage for stage in repo.index.stages}
        assert theirs.pop("fingerprint").always_changed
        assert set(ours) == set(theirs)
        for name, stage in theirs.items():
            files = [dep for dep in stage.deps if not hasattr(dep, "params")]
            keys = {dep.def_path: dep.params for dep in stage.deps if hasattr(dep, "params")}
            assert ours[name].cmd == stage.cmd
            assert list(ours[name].deps) == sorted(dep.def_path for dep in files)
            assert list(ours[name].params) == sorted(keys["params.yaml"])
            assert list(ours[name].fingerprint) == sorted(keys["fingerprint.json"])
            assert list(ours[name].outs) == sorted(out.def_path for out in stage.outs)


def test_every_step_has_its_stage_its_rule_and_the_reverse(pipeline: Pipeline) -> None:
    rules = [name for file in RULE_FILES for name in re.findall(r"^rule (\w+):", file.read_text(), re.MULTILINE)]
    assert sorted(rules) == sorted({*pipeline.definition["stages"]} - {LOOK}) == sorted(STEPS)
    scopes = {"dataset": {"dataset"}, "seed": {"dataset", "seed"}, "study": set()}
    for stage in pipeline.stages.values():
        assert {name for name, _ in stage.wildcards} == scopes[STEPS[stage.step].scope]
        assert f"python -m nm_vqtsg {stage.step}" in stage.cmd


def test_rules_take_everything_from_dvc_yaml() -> None:
    for file in RULE_FILES:
        for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", file.read_text(), re.MULTILINE):
            for needed in (
                f'study.inputs("{name}")',
                f'study.command("{name}")',
                "log:",
                "benchmark:",
                "threads: 1",
            ):
                assert needed in body, (name, needed)
            assert re.search(rf'study\.(outputs|reported)\(\s*"{name}"', body), name


def test_patterns_match_the_outputs(pipeline: Pipeline) -> None:
    for stage in pipeline.stages.values():
        assert (
            tuple(sorted(path.format(**dict(stage.wildcards)) for path in pipeline.patterns(stage.step)))
            == stage.outs
        )


def test_every_stage_comes_after_those_it_reads(pipeline: Pipeline) -> None:
    place = {stage.name: index for index, stage in enumerate(pipeline.order)}
    assert len(place) == len(pipeline.stages)
    for stage in pipeline.order:
        assert all(place[name] < place[stage.name] for name in pipeline.upstream(stage))


def following(pipeline: Pipeline, changed: set[str]) -> set[str]:
    steps = set(changed)
    for stage in pipeline.order:
        if steps & {pipeline.stages[name].step for name in pipeline.upstream(stage)}:
            steps.add(stage.step)
    return steps


@pytest.mark.parametrize(
    ("key", "steps"),
    [
        ("generator", "stage1 stage2 sample tau_search stage3 evaluate plot tables"),
        ("tau_grid", "tau_search stage3 evaluate plot tables"),
        ("tau_search", "tau_search stage3 evaluate plot tables"),
        ("stage3", "stage3 evaluate plot tables"),
        ("stage3.width", "tau_search stage3 evaluate plot tables"),
        ("evaluate", "evaluate plot tables"),
        ("plot", "plot"),
        ("fcn", "fcn evaluate plot tables"),
        ("sample", "sample tau_search stage3 evaluate plot tables"),
    ],
)
def test_a_parameter_reaches_these_steps_and_no_other(pipeline: Pipeline, key: str, steps: str) -> None:
    direct = {stage.step for stage in pipeline.stages.values() if key in stage.params}
    assert following(pipeline, direct) == set(steps.split())


def test_every_parameter_section_is_some_stages_dependency(pipeline: Pipeline) -> None:
    used = {key.split(".")[0] for stage in pipeline.stages.values() for key in stage.params}
    assert used == set(pipeline.params) - {"own_data"}, "own data count by their content, see fingerprint.json"


@pytest.mark.parametrize("step", STEPS)
def test_the_provenance_of_a_step_bears_all_parameters_upstream_but_those_of_tau_and_pool(
    pipeline: Pipeline, step: str
) -> None:
    """`sections` follows the table of steps, this the expanded stages; tau.json and pool.npz are `settled`."""
    one = next(stage for stage in pipeline.stages.values() if stage.step == step)
    pending, keys = [one.name], set()
    while pending:
        stage = pipeline.stages[pending.pop()]
        keys |= {*stage.params, *(["own_data"] if stage.step == "download" else [])}
        settled = ("tau_search", "sample") if stage.step == "stage3" else ()
        pending += [name for name in pipeline.upstream(stage) if name.split("@")[0] not in settled]
    if step != "tables":  # which gathers the runs that there are
        whole = {key for key in keys if "." not in key}
        assert set(sections(step)) == {key for key in keys if key.split(".")[0] not in whole - {key}}


def test_a_study_differs_from_the_project_in_one_line(small: Path) -> None:
    written = new_study(small / "studies" / "mine")
    assert [path.name for path in written] == ["params.yaml", "dvc.yaml"]
    ours, theirs = (small / "dvc.yaml").read_text().splitlines(), written[1].read_text().splitlines()
    assert [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]] == [
        ("  - src: src", "  - src: ../../src")
    ]
    assert new_study(small / "studies" / "mine") == []
    check_study(small / "studies" / "mine")


def test_a_study_that_has_drifted_is_refused_and_mended(small: Path) -> None:
    study = small / "studies" / "mine"
    new_study(study)
    with open(study / "dvc.yaml", "a") as file:
        file.write("# an earlier version\n")
    with pytest.raises(Exception, match=r"studies/mine/dvc\.yaml: .*study new studies/mine"):
        check_study(study)
    assert [path.name for path in new_study(study)] == ["dvc.yaml"]
    check_study(study)


@pytest.mark.parametrize(
    "folder", sorted(str(path.parent.relative_to(ROOT)) for path in ROOT.glob("studies/**/dvc.yaml"))
)
def test_studies_of_the_project_have_not_drifted(folder: str) -> None:
    study = ROOT / folder
    assert (study / "dvc.yaml").read_text() == definition(ROOT, study)


def test_the_projects_own_definition_is_made_from_the_table_of_steps() -> None:
    assert (ROOT / "dvc.yaml").read_text() == definition(ROOT, ROOT)


def test_a_study_lies_inside_the_project(small: Path) -> None:
    with pytest.raises(Exception, match="not inside a DVC repository"):
        new_study(small / "..")


def snakemake(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def tracked() -> dict[str, tuple[bytes, int]]:
    """The files that a run of an engine changes and that git keeps."""
    paths = [ROOT / name for name in ("dvc.lock", "fingerprint.json")]
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths if path.is_file()}


def test_snakemake_resolves_the_study() -> None:
    before = tracked()
    done = snakemake("-n", "--forceall", "--quiet", "rules")
    assert tracked() == before
    assert done.returncode == 0, done.stderr
    # 313 jobs and `all`
    assert re.search(r"^total +314$", done.stdout + done.stderr, re.MULTILINE)


@pytest.mark.parametrize("setting", ["gpu=abc", "gpu=-1", "record=maybe"])
def test_a_setting_that_is_none(setting: str) -> None:
    done = snakemake("-n", "--config", setting)
    name = setting.partition("=")[0]
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "rror" in line or "neither" in line] == [
        line for line in done.stderr.splitlines() if line.startswith(f"Error: --config {name}: ")
    ]
    assert f"is neither 0 nor 1; write {name}=0 or {name}=1" in done.stderr


def test_snakemake_finds_nothing_to_criticise() -> None:
    before = tracked()
    done = snakemake("--lint")
    assert tracked() == before
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakefiles_are_formatted() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snakefmt.snakefmt", "--check", "Snakefile", "workflow"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
