"""Our records, digests and stores against DVC's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.stage.cache import _get_cache_hash
from dvc.utils.serialize import load_yaml
from quick_project import run_all, study, times_run

from nm_vqtsg.engines.job import run_stage
from nm_vqtsg.engines.locktext import update_lock
from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.engines.records import Digests, ingredients, products, stale_stages
from nm_vqtsg.engines.store import Store, _digest, read_lock
from nm_vqtsg.errors import UserError
from nm_vqtsg.study.fingerprint import Fingerprint
from nm_vqtsg.yaml12 import dump_yaml, read_yaml


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
    record = study(project)._finished({}, Digests(), Fingerprint(project))["second"]
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


REMEMBERED = 32 * "0"


def test_digests_are_remembered_and_noticed(project: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    digests = Digests(memory)
    first = digests.entry(project / "source")
    digests.save()
    known = json.loads(memory.read_text())
    known[str(project / "source")][-1] = REMEMBERED
    memory.write_text(json.dumps(known))
    assert Digests(memory).entry(project / "source")["md5"] == REMEMBERED
    (project / "source").write_text("longer than before\n")
    assert Digests(memory).entry(project / "source")["md5"] not in (REMEMBERED, first["md5"])
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
    record = study(project)._finished({}, Digests(), Fingerprint(project))["first@a"]
    assert os.stat(store._object(record["outs"][0]["md5"])).st_mode & 0o777 == 0o444
    (project / "out/a").unlink()
    assert store.check_out(record)
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


def test_outside_a_repository_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not inside a DVC repository"):
        Store(tmp_path)
