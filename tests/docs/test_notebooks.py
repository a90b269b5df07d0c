"""The notebooks run in a kernel of their own, from the first cell to the last, and hold no outputs."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from finished_run import finished_run
from nbclient import NotebookClient
from nbformat import NotebookNode

from nm_vqtsg.params import Params, as_yaml

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
REDUCED = {  # budgets as written -> as run in the quick tests
    "test_size=400": "train_size=40, test_size=60",
    'stage1={"steps": 300}': 'stage1={"steps": 5, "codebook_size": 16}',
    'stage2={"steps": 400}': 'stage2={"steps": 5}',
    'stage3={"steps": 200}, tau_grid=[0.02, 0.1, 0.5, 2]': 'stage3={"steps": 5}, tau=0.1',
    "sample(500, rng=0)": "sample(60, rng=0)",
    'fcn={"epochs": 20}': 'fcn={"epochs": 2}, rocket={"n_kernels": 50}',
    '"bootstrap": 20, "network_steps": 20': '"bootstrap": 2, "network_steps": 2',
}


def read(name: str) -> NotebookNode:
    return nbformat.read(FOLDER / name, as_version=4)


def run(notebook: NotebookNode, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run all cells in `folder`; all that they printed and showed, pictures by their type."""
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent / "src"))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=resources).execute(env=dict(os.environ))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [output.get("text", "") for output in outputs]
    shown += [text for output in outputs for kind, text in output.get("data", {}).items() if kind == "text/plain"]
    shown += [kind for output in outputs for kind in output.get("data", {}) if kind != "text/plain"]
    return "\n".join(shown)


def substitute(notebook: NotebookNode, changes: dict[str, str]) -> None:
    for before, after in changes.items():
        cells = [cell for cell in notebook.cells if cell.cell_type == "code" and before in cell.source]
        assert cells, f"no cell holds {before}"
        for cell in cells:
            cell.source = cell.source.replace(before, after)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_git_holds_no_outputs(path: Path) -> None:
    for cell in read(path.name).cells:
        assert cell.cell_type == "markdown" or (not cell.outputs and cell.execution_count is None)
        for target in re.findall(r"\]\(([^)#]+)\)", cell.source if cell.cell_type == "markdown" else ""):
            assert "://" in target or (FOLDER / target).exists() or (FOLDER / f"{target}.md").exists(), target


def check_own_data(shown: str, folder: Path) -> None:
    assert shown.count("image/png") == 2 and "closer_to_train" in shown and "winter" in shown
    assert (folder / "own-data" / "report.html").stat().st_size > 100_000
    assert len((folder / "own-data" / "synthetic.csv").read_text().splitlines()) == 101
    assert (folder / "own-data" / "model" / "mapper.safetensors").is_file()


def test_own_data_with_small_budgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = read("own_data.ipynb")
    substitute(notebook, REDUCED)
    check_own_data(run(notebook, tmp_path, monkeypatch), tmp_path)


@pytest.mark.engines
def test_own_data_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_own_data(run(read("own_data.ipynb"), tmp_path, monkeypatch), tmp_path)


def test_the_paper_s_figures_of_a_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished_run(tmp_path, channels=1, labelled=True)
    (tmp_path / "params.yaml").write_text(as_yaml(Params()))
    notebook = read("paper_figures.ipynb")
    substitute(
        notebook, {'ROOT / "studies" / "demo", "ItalyPowerDemand", 0': f'Path({str(tmp_path)!r}), "Toy", 0'}
    )
    shown = run(notebook, FOLDER, monkeypatch)
    assert shown.count("image/png") == 6 and "40 series of TEST, 20 samples, 24 values each" in shown


def test_a_study_that_is_not_there_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = read("paper_figures.ipynb")
    substitute(notebook, {'ROOT / "studies" / "demo"': f"Path({str(tmp_path)!r})"})
    with pytest.raises(Exception, match="run make demo in"):
        run(notebook, FOLDER, monkeypatch)
