"""docs/generators.md: its generator is trained on, and its fourth kind runs a study as one new file."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.params import Params, as_yaml, override
from nm_vqtsg.study.code import Sources
from nm_vqtsg.study.graph import STEPS
from nm_vqtsg.study.paths import Paths

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "generators.md").read_text(), re.M | re.S)
CHANGES = (
    "seeds=[0]",
    "tau_grid=[0.1, 0.5]",
    *(f"stage{stage}.{key}" for stage in (1, 2, 3) for key in ("steps=4", "batch_size=8")),
    "stage1.codebook_size=16",
    "stage1.last_width=16",
    "stage2.lf={width: 16, depth: 1, heads: 1}",
    "stage3.multipliers=[1, 2]",
    "sample.n_samples=16",
    "sample.steps=2",
    "rocket.n_kernels=20",
)
# The steps, in order, as the command line runs them; without `plot`, which takes most of the time.
DRIVER = """
from pathlib import Path
from nm_vqtsg.commands.step_command import run_step
from nm_vqtsg.study.graph import STEPS
for step, scope in ((name, step.scope) for name, step in STEPS.items()):
    if step != "plot":
        dataset, seed = ("" if scope == "study" else "Mine"), (0 if scope == "seed" else None)
        run_step(step, Path(), dataset, seed, device="cpu", progress="none")
"""


def test_a_generator_of_thirty_lines_serves_the_mapper() -> None:
    names: dict = {}
    exec(compile(BLOCKS[0], "docs/generators.md", "exec"), names)
    mapped = names["mapper"].transform(names["X_hat"])
    assert mapped.shape == (5, 1, 32) and np.isfinite(mapped).all()


def test_a_fourth_kind_is_one_file_and_runs_a_study(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "src/nm_vqtsg/tokenizer/kinds/trend.py").write_text(BLOCKS[1])

    X = np.random.default_rng(0).standard_normal((48, 1, 32)).cumsum(-1)
    np.savez(tmp_path / "mine.npz", X=X)
    own = Params.model_validate({"own_data": {"Mine": {"path": "mine.npz"}}, "datasets": ["Mine"]}, strict=False)
    text = as_yaml(override(own, CHANGES)).replace("generator: timevqvae", "generator: trend")
    (tmp_path / "params.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "src"), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    paths = Paths(tmp_path, "Mine", 0)
    assert load_json(paths.report(1))["generator"] == "trend"
    assert set(load_json(paths.report(1))["usage"]) == {"trend", "rest"}
    assert load_json(paths.metrics)["mapped"]["rocket_fid"] > 0

    kind = tmp_path / "src/nm_vqtsg/tokenizer/kinds/trend.py"
    before = codes(tmp_path)
    kind.write_text(BLOCKS[1].replace("stride=1", "stride=2"))  # an edit reruns the study from stage 1 on
    changed = {step for step, code in codes(tmp_path).items() if code != before[step]}
    assert changed == {"stage1", "stage2", "sample", "tau_search", "stage3", "evaluate", "plot"}


def codes(folder: Path) -> dict[str, str]:
    """Digest of the code of each step in a study of the kind `trend`."""
    sources = Sources(folder / "src" / "nm_vqtsg")
    return {name: sources.digest(name, "trend", trains=step.trains) for name, step in STEPS.items()}
