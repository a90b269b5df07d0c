"""dvc.yaml, the rules and the steps name the same things, and our reading of dvc.yaml is DVC's."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.engines.study import check_study, definition, new_study
from nm_vqtsg.engines.yamlfile import dump_yaml, read_yaml
from nm_vqtsg.params import load_params
from nm_vqtsg.steps import STEPS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "nm_vqtsg"
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
        assert set(ours) == set(theirs)
        for name, stage in theirs.items():
            files = [dep for dep in stage.deps if not hasattr(dep, "params")]
            keys = [key for dep in stage.deps if hasattr(dep, "params") for key in dep.params]
            assert ours[name].cmd == stage.cmd
            assert list(ours[name].deps) == sorted(dep.def_path for dep in files)
            assert list(ours[name].params) == sorted(keys)
            assert list(ours[name].outs) == sorted(out.def_path for out in stage.outs)


def test_every_step_has_its_stage_its_rule_and_the_reverse(pipeline: Pipeline) -> None:
    rules = [name for file in RULE_FILES for name in re.findall(r"^rule (\w+):", file.read_text(), re.MULTILINE)]
    assert sorted(rules) == sorted(pipeline.definition["stages"]) == sorted(STEPS)
    scopes = {"dataset": {"dataset"}, "seed": {"dataset", "seed"}, "study": set()}
    for stage in pipeline.stages.values():
        assert {name for name, _ in stage.wildcards} == scopes[STEPS[stage.step]]
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
        ("evaluate", "evaluate plot tables"),
        ("plot", "plot"),
        ("fcn", "fcn evaluate plot tables"),
        ("sample", "sample tau_search stage3 evaluate plot tables"),
    ],
)
def test_a_parameter_reaches_these_steps_and_no_other(pipeline: Pipeline, key: str, steps: str) -> None:
    direct = {stage.step for stage in pipeline.stages.values() if key in stage.params}
    assert following(pipeline, direct) == set(steps.split())


@pytest.mark.parametrize(
    ("file", "steps"),
    [
        ("mapper/unet.py", "stage3 evaluate plot tables"),
        ("metrics/fcn.py", "fcn evaluate plot tables"),
        ("metrics/judge.py", "fcn evaluate plot tables"),
        ("figures/style.py", "plot"),
        ("tables/build.py", "tables"),
        ("svq/tau_search.py", "tau_search stage3 evaluate plot tables"),
        ("cli.py", ""),
        ("params/models.py", ""),
    ],
)
def test_an_edit_reaches_these_steps_and_no_other(pipeline: Pipeline, file: str, steps: str) -> None:
    path = f"src/nm_vqtsg/{file}"
    assert (ROOT / path).is_file()
    direct = {
        s.step for s in pipeline.stages.values() if any(path == d or path.startswith(f"{d}/") for d in s.deps)
    }
    assert following(pipeline, direct) == set(steps.split())


def test_every_parameter_section_is_some_stages_dependency(pipeline: Pipeline) -> None:
    used = {key.split(".")[0] for stage in pipeline.stages.values() for key in stage.params}
    assert used == set(pipeline.params)


PLUMBING = (
    "__init__.py",
    "artifacts.py",
    "errors.py",
    "stop.py",
    "params/",
    "stages/__init__.py",
    "stages/context.py",
    "stages/paths.py",
    "generators/registry.py",
    "generators/card.py",
    "generators/folder.py",
)
NO_PRIOR = {"generators/two_stage.py", "prior/"}
NOT_USED = {  # imported by what the step uses, for what it does not do
    **{step: NO_PRIOR for step in ("stage1", "tau_search", "plot")},
    "stage3": {*NO_PRIOR, "svq/tau_search.py", "metrics/fid.py", "metrics/rocket.py"},  # tau is given
    "evaluate": {"svq/tau_search.py"},
}


def imported(file: Path) -> set[Path]:
    """Files of the package that a file imports; of a subpackage, its ``__init__`` only when names come from it."""
    found = set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nm_vqtsg":
            base = ROOT / "src" / node.module.replace(".", "/")
            for alias in node.names:
                module = next(
                    (p for p in (base / f"{alias.name}.py", base / alias.name / "__init__.py") if p.is_file()),
                    None,
                )
                found.add(module or (base / "__init__.py" if base.is_dir() else base.with_suffix(".py")))
    return found


@pytest.mark.parametrize("step", STEPS)
def test_all_code_of_a_step_is_its_dependency(pipeline: Pipeline, step: str) -> None:
    deps = next(stage.deps for stage in pipeline.stages.values() if stage.step == step)
    pending, seen = [PACKAGE / "stages" / f"{step}.py"], set()
    while pending:
        file = pending.pop()
        name = file.relative_to(PACKAGE).as_posix()
        if name == "generators/registry.py":  # imports the study's kind by its name
            pending.append(file.parent / "kinds" / f"{pipeline.params['generator']}.py")
        if name in seen or name.startswith((*NOT_USED.get(step, ()), *PLUMBING)):
            continue
        seen.add(name)
        pending += imported(file)
    paths = {f"src/nm_vqtsg/{name}" for name in seen}
    missing = {path for path in paths if not any(path == dep or path.startswith(f"{dep}/") for dep in deps)}
    assert not missing, f"dvc.yaml: {step} uses {sorted(missing)}"
    code = [dep for dep in deps if dep.startswith("src/")]
    idle = {dep for dep in code if not any(path == dep or path.startswith(f"{dep}/") for path in paths)}
    assert not idle, f"dvc.yaml: {step} does not use {sorted(idle)}"


def test_a_study_differs_from_the_project_in_one_line(small: Path) -> None:
    (small / "src").mkdir()
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
    with open(small / "dvc.yaml", "a") as file:
        file.write("# a later version\n")
    with pytest.raises(Exception, match=r"studies/mine/dvc\.yaml: .*study new studies/mine"):
        check_study(study)
    assert [path.name for path in new_study(study)] == ["dvc.yaml"]
    check_study(study)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in ROOT.glob("studies/*/dvc.yaml")))
def test_studies_of_the_project_have_not_drifted(name: str) -> None:
    study = ROOT / "studies" / name
    assert (study / "dvc.yaml").read_text() == definition(ROOT, study)


@pytest.mark.parametrize("place", [".", ".."])
def test_a_study_lies_inside_the_project(small: Path, place: str) -> None:
    with pytest.raises(Exception, match="main study|not inside a DVC repository"):
        new_study(small / place)


def snakemake(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_snakemake_resolves_the_study() -> None:
    done = snakemake("-n", "--forceall", "--quiet", "rules")
    assert done.returncode == 0, done.stderr
    # 313 jobs and `all`
    assert re.search(r"^total +314$", done.stdout + done.stderr, re.MULTILINE)


def test_snakemake_finds_nothing_to_criticise() -> None:
    done = snakemake("--lint")
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
