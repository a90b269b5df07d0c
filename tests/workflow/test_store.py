"""Nothing damaged comes out of the cache, and nothing wrong goes into it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from quick_project import run_all, study, times_run

from nm_vqtsg.engines.job import run_stage
from nm_vqtsg.engines.records import Digests
from nm_vqtsg.engines.store import Store
from nm_vqtsg.errors import ArtifactError, UserError
from nm_vqtsg.study.fingerprint import Fingerprint


def cached(project: Path, output: str) -> Path:
    """The object of an output."""
    digest = hashlib.md5((project / output).read_bytes()).hexdigest()
    return project / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]


def replace(path: Path, content: bytes) -> None:
    """New content under the read-only mark that DVC takes for checked."""
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


def truncate(path: Path) -> None:
    replace(path, path.read_bytes()[:10])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    replace(path, bytes(content))


DAMAGES = [truncate, flip, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("committed", [True, False])
def test_a_damaged_object_is_not_restored_but_made_anew(
    project: Path, damage: Callable[[Path], None], committed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    run_all(project)
    if committed:
        study(project).commit()
    whole, other = (project / "copy").read_bytes(), (project / "out" / "a").read_bytes()
    held = cached(project, "copy")  # that of `whole`, too
    for name in ("copy", "whole", "out/a"):
        (project / name).unlink()
    damage(held)
    before = times_run(project)
    caplog.clear()
    assert run_stage(project, "first@a") == 0  # its object is sound
    assert times_run(project) == before and (project / "out" / "a").read_bytes() == other
    assert run_stage(project, "second") == 0
    assert times_run(project) == before + 1
    assert (project / "copy").read_bytes() == (project / "whole").read_bytes() == whole
    assert held.read_bytes() == whole and os.stat(held).st_mode & 0o777 == 0o444
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("nm_vqtsg")]
    said = [f"{held}: damaged, so copy is not restored from it"] if damage is not Path.unlink else []
    assert lines[:1] == said and all(str(held) in line and "\n" not in line for line in lines)

    (project / "copy").unlink()
    assert run_stage(project, "second") == 0
    assert times_run(project) == before + 1  # good again
    assert (project / "copy").read_bytes() == whole


def test_a_part_is_restored_with_the_whole_or_not_at_all(project: Path) -> None:
    (project / "dvc.yaml").write_text(
        (project / "dvc.yaml").read_text().replace("cp whole copy", "tail -c 9 whole > copy")
    )
    run_all(project)
    record = study(project)._finished({}, Digests(), Fingerprint(project))["second"]
    truncate(cached(project, "whole"))
    for name in ("copy", "whole"):
        (project / name).unlink()
    assert not Store(project).check_out(record)
    assert not (project / "copy").exists() and not (project / "whole").exists()


def test_dvc_looks_at_an_object_that_was_found_damaged(project: Path) -> None:
    """DVC trusts the read-only mark; without it, it finds the damage, throws the object away and fetches it."""
    run_all(project)
    study(project).commit()
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run(
        [*dvc, "remote", "add", "-q", "-d", "storage", str(project / "storage")], cwd=project, check=True
    )
    subprocess.run([*dvc, "push", "-q"], cwd=project, check=True)
    whole, before = (project / "copy").read_bytes(), times_run(project)
    held = cached(project, "copy")
    flip(held)
    (project / "copy").unlink()
    assert run_stage(project, "second") == 0  # asks DVC to fetch
    assert times_run(project) == before
    assert (project / "copy").read_bytes() == held.read_bytes() == whole


def test_what_changes_before_it_is_kept_is_not_kept(project: Path) -> None:
    run_all(project)
    record = study(project)._finished({}, Digests(), Fingerprint(project))["first@a"]
    held = cached(project, "out/a")
    held.unlink()
    (project / "out" / "a").write_text("something else\n")
    with pytest.raises(ArtifactError, match="out/a: has changed since it was made"):
        Store(project).remember(record)
    assert not held.exists() and list(held.parent.iterdir()) == []


JUNK = [
    b"\x80\xff\x00\x01",
    b"- 1\n- 2\n",
    b"cmd: [\n",
    b"3\n",
    b"",
    b"cmd: {a: 1}\nouts: []\n",
    b"cmd: x\nouts: [{path: 1, md5: 2}]\n",
    b"cmd: x\nouts: {a: 1}\n",
    b"cmd: x\ndeps: [7]\nouts: [{path: copy, md5: ../../../params}]\n",
    b"[" * 5000,
]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_in_the_run_cache_is_passed_over_and_replaced(project: Path, junk: bytes) -> None:
    run_all(project)
    records = list((project / ".dvc" / "cache" / "runs").glob("*/*/*"))
    sound = {path: path.read_bytes() for path in records}
    assert len(sound) == 3
    for path in records:
        path.write_bytes(junk)
    assert study(project).commit() == 0
    before = times_run(project)
    run_all(project)
    assert times_run(project) == before + 3
    assert {path: path.read_bytes() for path in records} == sound
    assert study(project).commit() == 3


def test_a_record_for_other_outputs_is_no_record(project: Path) -> None:
    """However it came there: outputs go where dvc.yaml says."""
    run_all(project)
    (path,) = [
        p for p in (project / ".dvc/cache/runs").glob("*/*/*") if "path: out/a\n  hash" in p.read_text()[-99:]
    ]
    path.write_text(path.read_text().replace("- path: out/a\n", "- path: ../escaped\n"))
    (project / "out" / "a").unlink()
    before = times_run(project)
    assert run_stage(project, "first@a") == 0
    assert times_run(project) == before + 1
    assert not (project.parent / "escaped").exists()


@pytest.mark.parametrize(
    "junk",
    [b"[1]", b"{", b"\x80\xff", b"[" * 100_000, b"3", b'{"%s": 1}', b'{"%s": [1, 2, 3, 4, 5]}', b'{"%s": "abcd"}'],
)
def test_junk_instead_of_remembered_digests_is_forgotten(project: Path, junk: bytes) -> None:
    memory = project / ".snakemake" / "digests.json"
    run_all(project)
    study(project).commit()
    memory.parent.mkdir(exist_ok=True)
    memory.write_bytes(junk.replace(b"%s", str(project / "source").encode()))
    assert study(project).due == set()
    (project / "source").write_text("another\n")
    assert study(project).due == {"first@a", "first@b", "second"}
    assert json.loads(memory.read_text())[str(project / "source")][-1] == hashlib.md5(b"another\n").hexdigest()


@pytest.mark.parametrize("junk", [b"no section", b"\x80\xff", b"[core\nx=1"])
def test_a_damaged_configuration_is_said_in_one_line(project: Path, junk: bytes) -> None:
    (project / ".dvc" / "config").write_bytes(junk)
    with pytest.raises(UserError, match=r"/\.dvc/config: not a configuration of DVC; mend it") as refused:
        Store(project)
    assert "\n" not in str(refused.value)
