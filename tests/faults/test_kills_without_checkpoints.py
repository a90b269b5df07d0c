"""`kill -9` of the steps that do not train: at any moment, while a file is being written, and before one of their
operations on files. Nothing half-written has its final name, and the same command again gives the same bytes.
"""

from __future__ import annotations

import http.server
import io
import os
import random
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dying
import pytest

from nm_vqtsg.artifacts import PARTIAL_SUFFIX, load_npz

from .conftest import DATASET, LONG_S, STEPS, TRAINED, Study, same_files, wait_for

OTHERS = [step for step in STEPS if step not in TRAINED]
KILLS = 20
AT_OPERATIONS, AT_MOMENTS = 10, 5  # the others while something is being written


def with_code(study: Study, folder: Path, code: str) -> str:
    """A PYTHONPATH with which Python runs some code before anything else."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    tests = Path(dying.__file__).parent
    return os.pathsep.join(map(str, [folder, tests, study.environment()["PYTHONPATH"]]))


class Killer:
    """Kills one step again and again, always in another way."""

    def __init__(self, study: Study, step: str, folder: Path) -> None:
        self.study, self.step = study, step
        self.chance = random.Random(step)
        self._counted = folder / "counted"
        self._dying = {
            "PYTHONPATH": with_code(study, folder / "start", dying.AT_START),
            "DIE_BELOW": str(study.folder.resolve()),
            "DIE_COUNT": str(self._counted),
        }
        begun = time.monotonic()
        study.run(step, **self._dying, DIE_BEFORE="0")
        self.seconds = time.monotonic() - begun
        self.operations = int(self._counted.read_text())

    def before_operation(self, number: int) -> None:
        """Kill it before one of its operations on files."""
        process = self.study.start(self.step, **self._dying, DIE_BEFORE=str(number))
        _, errors = process.communicate(timeout=LONG_S)
        assert process.returncode == -9, f"operation {number} of {self.operations}: {errors}"

    def at_a_moment(self) -> bool:
        """Kill it at any time."""
        process = self.study.start(self.step)
        try:
            process.communicate(timeout=self.chance.uniform(0.2, 1) * self.seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        return process.returncode == -9

    def while_writing(self) -> bool:
        """Kill it when a file of its own has appeared."""
        before = len(self.study.temporary_files())
        self.study.forget(self.step)
        process = self.study.start(self.step)
        outputs = self.study.outputs(self.step)
        wait_for(
            lambda: len(self.study.temporary_files()) > before or any(path.exists() for path in outputs), process
        )
        process.kill()
        process.communicate()
        return process.returncode == -9


@pytest.mark.faults
@pytest.mark.attacks(KILLS)
@pytest.mark.parametrize("step", OTHERS)
def test_twenty_kills_of_a_step_that_does_not_train(study: Study, whole: Study, tmp_path: Path, step: str) -> None:
    expected = whole.files()
    killer = Killer(study, step, tmp_path)
    numbers = range(1, killer.operations + 1)
    assert len(numbers) >= AT_OPERATIONS, "it writes files, which takes several operations each"
    chosen = sorted(killer.chance.sample(numbers, AT_OPERATIONS))
    killed = 0
    for number in chosen:
        if killed % 2:
            study.forget(step)  # as an engine does; the other times it begins with what the last run left
        killer.before_operation(number)
        killed += 1
        check_after_a_kill(study, expected, step, again=killed % 3 == 0)
    for attempt in range(10 * KILLS):
        if killed == KILLS:
            break
        # what is quick to write is seldom caught at it
        way = (
            killer.at_a_moment if killed < AT_OPERATIONS + AT_MOMENTS or attempt > KILLS else killer.while_writing
        )
        if way():
            killed += 1
            check_after_a_kill(study, expected, step, again=killed % 3 == 0)
    assert killed == KILLS
    print(f"{step}: {killed} kills, {AT_OPERATIONS} of them before one of {killer.operations} operations on files")
    check_after_a_kill(study, expected, step, again=True)


def check_after_a_kill(study: Study, expected: Mapping[str, bytes], step: str, again: bool) -> None:
    """Whatever has a final name is whole; another run, if there is one, gives the same bytes and tidies up."""
    for name, content in study.files().items():
        if not os.path.basename(name).startswith("."):
            assert content == expected[name], f"{name} is half-written"
    if again:
        study.run(step)
        same_files(study.files(), expected)
        assert not study.temporary_files()


# ---- a download from the web

SITE = """
from nm_vqtsg.datasets import fetch
fetch.SITES["timeseriesclassification"] = fetch.Site("http://127.0.0.1:{port}/{{name}}.zip", "{{name}}.zip", False)
"""


def archive() -> bytes:
    """The data set as the site has it."""
    import sktime

    folder = Path(sktime.__file__).parent / "datasets" / "data" / DATASET
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for path in sorted(folder.glob(f"{DATASET}_T*.ts")):
            file.writestr(path.name, path.read_bytes())
    return content.getvalue()


@contextmanager
def site(content: bytes, pieces: int, pause_s: float) -> Iterator[int]:
    """A server that sends a file slowly; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                for start in range(0, len(content), -(-len(content) // pieces)):
                    self.wfile.write(content[start : start + -(-len(content) // pieces)])
                    time.sleep(pause_s)
            except ConnectionError:
                pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.faults
@pytest.mark.attacks(KILLS)
def test_twenty_kills_of_a_download_from_a_site(study: Study, whole: Study, tmp_path: Path) -> None:
    """What has arrived in part is never taken for the whole, and the next run fetches it anew."""
    chance, content = random.Random(0), archive()
    study.set({"data.source": "timeseriesclassification"})
    downloads = study.folder / "data" / "downloads"
    with site(content, pieces=20, pause_s=0.05) as port:
        changed = {"PYTHONPATH": with_code(study, tmp_path / "site", SITE.format(port=port)), "no_proxy": "*"}
        arriving = downloads / f".{DATASET}.zip{PARTIAL_SUFFIX}"
        killed, late = 0, 0
        while killed < KILLS:
            study.forget("download")
            process = study.start("download", **changed)
            wait_for(lambda: any(arriving.glob("*")), process)
            time.sleep(chance.uniform(0, 1.2))
            process.kill()
            process.communicate()
            killed += process.returncode == -9
            late += process.returncode == 0
            assert late < KILLS
            visible = [path for path in downloads.iterdir() if not path.name.startswith(".")]
            assert {path.name for path in visible} <= {f"{DATASET}.zip", f"{DATASET}.zip.sha256"}
            assert all(path.read_bytes() == content for path in visible if path.suffix == ".zip")
            assert not process.returncode or not any(path.exists() for path in study.outputs("download"))
            for path in visible:
                path.unlink()
        study.run("download", **changed)
    assert not arriving.exists()
    (raw,) = study.outputs("download")
    mine, theirs = load_npz(raw), load_npz(whole.folder / raw.relative_to(study.folder))
    assert mine.keys() == theirs.keys() and all((mine[name] == theirs[name]).all() for name in mine)
