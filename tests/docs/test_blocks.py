"""Every block of Python or shell in README.md and docs/ runs in an empty folder, or a reason stands here."""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import nm_vqtsg
from nm_vqtsg.estimators.generator import TwoStageEstimator

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = ("python", "sh", "bash")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

INSTALLS = "installs the project; CI does so with make install"
ENGINES = "a whole study, or an engine; tests/engines runs the same commands on small studies"
NOT_RUN = {  # page -> first line of a block -> reason
    "CONTRIBUTING.md": {"make install": INSTALLS},
    "README.md": {
        "make demo": "installs the project and trains for minutes; tests/engines runs the same study",
        "make test": "runs these tests",
        "source .venv/bin/activate": ENGINES,
        "python -m nm_vqtsg study new studies/small": ENGINES,
    },
    "beyond.md": {"ln -s": "studies of hours; tests/docs/test_development.py makes their parameters"},
    "parameters.md": {
        "python -m nm_vqtsg study new": "needs a clone; tests/workflow/test_new_study.py makes studies"
    },
    "quickstart.md": {"python -m venv .venv": INSTALLS},
    "reliability.md": {"pip install pip-audit": "installs a tool, and needs a service outside"},
    "speed.md": {"pip install --ignore-requires-python": "benchmarks of minutes to hours beside another package"},
    "workflow.md": {
        "snakemake -n ": ENGINES,
        "dvc exp run -S": ENGINES,
        "python -m nm_vqtsg study new studies/mine": ENGINES,
        "ln -s": "a study of days; tests/docs/test_results.py makes the page of studies that are finished",
        "dvc remote add": ENGINES,
        "snakemake --profile profiles/slurm": "needs a Slurm cluster; tests/engines/slurm.sh starts one",
    },
}
FIT = " ".join(
    f"--set {change}"
    for change in (
        *(f"stage{stage}.steps=5" for stage in (1, 2, 3)),
        *("tau_search.mapper_steps=3", "fcn.epochs=2", "evaluate.network_seeds=0"),
        *("rocket.n_kernels=50", "sample.n_samples=50", "sample.n_per_class=10", "evaluate.bootstrap=3"),
    )
)
REDUCED = {  # page -> budgets as written -> as run: the quickstart takes minutes, and the paper's budget hours
    "README.md": {
        "TimeVQVAE().fit": 'TimeVQVAE({"steps": 5, "codebook_size": 16}, {"steps": 5}).fit',
        "NeuralMapper().fit": 'NeuralMapper({"steps": 5}, tau_grid=[0.1, 1], rocket={"n_kernels": 50}).fit',
        "sample(1000, rng=0)": "sample(10, rng=0)",
        "--budget 10": FIT,
    },
    "own-data.md": {"--budget 10": FIT},
    "quickstart.md": {
        'stage1={"steps": 1000}': 'stage1={"steps": 10, "codebook_size": 32}',
        'stage2={"steps": 1500}': 'stage2={"steps": 10}',
        'stage3={"steps": 1000}': 'stage3={"steps": 5}',
        "tau_grid=[0.02, 0.05, 0.1, 0.5, 1, 2, 4]": "tau_grid=[0.1, 1], rocket={'n_kernels': 100}",
        "sample(1000, rng=0)": "sample(60, rng=0)",
        'fcn={"epochs": 40}': 'fcn={"epochs": 2}, rocket={"n_kernels": 100}, protocol={"network_steps": 2}',
    },
}


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = [Block(*match) for match in FENCE.findall(page.read_text(encoding="utf-8"))]
    return [block for block in found if block.language in LANGUAGES]


def reason(page: Path, block: Block) -> str | None:
    listed = NOT_RUN.get(page.name, {})
    return next((why for start, why in listed.items() if block.text.startswith(start)), None)


def waves(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sin(np.linspace(0, 6, 16) * rng.uniform(1, 2, (n, 1))) + 0.1 * rng.standard_normal((n, 16))


def files_to_measure(folder: Path) -> None:
    """What a reader of evaluation.md has at hand."""
    for seed, name in enumerate(("real", "fake", "test", "train")):
        X, y = waves(24, seed), np.arange(24) % 2
        np.savez(folder / f"{name}.npz", X=X, y=y)
        table = pd.DataFrame(X).add_prefix("t")
        table.insert(0, "class", y)
        table.to_csv(folder / f"{name}.csv", index=False)


def files_and_arrays(folder: Path) -> dict[str, Any]:
    """What a reader of README.md has at hand."""
    files_to_measure(folder)
    pd.DataFrame(waves(40, 4)).add_prefix("t").assign(kind=["a", "b"] * 20).to_csv(folder / "own.csv", index=False)
    return {"X": waves(32, 0)[:, None], "y": np.arange(32) % 2}


SETUP: dict[str, Callable[[Path], dict[str, Any] | None]] = {
    "evaluation.md": files_to_measure,
    "README.md": files_and_arrays,
}


def run_shell(text: str, folder: Path) -> None:
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": paths, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_run_in_an_empty_folder(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "page"}
    namespace |= SETUP.get(page.name, lambda _: None)(tmp_path) or {}
    smaller = REDUCED.get(page.name, {})
    used = set()
    for block in blocks(page):
        if reason(page, block):
            continue
        text = block.text
        for written, run in smaller.items():
            if written in text:
                used.add(written)
                text = text.replace(written, run)
        if block.language == "python":
            exec(compile(text, page.name, "exec"), namespace)
        else:
            run_shell(text, tmp_path)
    assert used == set(smaller), "a budget in REDUCED stands nowhere in the page"
    if page.name == "quickstart.md":
        assert (tmp_path / "overlays.png").stat().st_size > 10_000
        assert namespace["X_new"].shape == (10, 1, 150)
        assert sorted(namespace["synthetic"]["label"].unique()) == ["finger", "gun"]


def test_reasons_are_for_blocks_that_exist() -> None:
    for name, listed in NOT_RUN.items():
        page = next(page for page in PAGES if page.name == name)
        for start in listed:
            assert any(block.text.startswith(start) for block in blocks(page)), f"{name}: no block '{start}'"


PUBLIC = [getattr(nm_vqtsg, name) for name in nm_vqtsg.__all__]
DOCUMENTED = [thing for thing in PUBLIC if ">>>" in (getattr(thing, "__doc__", None) or "")]


@pytest.mark.parametrize("thing", DOCUMENTED, ids=lambda thing: thing.__name__)
def test_examples_of_docstrings_run(thing: Any) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder(recurse=False).find(thing, thing.__name__, globs={}):
        runner.run(test)
    assert runner.tries > 2 and runner.failures == 0


def test_generators_the_mapper_and_the_evaluation_have_an_example() -> None:
    assert [thing.__name__ for thing in DOCUMENTED] == ["TimeVQVAE", "VQVAE", "NeuralMapper", "evaluate"]
    assert issubclass(nm_vqtsg.TimeVQVAE, TwoStageEstimator)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_importing_the_package_is_quick() -> None:
    """Names are loaded when they are used: neither torch nor scikit-learn comes with the package itself."""
    code = "import sys, nm_vqtsg; dir(nm_vqtsg); print(*sorted({'torch', 'sklearn', 'numpy'} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
