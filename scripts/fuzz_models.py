"""Fuzzing of saved models: a generator's folder with its mapper and scores, and a judge, damaged at random.

    make fuzz                                                   # ten minutes
    python scripts/fuzz_models.py -max_total_time=60 -seed=5    # one, from another start

Damage is done where it gets past the parsers: to fields of headers and of JSON, to tensors, to the tables of
.safetensors files, to bytes, and to what a path leads to. What comes back must be refused in one line, or work and
give finite numbers, within seconds and without the memory that a header asks for. Every case is a number, from
which it can be made again; a crash leaves that number and its traceback in a file ``crash-models-NUMBER``.
"""

import copy
import json
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nm_vqtsg import NeuralMapper, TimeVQVAE, load_generator
from nm_vqtsg.errors import UserError
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.params import Fcn
from nm_vqtsg.session import Session

LENGTH = 24
JUDGE, METRICS, DESCRIPTION = "fcn.safetensors", "metrics.json", "generator.json"
MODELS = ("stage1.safetensors", "stage2.safetensors", "mapper.safetensors", JUDGE)
PATIENCE_S = 20  # a case takes a tenth of a second
MEMORY = 4 * 2**30  # bytes beyond what the process has at its start

Damage = Callable[[Path, random.Random], str]

VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        2,
        -1,
        3,
        7,
        8,
        16,
        64,
        2**16,
        2**20,
        2**31,
        2**53,
        2**63,
        10**9,
        10**12,
        -(10**12),
    ),
    *(10**400, 0.0, -0.0, 0.5, 1.5, -1e-9, 1e-320, 1e30, 1e300, float("nan"), float("inf"), float("-inf")),
    *(
        "",
        "x",
        "0",
        "1e5",
        "lf",
        "hf",
        "fcn",
        "prior",
        "mapper",
        "tokenizer",
        "timevqvae",
        "vqvae",
        "../x",
        "a" * 5000,
    ),
    *("\x1b[2J", "\u202e", "a\nb", "'; rm -rf /", "```", "|", "\ud800"),
    *([], [1], [0, 0], [-1, 2], ["x"], [[]], [[1, 2], [3, 4]], [1] * 1000, [None], [1e300], {}, {"x": 1}),
]
"""What takes the place of a sound value."""


def make_sound(folder: Path) -> None:
    """A small generator with mapper, scores and judge, trained for a few steps."""
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    X = np.sin(np.arange(LENGTH) * (0.3 + 0.5 * y[:, None]) + rng.uniform(0, 6, (24, 1)))[:, None]
    size = {"steps": 3, "batch_size": 8}
    transformers = {"lf": {"width": 16, "depth": 1, "heads": 2}, "hf": {"width": 8, "depth": 1, "heads": 1}}
    first = {**size, "codebook_size": 16, "last_width": 16, "code_dim": 4}
    options: dict[str, Any] = {"progress": False, "device": "cpu"}
    model = TimeVQVAE(first, {**size, **transformers}, **options).fit(X, np.where(y, "fast", "slow"))
    scores = {"n": {"generated": 5, "test": 4}, "baseline": {"rocket_fid": 0.25}, "mapped": {"rocket_fid": 0.125}}
    more: dict[str, Any] = {"intervals": {}, "missing": {"fid": "no labels"}, "amplitude": {}}
    model.save(folder, data="waves", metrics={**scores, **more})
    NeuralMapper({**size, "width": 8, "multipliers": (1, 2)}, tau=0.3, **options).fit(model, X).save(folder)
    judge = Judge(Fcn(epochs=1, batch_size=16), 1, 2)
    judge.fit(X.astype(np.float32), y, Session())
    judge.save(folder / JUDGE)


# ---- what is done to the files


def bytes_of(path: Path) -> bytes:
    """What a file holds, which an earlier damage may have exchanged for something else."""
    if not path.is_file():
        raise OSError(f"{path}: is no file")
    return path.read_bytes()


def read_model(path: Path) -> tuple[dict[str, Any], bytes]:
    """The table of a .safetensors file, and what follows it."""
    content = bytes_of(path)
    (n,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + n]), content[8 + n :]


def write_model(path: Path, table: Any, data: bytes) -> None:
    """The counterpart of `read_model`, for tables of any kind."""
    text = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything inside a JSON value."""
    items: Any = ()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def change(value: Any, path: tuple[Any, ...], act: Callable[[Any, Any], None]) -> None:
    """`act` on what holds the place that `path` leads to, and its key."""
    for key in path[:-1]:
        value = value[key]
    act(value, path[-1])


def damage_json(value: Any, source: random.Random) -> str:
    """Change one place of a JSON value, and say how."""
    path = source.choice(list(places(value)))
    new = copy.deepcopy(source.choice(VALUES))
    how = source.randrange(8)

    def act(holder: Any, key: Any) -> None:
        if how == 0:
            del holder[key]
        elif how == 1 and isinstance(holder, dict):
            holder[source.choice(["x", "steps", "kind", "\x1b", ""])] = new
        elif how == 2:
            old = holder[key]
            for _ in range(source.choice([1, 5, 3000])):
                old = [old]
            holder[key] = old
        elif how == 3 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = holder[key] * source.choice([2, 10, -1, 0.5, 1000]) + source.choice([0, 1, -1])
        elif how == 4 and isinstance(holder[key], list) and holder[key]:
            holder[key] = holder[key] * source.choice([2, 3]) if source.random() < 0.5 else holder[key][:-1]
        else:
            holder[key] = new

    change(value, path, act)
    return f"{'.'.join(map(str, path))}: {how}, {str(new)[:40]!r}"


def damage_description(folder: Path, source: random.Random) -> str:
    """Change a field of a JSON file."""
    path = folder / source.choice([DESCRIPTION, DESCRIPTION, METRICS])
    value = json.loads(bytes_of(path))
    said = damage_json(value, source)
    path.write_text(json.dumps(value))
    return f"{path.name}: {said}"


def damage_header(folder: Path, source: random.Random) -> str:
    """Change a field of a model's header."""
    path = folder / source.choice(MODELS)
    table, data = read_model(path)
    header = json.loads(table["__metadata__"]["config"])
    said = damage_json(header, source)
    table["__metadata__"]["config"] = json.dumps(header)
    write_model(path, table, data)
    return f"{path.name}: {said}"


def damage_table(folder: Path, source: random.Random) -> str:
    """Change the table of tensors itself: names, types, shapes, places."""
    path = folder / source.choice(MODELS)
    table, data = read_model(path)
    if source.random() < 0.5:
        said = damage_json(table, source)
    else:
        one, other = source.sample([name for name in table if name != "__metadata__"], 2)
        table[one], table[other] = table[other], table[one]
        said = f"{one} <-> {other}"
    write_model(path, table, data)
    return f"{path.name}: {said}"


def damage_tensor(folder: Path, source: random.Random) -> str:
    """Change numbers of a tensor."""
    path = folder / source.choice(MODELS)
    table, data = read_model(path)
    name = source.choice([name for name in table if name != "__metadata__"])
    start, end = table[name]["data_offsets"]
    values, types = bytearray(data), {"F32": np.float32, "I64": np.int64}
    dtype = types.get(table[name]["dtype"], np.uint8)
    part = np.frombuffer(data[start:end], dtype).copy()
    new = source.choice([np.nan, np.inf, -1, 0, 1, 1e30, -1e30, 3e38, 1e-40, 255])
    if part.size:
        rows = slice(None) if source.random() < 0.5 else slice(source.randrange(part.size), None)
        with np.errstate(all="ignore"):
            part[rows] = np.float64(new).astype(dtype)
    values[start:end] = part.tobytes()
    write_model(path, table, bytes(values))
    return f"{path.name}: {name} = {new}"


def damage_bytes(folder: Path, source: random.Random) -> str:
    """Flip, insert, cut or double bytes of any file."""
    path = folder / source.choice([*MODELS, DESCRIPTION, METRICS])
    content = bytearray(bytes_of(path))
    place, how = source.randrange(len(content)), source.randrange(4)
    if source.random() < 0.7:
        place = place % 600  # where tables and headers are
    if how == 0:
        content[place] ^= 1 << source.randrange(8)
    elif how == 1:
        content[place:place] = source.randbytes(source.choice([1, 8, 64]))
    elif how == 2:
        del content[place:]
    else:
        content[place:place] = content[place : place + source.choice([1, 16, 4096])]
    path.write_bytes(bytes(content))
    return f"{path.name}: bytes {how} at {place}"


PATHS = ("gone", "folder", "pipe", "loop", "nowhere", "device", "empty", "other")


def replace(path: Path, how: str, other: Path) -> None:
    """Put something else where a file was; "other" is another file."""
    bytes_of(path), path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how in ("loop", "nowhere", "device"):
        path.symlink_to({"loop": path.name, "nowhere": "nowhere", "device": "/dev/zero"}[how])
    elif how == "other":
        shutil.copy(other, path)
    elif how == "empty":
        path.touch()


def damage_path(folder: Path, source: random.Random) -> str:
    """Put something else where a file was."""
    path, other = (folder / name for name in source.sample([*MODELS, DESCRIPTION, METRICS], 2))
    how = source.choice(PATHS)
    replace(path, how, other)
    return f"{path.name}: {how}"


DAMAGES: tuple[Damage, ...] = (
    *(damage_header, damage_header, damage_description, damage_description),
    *(damage_tensor, damage_table, damage_bytes, damage_path),
)


# ---- what is asked of what is left


def use(folder: Path) -> Counter[str]:
    """Read and use everything in a folder; count what was refused and what worked, by part.

    Raises
    ------
    Exception
        Whatever else than a `UserError` comes about, or numbers that are not finite.
    """
    answers: Counter[str] = Counter()
    X = np.sin(np.arange(LENGTH) / 3)[None, None].repeat(2, 0)

    def generator() -> None:
        model = load_generator(folder, device="cpu", progress=False)
        drawn = model.sample(2, seed=0)
        assert np.isfinite(drawn).all() and len(drawn) == 2
        if len(model.classes_):
            assert np.isfinite(model.sample(1, model.classes_[-1])).all()
        assert np.isfinite(model.reconstruct(drawn)).all()
        with tempfile.TemporaryDirectory() as other:
            model.save(other)

    def mapper() -> None:
        model = NeuralMapper.load(folder, device="cpu", progress=False)
        assert np.isfinite(model.transform(X)).all()
        model.save(folder)  # writes the card anew, from all files of the folder

    def judge() -> None:
        features, probabilities = Judge.load(folder / JUDGE).features_and_probabilities(X.astype(np.float32))
        assert np.isfinite(features).all() and np.isfinite(probabilities).all()

    for part in (generator, mapper, judge):
        try:
            part()
        except UserError as error:
            assert "\n" not in str(error), "a message is one line"
            answers[f"{part.__name__} refused"] += 1
        else:
            answers[f"{part.__name__} worked"] += 1
    return answers


def run_case(number: int, sound: Path) -> tuple[list[str], Counter[str]]:
    """Damage a copy of the sound folder as `number` says, and use it: what was done, and the answers."""
    source = random.Random(number)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(sound, Path(place) / "model"))
        done = []
        for _ in range(source.choice([1, 1, 1, 2, 3])):
            try:
                done.append(source.choice(DAMAGES)(folder, source))
            except (
                OSError,
                ValueError,
                KeyError,
                TypeError,
                IndexError,
                struct.error,
                OverflowError,
                RecursionError,
            ):
                continue  # what was done before leaves nothing to do this to
        try:
            return done, use(folder)
        except BaseException as error:
            error.add_note(f"case {number}: {'; '.join(done)}")
            raise


@contextmanager
def bounded(seconds: int, memory: int) -> Iterator[None]:
    """Inside the block too long a call, and too much memory, are errors."""

    def out_of_time(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    handler = signal.signal(signal.SIGALRM, out_of_time)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + memory, before[1]))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def main(max_total_time: float, seed: int, prefix: str) -> int:
    """Run cases until the time is up; the number of crashes."""
    answers: Counter[str] = Counter()
    crashes, number, start = 0, seed, time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        sound = Path(place)
        make_sound(sound)
        assert not any("refused" in answer for answer in use(sound)), "the sound folder works"
        with bounded(PATIENCE_S, MEMORY):
            while time.monotonic() - start < max_total_time:
                signal.alarm(PATIENCE_S)
                try:
                    answers += run_case(number, sound)[1]
                except Exception as error:
                    crashes += 1
                    kept = Path(f"{prefix}crash-models-{number}")
                    kept.write_text("".join(traceback.format_exception(error)))
                    print(f"{kept}: {type(error).__name__}: {error} {getattr(error, '__notes__', '')}", flush=True)
                number += 1
    seconds = time.monotonic() - start
    print(f"{crashes} crashes: {dict(sorted(answers.items()))}")
    print(f"Done {number - seed} runs in {seconds:.0f} second(s)")  # as libFuzzer says it
    return crashes


if __name__ == "__main__":
    options = dict(argument.lstrip("-").split("=", 1) for argument in sys.argv[1:])
    crashed = main(
        float(options.get("max_total_time", 60)), int(options.get("seed", 0)), options.get("artifact_prefix", "")
    )
    sys.exit(1 if crashed else 0)
