"""The code of a step: what its digest sees, what it does not, and whether it is all that the step runs."""

import ast
import importlib
import inspect
import re
import shutil
import sys
import threading
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from nm_vqtsg.artifacts import save_npz
from nm_vqtsg.params import Params, override
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.code import PACKAGE, Definition, Sources, is_idle
from nm_vqtsg.study.graph import STEPS, TRAINED
from nm_vqtsg.study.paths import Paths

ROOT = PACKAGE.parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
KIND = "timevqvae"


def digests(package: Path = PACKAGE) -> dict[str, str]:
    sources = Sources(package)
    return {name: sources.digest(name, KIND, trains=step.trains) for name, step in STEPS.items()}


def changed(package: Path) -> set[str]:
    """Steps whose code is another in a copy of the package."""
    before, after = digests(), digests(package)
    return {step for step in STEPS if before[step] != after[step]}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__")))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file.name} no longer holds {old!r}"
    file.write_text(text.replace(old, new, 1))


class OtherWords(ast.NodeTransformer):
    """Another docstring everywhere, other annotations of functions, other words in errors and log lines."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = ast.Constant("something")
        for argument in (*node.args.args, *node.args.kwonlyargs):
            argument.annotation = ast.Constant("anything")
        return self._documented(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        return self._documented(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                part.value = f"{part.value} in other words"
        return node

    @staticmethod
    def _documented(node: Any) -> Any:
        old = ast.get_docstring(node) is not None
        node.body = [ast.Expr(ast.Constant("Other words.")), *node.body[int(old) :]]
        return node


def test_comments_docstrings_layout_and_messages_make_nothing_stale(copy: Path) -> None:
    for file in copy.rglob("*.py"):
        tree = ast.fix_missing_locations(OtherWords().visit(ast.parse(file.read_text())))
        file.write_text("# another comment\n\n\n" + ast.unparse(tree))
    assert changed(copy) == set()


def test_a_file_that_moves_makes_nothing_stale(copy: Path) -> None:
    (copy / "tokenizer" / "network.py").rename(copy / "tokenizer" / "layers_of_stage_one.py")
    for file in copy.rglob("*.py"):
        file.write_text(file.read_text().replace("tokenizer.network ", "tokenizer.layers_of_stage_one "))
    assert changed(copy) == set()


def test_the_words_of_a_log_line_make_nothing_stale(copy: Path) -> None:
    edit(copy / "steps" / "download.py", '"%s: %d series x', '"%s has %d series x')
    assert changed(copy) == set()


@pytest.mark.parametrize("step", ["resplit", "stage3", "evaluate"])
def test_every_definition_that_a_step_reaches_counts(step: str, copy: Path) -> None:
    """Each of them is changed in turn, in a tree that is parsed once."""
    trains = STEPS[step].trains
    sources = Sources(copy)
    before = sources.digest(step, KIND, trains=trains)
    for definition in sorted(sources.reached(step, KIND, trains=trains), key=str):
        statements = sources.module(definition.module).statements.get(definition.name, [])
        if not statements:  # a module that does nothing when it is imported
            continue
        kept = sources._own.pop(definition, None)
        statements.append(ast.parse("print('changed')").body[0])
        assert sources.digest(step, KIND, trains=trains) != before, definition
        statements.pop()
        sources._own[definition] = kept or sources._own[definition]
    assert Sources(copy).digest(step, KIND, trains=trains) == before


def test_another_function_of_the_same_name_counts(copy: Path) -> None:
    """The caller reads as before; only where the name comes from is another."""
    (copy / "mapper" / "other.py").write_text("def in_batches(length, *tensors):\n    yield tensors\n")
    edit(copy / "mapper" / "model.py", "from nm_vqtsg.nn.batches import", "from nm_vqtsg.mapper.other import")
    assert {"stage3", "evaluate"} <= changed(copy)


def test_another_kind_of_generator_is_other_code() -> None:
    sources = Sources()
    differ = {
        name
        for name, step in STEPS.items()
        if sources.digest(name, KIND, trains=step.trains) != sources.digest(name, "vqvae", trains=step.trains)
    }
    assert {"stage1", "stage2", "sample", "tau_search", "stage3", "evaluate", "plot"} == differ


NO_TRAINING = (
    r"session\.|errors|params\.|study\.|estimators\.|commands\.|engines\.|planning\.|tables\.|figures\.|cli|__"
    r"|.*\badvice$|evaluation\.(table|any_series|arrays)$|steps\.context$"
)


def test_what_people_read_trains_nothing() -> None:
    """Progress, logs, texts of warnings, Markdown, model cards, input checks of the user API, plans, commands."""
    sources = Sources()
    for step in TRAINED:
        for definition in sources.reached(step, KIND, trains=True):
            assert not re.match(NO_TRAINING, definition.module), f"{step} depends on {definition}"


def test_the_table_of_what_an_edit_makes_stale_is_current() -> None:
    import stale

    assert (ROOT / "docs" / "reruns.md").read_text() == stale.page(), "run python scripts/stale.py"


# ---- what the steps really run


SMALL = (
    "seeds=[0]",
    "tau_grid=[0.1, 0.5]",
    "fcn.epochs=2",
    *(f"stage{stage}.{key}" for stage in (1, 2, 3) for key in ("steps=4", "batch_size=8")),
    "stage1.codebook_size=16",
    "stage1.last_width=16",
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
    "plot.n_points=10",
)


class Calls:
    """Functions of the package that are called inside the block, each as the top-level name that holds it.

    What modules call that change no result is not looked at, such as the check of a file's header by the context.
    """

    def __init__(self) -> None:
        self.seen: set[Definition] = set()
        self._names: dict[str, dict[int, str]] = {}

    def __enter__(self) -> "Calls":
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        body = not code.co_flags & inspect.CO_OPTIMIZED  # of a class or a module, which is no call
        if event != "call" or body:
            return
        module = _module(frame)
        if module is None:
            return
        caller = frame.f_back
        while caller is not None:
            if (above := _module(caller)) is not None and is_idle(above, trains=False):
                return
            caller = caller.f_back
        self.seen.add(Definition(module, self._top(code.co_filename).get(code.co_firstlineno, "")))

    def _top(self, file: str) -> dict[int, str]:
        if file not in self._names:
            lines: dict[int, str] = {}
            for node in ast.parse(Path(file).read_text()).body:
                first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
                targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
                name = getattr(node, "name", None) or getattr(targets[0], "id", "")
                lines |= dict.fromkeys(range(first, (node.end_lineno or first) + 1), name)
            self._names[file] = lines
        return self._names[file]


def _module(frame: FrameType) -> str | None:
    """The module of this package that a frame runs in."""
    file = frame.f_code.co_filename
    if not file.startswith(str(PACKAGE)):
        return None
    return ".".join(Path(file).relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[Definition]]:
    """What each step calls on a small data set of the user's, with labels."""
    study = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = np.sin(np.arange(30) * (1 + y[:, None]) / 3 + rng.uniform(0, 6, (60, 1))) + rng.normal(0, 0.1, (60, 30))
    save_npz(study / "own.npz", X=X, y=y)
    start = Params.model_validate({"own_data": {"mine": {"path": "own.npz"}}, "datasets": ["mine"]}, strict=False)
    params = override(start, SMALL)
    for module in Sources().modules:  # what runs at import is no call of a step
        if module not in ("__main__", "estimators.authors"):
            importlib.import_module(f"{PACKAGE.name}.{module}".rstrip("."))
    seen: dict[str, set[Definition]] = defaultdict(set)
    for name, step in STEPS.items():
        dataset, seed = ("" if step.scope == "study" else "mine"), (0 if step.scope == "seed" else None)
        context = StepContext(name, params, Paths(study, dataset, seed), device="cpu", progress="none")
        run = importlib.import_module(f"nm_vqtsg.steps.{name}").run
        with Calls() as traced:
            run(context)
        seen[name] = traced.seen
    return seen


@pytest.mark.parametrize("step", STEPS)
def test_a_step_runs_no_code_that_does_not_count(step: str, calls: dict[str, set[Definition]]) -> None:
    trains = STEPS[step].trains
    reached = Sources().reached(step, KIND, trains=trains)
    unseen = {d for d in calls[step] if d not in reached and not is_idle(d.module, trains=trains)}
    assert not unseen, f"{step} ran {', '.join(sorted(map(str, unseen)))}"
    assert len(calls[step]) > 3, "nothing was traced"
