"""The files at the root agree with one another."""

import ast
import graphlib
import re
import tomllib
from pathlib import Path

import build_dist
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nm_vqtsg

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = "torch==2.13.0"
SOURCES = [*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow").rglob("*.smk"), ROOT / "Snakefile"]


def wanted() -> list[str]:
    return [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["study"]]


def test_environment_yml_repeats_pyproject() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pinned = [PINNED if requirement.startswith("torch") else requirement for requirement in wanted()]
    assert dependencies[-1]["pip"] == pinned


def test_the_lock_holds_a_fitting_release_of_everything_but_torch() -> None:
    text = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", text, re.MULTILINE))
    extras = PROJECT["optional-dependencies"]
    for requirement in map(Requirement, [*wanted(), *extras["dev"], *extras["docs"]]):
        name = canonicalize_name(requirement.name)
        if name == "torch":
            assert name not in locked and requirement.specifier.contains(PINNED.split("==")[1])
        else:
            assert requirement.specifier.contains(locked[name]), f"{name} {locked[name]}: run make lock"
    assert len(locked) == len(re.findall(r"==\S+ \\\n    --hash=sha256:", text))


def test_one_torch_everywhere() -> None:
    """The range in pyproject.toml is for users of the library; what is tested here takes one release."""
    for name in (
        "Makefile",
        "requirements.lock",
        "Dockerfile",
        "docs/quickstart.md",
        ".github/workflows/test.yml",
    ):
        assert set(re.findall(r"torch==[\d.]*\d", (ROOT / name).read_text())) == {PINNED}, name


def test_metadata_are_what_the_index_takes() -> None:
    minors = {name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)}
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    assert set(workflow["jobs"]["test"]["strategy"]["matrix"]["python"]) == minors
    assert PROJECT["requires-python"] == f">={min(minors)}"


def test_the_page_on_the_index_has_no_link_that_leads_nowhere() -> None:
    page = (
        "![a [b] picture](docs/a.png) [words\nmore](docs/b.md#part), [a site](https://example.org), [above](#top)"
    )
    kept = "[a site](https://example.org), [above](#top)"
    assert build_dist.readme(page, None) == f" words\nmore, {kept}"
    led = "![a [b] picture](https://x.org/v1/docs/a.png) [words\nmore](https://x.org/v1/docs/b.md#part)"
    assert build_dist.readme(page, "https://x.org/v1/") == f"{led}, {kept}"
    text = (ROOT / "README.md").read_text()
    assert "](docs/" in text and not re.search(r"\]\((?!https://)", build_dist.readme(text, None))


def test_one_version_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert nm_vqtsg.__version__ == PROJECT["version"] == citation["version"]
    assert f"## {nm_vqtsg.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_reading_never_runs_code() -> None:
    """No pickle, no unsafe YAML, no shell strings, in any source file."""
    forbidden = re.compile(
        r"^\s*(import|from) (pickle|joblib|dill)\b"
        r"|allow_pickle=True|weights_only=False|yaml\.load\(|shell=True|\beval\(\"|\bexec\("
    )
    for path in SOURCES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not forbidden.search(line), f"{path}:{number}: {line.strip()}"


ROOMS = (
    "memory",
    "errors",
    "metrics",
    "files",
    "npz",
    "artifacts",
    "cells",
    "markdown",
    "yaml12",
    "datasets",
    "params",
    "nn",
    "session",
    "study",
    "training",
    "judge",
    "evaluation",
    "tokenizer",
    "prior",
    "generators",
    "svq",
    "mapper",
    "estimators",
    "planning",
    "figures",
    "tables",
    "report",
    "engines",
    "steps",
    "commands",
    "cli",
)


def test_imports_run_one_way() -> None:
    """A room imports only from itself and from rooms before it."""
    package = ROOT / "src" / "nm_vqtsg"
    for path in package.rglob("*.py"):
        relative = path.relative_to(package)
        room = relative.parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        for found in re.findall(r"from nm_vqtsg\.(\w+)|import nm_vqtsg\.(\w+)", path.read_text()):
            other = found[0] or found[1]
            assert ROOMS.index(other) <= ROOMS.index(room), f"{relative} imports {other}"


def test_no_files_import_one_another_in_a_circle() -> None:
    """Nor inside functions; the package's own file only names what its users import."""
    package = ROOT / "src" / "nm_vqtsg"
    files = {".".join(path.relative_to(package).with_suffix("").parts): path for path in package.rglob("*.py")}
    modules = {name.removesuffix(".__init__") for name in files} - {"__init__"}

    def imported(path: Path) -> set[str]:
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nm_vqtsg."):
                module = str(node.module).removeprefix("nm_vqtsg.")
                found |= {
                    f"{module}.{alias.name}" if f"{module}.{alias.name}" in modules else module
                    for alias in node.names
                }
        return found & modules

    before = {name.removesuffix(".__init__"): imported(path) for name, path in files.items()}
    graphlib.TopologicalSorter({name: others - {name} for name, others in before.items()}).prepare()
