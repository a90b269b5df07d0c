"""Our records, digests and stores against DVC's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.rwlock import rwlock
from dvc.stage.cache import _get_cache_hash
from dvc.utils.serialize import load_yaml

from nm_vqtsg.engines.job import run_stage
from nm_vqtsg.engines.lock import EngineBusyError, EngineLock
from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.engines.records import Digests, ingredients, products, stale_stages
from nm_vqtsg.engines.snake import Study
from nm_vqtsg.engines.store import Store, _digest, read_lock, update_lock
from nm_vqtsg.errors import UserError
from nm_vqtsg.study.fingerprint import Fingerprint
from nm_vqtsg.yaml12 import dump_yaml, read_yaml

DEFINITION = """
stages:
  first:
    foreach: ${names}
    do:
      cmd: mkdir -p out && cat source ${item}.txt > out/${item} && date >> ran
      deps: [source, '${item}.txt']
      params: [first]
      outs: ['out/${item}']
  second:
    cmd: cat out/a out/b > whole && cp whole copy && date >> ran
    deps: [out/a, out/b, code]
    params: [second.depth]
    outs:
      - copy
    metrics:
      - whole: {cache: false}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A pipeline of three quick stages."""
    Repo.init(str(tmp_path), no_scm=True)
    (tmp_path / "dvc.yaml").write_text(DEFINITION)
    (tmp_path / "params.yaml").write_text("names: [a, b]\nfirst: {rate: 5e-3}\nsecond: {depth: 1}\n")
    (tmp_path / ".dvcignore").write_text("__pycache__\n")
    for name in ("a.txt", "b.txt", "source", "code/one.py", "code/deep/two.py", "code/__pycache__/one.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"this is {name}\n")
    return tmp_path


def run_all(project: Path) -> None:
    for name in Pipeline(project).stages:
        assert run_stage(project, name) == 0


def times_run(project: Path) -> int:
    return len((project / "ran").read_text().splitlines())


def study(project: Path) -> Study:
    return Study(project, ancient=str)


def test_what_we_commit_is_what_dvc_commits(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    run_all(project)
    assert study(project).commit() == 3
    with Repo(str(project)) as repo:
        assert repo.status() == {}
        ours = load_yaml(project / "dvc.lock")
        (project / "dvc.lock").unlink()
        repo.commit(force=True)
    assert load_yaml(project / "dvc.lock") == ours


def test_dvc_finds_our_runs_in_its_run_cache(project: Path) -> None:
    """After a kill nothing is in dvc.lock; DVC restores the finished stages without running them."""
    run_all(project)
    for name in ("out/a", "out/b", "whole", "copy"):
        (project / name).unlink()
    before = times_run(project)
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=project, check=True)
    assert (project / "whole").is_file()
    assert times_run(project) == before
    assert study(project).due == set()


def test_we_find_dvcs_runs_in_its_run_cache(project: Path) -> None:
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=project, check=True)
    before = times_run(project)
    assert study(project).due == set()
    for name in ("out/a", "out/b", "whole", "copy", "dvc.lock"):
        (project / name).unlink()
    run_all(project)
    assert times_run(project) == before
    study(project).commit()
    with Repo(str(project)) as repo:
        assert repo.status() == {}


def test_run_cache_names_are_dvcs(project: Path) -> None:
    run_all(project)
    record = next(iter(study(project)._settled(Digests(), Fingerprint(project)).values()))
    assert _digest(record) == _get_cache_hash(json.loads(json.dumps(record)))


def test_what_is_due(project: Path) -> None:
    assert study(project).due == {"first@a", "first@b", "second"}
    run_all(project)
    study(project).commit()
    assert study(project).due == set()
    (project / "a.txt").write_text("another\n")
    assert study(project).due == {"first@a", "second"}
    (project / "a.txt").write_text("this is a.txt\n")
    assert study(project).due == set()
    (project / "code/deep/two.py").write_text("edited\n")
    assert study(project).due == {"second"}


def test_one_and_one_point_nought_are_the_same(project: Path) -> None:
    run_all(project)
    study(project).commit()
    (project / "params.yaml").write_text("names: [a, b]\nfirst: {rate: 0.005}\nsecond: {depth: 1.0}\n")
    assert study(project).due == set()
    (project / "params.yaml").write_text("names: [a, b]\nfirst: {rate: 0.005}\nsecond: {depth: 2}\n")
    assert study(project).due == {"second"}


def test_missing_files_stand_for_themselves_and_wrong_ones_do_not(project: Path) -> None:
    run_all(project)
    study(project).commit()
    (project / "out/a").unlink()
    assert study(project).due == set()
    (project / "out/a").write_text("half of i")
    assert study(project).due == {"first@a", "second"}


def test_commit_blesses_nothing_that_no_run_made(project: Path) -> None:
    run_all(project)
    (project / "whole").write_text("by hand\n")
    assert study(project).commit() == 2
    assert "second" in study(project).due
    assert "second" not in read_lock(project)


def test_a_stage_whose_code_changes_while_it_runs_is_not_recorded(project: Path) -> None:
    text = (
        (project / "dvc.yaml")
        .read_text()
        .replace("cat out/a out/b > whole", "cat out/a out/b > whole; echo x >> code/one.py")
    )
    (project / "dvc.yaml").write_text(text)
    run_all(project)
    assert "second" in study(project).due
    assert study(project).commit() == 2


def test_a_failed_stage_gives_its_status_and_no_record(project: Path) -> None:
    (project / "dvc.yaml").write_text(
        (project / "dvc.yaml").read_text().replace("cat source", "exit 3; cat source")
    )
    assert run_stage(project, "first@a") == 3
    assert study(project).commit() == 0


def test_a_damaged_record_of_the_run_cache_is_no_record(project: Path) -> None:
    run_all(project)
    for path in (project / ".dvc/cache/runs").glob("*/*/*"):
        path.write_bytes(path.read_bytes()[:20])
    before = times_run(project)
    run_all(project)
    assert times_run(project) == before + 3


def test_digests_are_remembered_and_noticed(project: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    digests = Digests(memory)
    first = digests.entry(project / "source")
    digests.save()
    known = json.loads(memory.read_text())
    known[str(project / "source")][3] = "remembered"
    memory.write_text(json.dumps(known))
    assert Digests(memory).entry(project / "source")["md5"] == "remembered"
    (project / "source").write_text("longer than before\n")
    assert Digests(memory).entry(project / "source")["md5"] not in ("remembered", first["md5"])
    memory.write_text("{damaged")
    assert Digests(memory).entry(project / "source") is not None


def test_an_absent_parameter_is_no_ingredient(project: Path) -> None:
    (project / "params.yaml").write_text("names: [a, b]\nfirst: {rate: 1}\nsecond: {}\n")
    pipeline = Pipeline(project)
    assert ingredients(pipeline, pipeline.stages["second"], Digests(), Fingerprint(project)) is None
    assert products(pipeline, pipeline.stages["second"], Digests()) is None
    assert stale_stages(pipeline, {}, Digests(), Fingerprint(project)) == set(pipeline.stages)


def test_a_file_in_the_cache_is_read_only_and_a_restored_one_is_not(project: Path) -> None:
    run_all(project)
    store = Store(project)
    records = study(project)._settled(Digests(), Fingerprint(project)).values()
    record = next(record for record in records if record["outs"][0]["path"] == "out/a")
    assert os.stat(store._object(record["outs"][0]["md5"])).st_mode & 0o777 == 0o444
    (project / "out/a").unlink()
    store.check_out(record)
    assert os.stat(project / "out/a").st_mode & 0o777 == 0o644


def test_scalars_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text("a: [5e-3, 1.5E+3, no, on, true, 12, -3, .5, ~, 0.1, 2026-01-02x]\nb: {}\nc: text\n")
    assert read_yaml(path) == load_yaml(str(path))


@pytest.mark.parametrize(
    "text", ["1e5", "12345678901234567890123456789012", "123e45", "no", "null", "0x1f", "1.5", "", "a: b", "${x}"]
)
def test_what_we_write_dvc_reads(tmp_path: Path, text: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(dump_yaml({"md5": text, "n": [1, 0.1, 1e-6, True, None]}))
    assert load_yaml(str(path)) == read_yaml(path) == {"md5": text, "n": [1, 0.1, 1e-6, True, None]}


def test_update_leaves_other_records(tmp_path: Path) -> None:
    update_lock(tmp_path, {"one": {"cmd": "x"}})
    update_lock(tmp_path, {"two": {"cmd": "y"}, "one": {"cmd": "z"}})
    assert read_lock(tmp_path) == {"one": {"cmd": "z"}, "two": {"cmd": "y"}}


OTHER = """
import sys
from pathlib import Path
from nm_vqtsg.engines.lock import EngineLock
root = Path(sys.argv[1])
EngineLock(root, [root / "out"]).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(project: Path):
    """Another process that holds the study."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(project)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_snakemake_is_refused_in_one_line(project: Path, holder: subprocess.Popen) -> None:
    with pytest.raises(EngineBusyError) as refused:
        EngineLock(project, [project / "out"]).acquire()
    assert str(holder.pid) in str(refused.value) and "snakemake" in str(refused.value)
    assert "\n" not in str(refused.value)
    EngineLock(project, [project / "studies" / "mine" / "out"]).acquire()


def test_dvc_may_look_but_not_write_meanwhile(project: Path, holder: subprocess.Popen) -> None:
    tmp = str(project / ".dvc" / "tmp")
    with Repo(str(project)) as repo:
        with rwlock(tmp, repo.fs, "dvc status", [str(project / "out" / "a")], [], False):
            pass
        with (
            pytest.raises(LockError, match="snakemake is running this study"),
            rwlock(tmp, repo.fs, "dvc repro", [], [str(project / "out" / "a")], False),
        ):
            pass


def test_a_killed_holder_counts_for_nothing(project: Path, holder: subprocess.Popen) -> None:
    holder.kill()
    holder.wait()
    lock = EngineLock(project, [project / "out"])
    lock.acquire()
    lock.release()
    lock.release()
    with (
        Repo(str(project)) as repo,
        rwlock(str(project / ".dvc/tmp"), repo.fs, "x", [], [str(project / "out")], False),
    ):
        pass


@pytest.mark.parametrize("command", ["/usr/bin/dvc repro", "/lib/dvc/__main__.py repro"])
def test_snakemake_is_refused_while_dvc_writes(project: Path, command: str) -> None:
    with (
        Repo(str(project)) as repo,
        rwlock(str(project / ".dvc/tmp"), repo.fs, command, [], [str(project / "out" / "a")], False),
        pytest.raises(EngineBusyError, match=r"\(dvc repro\)"),
    ):
        EngineLock(project, [project / "out"]).acquire()


def test_outside_a_repository_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not inside a DVC repository"):
        Store(tmp_path)
