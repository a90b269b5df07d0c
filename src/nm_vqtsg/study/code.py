"""The code that a step runs, as a digest of what it does.

A step's code is its function ``run`` and every function, class and value of this package that is named there, in
what is named there, and so on. Of each the syntax tree counts. So comments, layout, docstrings, annotations and
the words of errors and log lines do not count, nor does the file in which something stands. A test runs the steps
and holds every function that was called against this.
"""

import ast
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

IDLE = {
    "errors": "what is said when a step fails",
    "params": "the values are dependencies themselves",
    "session": "what surrounds a computation and changes no result",
    "study": "what depends on what",
    "steps.context": "hands a step its parameters, files and surroundings",
    "__init__": "the names for users, the version",
}
"""Modules and rooms that change no result."""

IDLE_IN_TRAINING = ("advice",)
"""Modules of these names word warnings from the numbers of a training, so they change no trained network."""

REGISTRY, KINDS = "tokenizer.registry", "tokenizer.kinds"
"""The module that imports a kind of generator by its name, and the package that holds the kinds."""

_ROUNDS = 4  # of mixing digests of neighbours; one tells apart what is named alike, more is caution
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log", "warn"}


@dataclass(frozen=True)
class Definition:
    """A name that a module defines, or (without a name) what it does when it is imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass
class Module:
    """What a module defines and imports.

    Attributes
    ----------
    statements : dict
        Name to the statements that bind it; under the empty name all that does something else.
    imports : dict
        Name to (module, name in it or None for the module itself), of this package alone.
    """

    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str | None]] = field(default_factory=dict)


class Sources:
    """The modules of the package, read when they are first asked for.

    Parameters
    ----------
    package : Path
        Folder of the package.
    """

    def __init__(self, package: Path = PACKAGE) -> None:
        self.package = package
        self._modules: dict[str, Module] = {}
        self._links: dict[Definition, dict[str, tuple[Definition, ...]]] = {}
        self._own: dict[Definition, str] = {}

    def digest(self, step: str, generator: str, *, trains: bool) -> str:
        """Digest of the code of a step, 32 hexadecimal digits.

        Parameters
        ----------
        step : str
            Its name.
        generator : str
            The study's kind of generator, whose file counts for the steps that use it.
        trains : bool
            Whether it trains, so that the words of warnings do not count.
        """
        reached = self.reached(step, generator, trains=trains)
        current = {definition: self._own_digest(definition) for definition in reached}
        for _ in range(_ROUNDS):
            current = {
                definition: _sha(
                    current[definition],
                    *sorted(
                        f"{name} {current[target]}"
                        for name, targets in self._named(definition).items()
                        for target in targets
                        if target in current
                    ),
                )
                for definition in reached
            }
        return _sha(*sorted(current.values()))[:32]

    def reached(self, step: str, generator: str, *, trains: bool) -> set[Definition]:
        """The definitions that a step uses."""
        pending = [Definition(f"steps.{step}", "run")]
        seen: set[Definition] = set()
        while pending:
            definition = pending.pop()
            if definition in seen or is_idle(definition.module, trains=trains):
                continue
            seen.add(definition)
            pending += [target for targets in self._named(definition).values() for target in targets]
            pending.append(Definition(definition.module, ""))
            if definition.module == REGISTRY:
                pending += self._everything(f"{KINDS}.{generator}")
        return seen

    def module(self, name: str) -> Module:
        """What a module, named without the package, defines and imports."""
        if name not in self._modules:
            tree = ast.parse(self.path(name).read_text(encoding="utf-8"))
            self._modules[name] = _survey(tree.body)
        return self._modules[name]

    def path(self, module: str) -> Path:
        """The file of a module."""
        base = self.package.joinpath(*module.split("."))
        return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")

    def _everything(self, module: str) -> list[Definition]:
        own = self.module(module)
        imported = [target for name in own.imports for target in self._resolve(module, name)]
        return [*(Definition(module, name) for name in own.statements), *imported]

    def _resolve(self, module: str, name: str) -> tuple[Definition, ...]:
        """What a name stands for in a module; nothing where it is not of this package."""
        own = self.module(module)
        if name in own.statements:
            return (Definition(module, name),)
        return self._imported(own.imports[name]) if name in own.imports else ()

    def _imported(self, source: tuple[str, str | None]) -> tuple[Definition, ...]:
        module, name = source
        if name is not None and self.path(inner := f"{module}.{name}".lstrip(".")).is_file():
            module, name = inner, None
        return tuple(self._everything(module)) if name is None else self._resolve(module, name)

    def _named(self, definition: Definition) -> dict[str, tuple[Definition, ...]]:
        """What a definition names: name to definitions."""
        if definition not in self._links:
            links: dict[str, set[Definition]] = defaultdict(set)
            for statement in self.module(definition.module).statements.get(definition.name, []):
                for node in _walk(statement):
                    if isinstance(node, ast.Name):
                        links[node.id].update(self._resolve(definition.module, node.id))
                    elif isinstance(node, ast.ImportFrom | ast.Import):  # inside a function
                        for name, source in _package_imports(node):
                            links[name].update(self._imported(source))
            links.pop(definition.name, None)
            self._links[definition] = {name: tuple(targets) for name, targets in links.items() if targets}
        return self._links[definition]

    def _own_digest(self, definition: Definition) -> str:
        if definition not in self._own:
            words: list[str] = []
            for statement in self.module(definition.module).statements.get(definition.name, []):
                _spell(statement, words, quiet=False)
            self._own[definition] = _sha(*words)
        return self._own[definition]

    @cached_property
    def modules(self) -> list[str]:
        """Names of all modules, without the package's own."""
        relative = (path.relative_to(self.package).with_suffix("") for path in self.package.rglob("*.py"))
        return sorted(".".join(path.parts).removesuffix(".__init__") for path in relative)


def is_idle(module: str, *, trains: bool) -> bool:
    """Whether a module changes no result of a step; `trains` says whether the step trains."""
    if any(module == idle or module.startswith(f"{idle}.") for idle in IDLE):
        return True
    return trains and module.rpartition(".")[2] in IDLE_IN_TRAINING


def _survey(body: Iterable[ast.stmt]) -> Module:
    module = Module()
    for number, statement in enumerate(body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            module.imports |= dict(_package_imports(statement))
        elif _is_typing(statement) or (number == 0 and _is_text(statement)):
            continue
        else:
            names = _bound(statement)
            for name in names or [""]:
                module.statements.setdefault(name, []).append(statement)
    module.statements.pop("__all__", None)
    return module


def _bound(statement: ast.stmt) -> list[str]:
    """Names that a statement binds and does nothing else but bind; none if it does."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    names = []
    for target in targets:
        parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        if not all(isinstance(part, ast.Name) for part in parts):
            return []
        names += [part.id for part in parts if isinstance(part, ast.Name)]
    return names


def _is_typing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _package_imports(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, str | None]]]:
    root = PACKAGE.name
    if isinstance(statement, ast.ImportFrom):
        module = statement.module or ""
        if module == root or module.startswith(f"{root}."):
            for alias in statement.names:
                yield alias.asname or alias.name, (module.removeprefix(root).lstrip("."), alias.name)
        return
    for alias in statement.names:
        if alias.name.startswith(f"{root}."):
            yield alias.asname or root, (alias.name.removeprefix(f"{root}."), None)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below, but for annotations of functions and what is for type checkers alone."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns") and not isinstance(node, ast.AnnAssign):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not (isinstance(child, ast.stmt) and _is_typing(child)):
                yield from _walk(child)


def _spell(value: object, words: list[str], *, quiet: bool) -> None:
    """A tree as words that are the same in every version of Python; `quiet` leaves texts out."""
    if isinstance(value, list):
        words.append("[")
        for item in value:
            if not (isinstance(item, ast.stmt) and (_is_text(item) or _is_typing(item))):
                _spell(item, words, quiet=quiet)
        words.append("]")
    elif quiet and (isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and value.kind is None)):
        words.append("text" if isinstance(value, ast.JoinedStr | ast.Constant) else "")
    elif isinstance(value, ast.AST):
        quiet = quiet or isinstance(value, ast.Raise) or _logs(value)
        words.append(type(value).__name__)
        for name, item in ast.iter_fields(value):
            if name in ("annotation", "returns") and not isinstance(value, ast.AnnAssign):
                continue
            if name in ("type_comment", "kind") or (item in (None, []) and name != "value"):
                continue  # a later Python may know more fields, which are empty here
            words.append(name)
            _spell(item, words, quiet=quiet)
    else:
        words.append(f"{type(value).__name__} {value!r}")


def _logs(node: ast.AST) -> bool:
    """Whether a statement is a line for a log, such as ``ctx.log.info(...)`` or ``logger.warning(...)``."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    called = node.value.func
    if not isinstance(called, ast.Attribute) or called.attr not in _LEVELS:
        return False
    owner = called.value.attr if isinstance(called.value, ast.Attribute) else ast.unparse(called.value)
    return owner in ("log", "logger", "warnings") or owner.startswith("logging.getLogger")


def _sha(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
