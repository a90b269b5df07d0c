"""The published judges: fetched as their authors offer them, equal to their own network, and never trusted."""

import functools
import hashlib
import http.server
import importlib.util
import io
import pickle
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.commands.evaluate_files import evaluate_files
from nm_vqtsg.datasets.fetch import fetch
from nm_vqtsg.datasets.resplit import resplit
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError, ParameterError, UserError
from nm_vqtsg.evaluation.table import format_scores
from nm_vqtsg.judge import published
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.judge.published import load_checkpoint, load_published
from nm_vqtsg.metrics.accuracy import accuracy, balanced_accuracy
from nm_vqtsg.params import Fcn, Params, load_params
from nm_vqtsg.params.text import as_yaml
from nm_vqtsg.session import Session
from nm_vqtsg.steps import fcn
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths

NAME = "ItalyPowerDemand"
TRAIN, TEST = resplit(fetch(NAME, "sktime"))


def published_network(n_classes: int = 2, channels: int = 1) -> torch.nn.Module:
    """The network of supervised-fcn-2, after a few steps on real series: its statistics are not the first ones.

    Its file is run alone: the package's own `__init__` wants wget, and downloads into the system's folder.
    """
    found = importlib.util.find_spec("supervised_FCN_2")
    assert found is not None and found.submodule_search_locations, "pip install --no-deps supervised-fcn-2==0.0.4"
    path = Path(found.submodule_search_locations[0]) / "models" / "fcn.py"
    spec = importlib.util.spec_from_file_location("published_fcn", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    network: torch.nn.Module = module.FCNBaseline(channels, n_classes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for rows in torch.randperm(len(TRAIN.X))[:96].split(32):
        x = torch.from_numpy(TRAIN.X[rows]).repeat(1, channels, 1)
        loss = torch.nn.functional.cross_entropy(network(x), torch.from_numpy(TRAIN.y)[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def packed(state: Any) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return published_network()


@pytest.fixture(scope="module")
def archive(network: torch.nn.Module) -> bytes:
    """As `supervised_FCN_2.load_pretrained_FCN` unpacks it: a file for each data set at the top."""
    return zipped({f"{NAME}.ckpt": packed(network.state_dict()), "__MACOSX/._x.ckpt": b"\0"})


class Quiet(http.server.SimpleHTTPRequestHandler):
    requested = 0

    def log_message(self, *_args: object) -> None:
        type(self).requested += 1


@pytest.fixture
def figshare(archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The zip at a site of our own, under the address's last name, in the place of figshare."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "47212990").write_bytes(archive)
    Quiet.requested = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(published, "URL", f"http://127.0.0.1:{site.server_port}/47212990")
        yield folder / "47212990"
        site.shutdown()
        thread.join()


def config(source: str = "published") -> Fcn:
    return Fcn(source=source)


def study(folder: Path, source: str = "published") -> StepContext:
    """A study at the step fcn."""
    params = Params(datasets=(NAME,), fcn=config(source))
    paths = Paths(folder, NAME)
    TRAIN.save(paths.train)
    TEST.save(paths.test)
    return StepContext("fcn", params, paths, device="cpu", progress="none")


def test_both_networks_agree_on_real_series(figshare: Path, network: torch.nn.Module, tmp_path: Path) -> None:
    """Features and probabilities, to 1e-5, of a checkpoint that their code wrote and that was downloaded."""
    judge = load_published(NAME, config(), Session(), tmp_path / "cache")
    x = torch.from_numpy(TEST.X)
    with torch.no_grad():
        theirs, logits = network(x, return_feature_vector=True), network(x)
    features, probabilities = judge.features_and_probabilities(TEST.X)
    assert theirs.std() > 0.01 and logits.softmax(1).std() > 0.01
    np.testing.assert_allclose(features, theirs, atol=1e-5)
    np.testing.assert_allclose(probabilities, logits.softmax(1), atol=1e-5)

    # once downloaded, the zip is used again and held against its record
    kept = tmp_path / "cache" / published.FILE
    record = kept.with_name(f"{kept.name}.sha256").read_text()
    assert record == f"{hashlib.sha256(figshare.read_bytes()).hexdigest()}  {kept.name}\n"
    load_published(NAME, config(), Session(), tmp_path / "cache")
    assert Quiet.requested == 1
    kept.write_bytes(b"PK other")
    figshare.write_bytes(zipped({"x": b"changed"}))
    with pytest.raises(UserError, match="SHA-256 is not the one recorded"):
        load_published(NAME, config(), Session(), tmp_path / "cache")


def test_the_step_writes_what_it_writes_for_a_judge_of_our_own(
    figshare: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context = study(tmp_path)
    caplog.set_level("INFO", "nm_vqtsg")
    fcn.run(context)
    report, judge = load_json(context.paths.fcn_report), Judge.load(context.paths.fcn)
    assert judge.source == report["source"] == "published"
    assert report["accuracy"] == pytest.approx(judge.accuracy(TEST.X, TEST.y))
    assert f"FCN (published): accuracy {report['accuracy']:.4f} on TEST" in caplog.text
    assert "may have seen most of TEST" in caplog.text
    assert context.paths.fcn_curve.read_text() == "step\tloss\n"
    assert (context.paths.downloads / published.FILE).is_file()
    assert str(tmp_path) not in context.paths.fcn.read_bytes()[:5000].decode(errors="replace")


@pytest.mark.parametrize("form", ["zip", "ckpt"])
def test_a_folder_works_without_a_network(
    form: str, archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "URL", "http://127.0.0.1:9/")
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "47212990.zip").write_bytes(archive)
    if form == "ckpt":
        shutil.unpack_archive(weights / "47212990.zip", weights)
        (weights / "47212990.zip").unlink()
    context = study(tmp_path, source="weights")  # relative to the study, as data.source is
    fcn.run(context)
    assert Judge.load(context.paths.fcn).source == "published"
    assert b"weights/" not in context.paths.fcn.read_bytes()[:5000]
    (weights / f"{NAME}.ckpt").unlink(missing_ok=True)
    shutil.rmtree(weights)
    weights.mkdir()
    with pytest.raises(UserError, match=rf"weights: holds no {NAME}\.ckpt"):
        fcn.run(context)
    with pytest.raises(UserError, match="'nowhere' is neither a folder nor own or published"):
        load_published(NAME, config("nowhere"), Session())


def test_any_two_files_with_the_published_judge(
    figshare: Path, network: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NM_VQTSG_CACHE", str(tmp_path / "cache"))
    checkpoint = tmp_path / f"{NAME}.ckpt"
    checkpoint.write_bytes(packed(network.state_dict()))
    TEST.save(tmp_path / "real.npz")
    Series(TRAIN.X[:200], TRAIN.y[:200], TRAIN.labels, TRAIN.scaling).save(tmp_path / "fake.npz")
    quick = Params.model_validate(
        {"rocket": {"n_kernels": 20}, "evaluate": {"bootstrap": 0, "cas_fits": 0, "network_seeds": 0}}
    )
    found = [
        evaluate_files(tmp_path / "real.npz", tmp_path / "fake.npz", fcn=named, params=quick).scores
        for named in (Path(f"published:{NAME}"), checkpoint)
    ]
    first, second = found
    assert first["synthetic"] == second["synthetic"]
    assert first["fcn_source"] == "published" and NAME in first["judge"]
    # the published protocol goes with the published judge
    assert {"fid_trimmed", "cfid_trimmed", "is_trimmed"} <= set(first["synthetic"])
    text = format_scores(first)
    assert "The published FCN behind FID" in text and "may have seen most of the real series" in text
    with pytest.raises(UserError, match=r"Toy: only the UCR archive's 128 data sets"):
        evaluate_files(tmp_path / "real.npz", tmp_path / "fake.npz", fcn=Path("published:Toy"), params=quick)
    with pytest.raises(UserError, match="cannot name a data set"):
        evaluate_files(tmp_path / "real.npz", tmp_path / "fake.npz", fcn=Path("published:../x"), params=quick)
    with pytest.raises(ArtifactError, match=r"gone\.ckpt: no such file"):
        evaluate_files(tmp_path / "real.npz", tmp_path / "fake.npz", fcn=tmp_path / "gone.ckpt", params=quick)


@pytest.mark.parametrize(("n_classes", "channels"), [(3, 1), (2, 2)])
def test_a_judge_of_other_series_is_refused(n_classes: int, channels: int, tmp_path: Path) -> None:
    context = study(tmp_path, source=".")
    state = published_network(n_classes, channels).state_dict()
    (tmp_path / f"{NAME}.ckpt").write_bytes(packed(state))
    with pytest.raises(ArtifactError, match=rf"{channels} channel\(s\) and {n_classes} classes.*set it to own"):
        fcn.run(context)
    assert not context.paths.fcn.exists() and not context.paths.fcn_report.exists()


def test_own_data_have_no_published_judge(tmp_path: Path) -> None:
    params = Params.model_validate({"datasets": ["Toy"], "own_data": {"Toy": {"path": "x.csv"}}}, strict=False)
    (tmp_path / "params.yaml").write_text(as_yaml(params).replace("source: own ", "source: published "))
    with pytest.raises(ParameterError, match=r"fcn\.source: only data sets of the UCR archive .* leave 'Toy' out"):
        load_params(tmp_path / "params.yaml")


class Bomb:
    """Would leave a file if it were ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def bloated(data: bytes) -> bytes:
    """The members of a checkpoint, packed, with zeros that unpack to far more."""
    with zipfile.ZipFile(io.BytesIO(data)) as members:
        content = {name: members.read(name) for name in members.namelist()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as members:
        for name, member in content.items():
            members.writestr(name, member + bytes(2**26) * name.endswith("/0"))
    return file.getvalue()


def changed(state: dict[str, torch.Tensor], **changes: Any) -> dict[str, Any]:
    names = {
        "conv": "layers.2.layers.0.weight",
        "spread": "layers.0.layers.1.running_var",
        "final": "final.weight",
    }
    return {**state, **{names.get(name, name): value for name, value in changes.items()}}


def test_a_checkpoint_of_unknown_origin_is_refused_in_one_line(network: torch.nn.Module, tmp_path: Path) -> None:
    state, mark = dict(network.state_dict()), tmp_path / "ran"
    sound = packed(state)
    conv, spread = state["layers.2.layers.0.weight"], state["layers.0.layers.1.running_var"]
    cases: dict[str, tuple[bytes, str]] = {
        "empty": (b"", "damaged"),
        "cut": (sound[: len(sound) // 2], "damaged"),
        "text": (b"<html>", "damaged"),
        "a pickle with code": (pickle.dumps(Bomb(mark)), "damaged"),
        "code in a checkpoint": (packed({"final.weight": Bomb(mark)}), "damaged"),
        "code beside the weights": (packed(changed(state, more=Bomb(mark))), "damaged"),
        "of the form before torch 1.6": (before_zips(state), "damaged"),
        "a list": (packed([conv]), "tensors alone"),
        "a number among the weights": (packed(changed(state, more=3)), "tensors alone"),
        "nested": (packed({"state_dict": state}), "tensors alone"),
        "a sparse tensor": (packed(changed(state, conv=conv.to_sparse())), "tensors alone"),
        "a tensor without values": (packed(changed(state, conv=conv.to("meta"))), "tensors alone"),
        "more than it holds": (packed(changed(state, final=torch.zeros(1, 1).expand(2**40, 128))), "claim more"),
        "more when unpacked": (bloated(sound), "tensors alone"),
        "large": (sound + bytes(published.MAX_CHECKPOINT), "more than 64 MiB"),
        "another network": (packed({"layers.0.weight": conv}), "holds no FCN of supervised-fcn-2"),
        "one weight short": (packed({k: v for k, v in state.items() if "running_var" not in k}), "lacks tensor"),
        "one weight too many": (packed(changed(state, more=conv.clone())), "unknown tensor 'more'"),
        "another width": (packed(changed(state, conv=conv[:, :5].clone())), "has shape"),
        "doubles": (packed(changed(state, conv=conv.double())), "holds torch.float64"),
        "NaN": (packed(changed(state, conv=conv * float("nan"))), "NaN or infinity; delete it and download"),
        "a variance below zero": (packed(changed(state, spread=-spread)), "below zero; delete it and download"),
    }
    for case, (data, words) in cases.items():
        path = tmp_path / "x.ckpt"
        path.write_bytes(data)
        with pytest.raises(ArtifactError) as caught:
            load_checkpoint(path, config(), Session())
        assert str(caught.value).startswith(str(path)) and words in str(caught.value), (case, caught.value)
        assert not mark.exists(), case
    path.write_bytes(sound)
    assert load_checkpoint(path, config(), Session()).n_classes == 2


def before_zips(state: dict[str, torch.Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def test_a_hostile_zip_is_refused(archive: bytes, tmp_path: Path) -> None:
    cases = {
        "outside": (zipped({f"../{NAME}.ckpt": b"x"}), "points outside"),
        "cut": (archive[:-400], "damaged"),
        "a page": (b"<html>", "damaged"),
    }
    for case, (data, words) in cases.items():
        (tmp_path / "weights.zip").write_bytes(data)
        with pytest.raises(UserError, match=words):
            load_published(NAME, config(str(tmp_path)), Session())
        assert not (tmp_path.parent / f"{NAME}.ckpt").exists(), case


def test_balanced_accuracy_stands_beside_accuracy_where_classes_are_unequal(tmp_path: Path) -> None:
    few = np.concatenate([np.flatnonzero(TEST.y == 0), np.flatnonzero(TEST.y == 1)[:20]])
    context = study(tmp_path, "own")
    context.params = Params(datasets=(NAME,), fcn=Fcn(epochs=1, max_steps=1, batch_size=100))
    Series(TEST.X[few], TEST.y[few], TEST.labels, TEST.scaling).save(context.paths.test)
    fcn.run(context)
    report, judge = load_json(context.paths.fcn_report), Judge.load(context.paths.fcn)
    answers = judge.features_and_probabilities(TEST.X[few])[1].argmax(1)
    shares = [(answers[TEST.y[few] == label] == label).mean() for label in (0, 1)]
    assert report["source"] == "own" and report["balanced_accuracy"] == pytest.approx(np.mean(shares))


def test_balanced_accuracy_of_closed_cases() -> None:
    sure = np.eye(3)
    y = np.repeat([0, 2], [90, 10])  # no series of class 1
    assert balanced_accuracy(sure[np.zeros(100, int)], y) == 0.5  # knows the largest class alone
    assert balanced_accuracy(sure[y], y) == 1
    assert balanced_accuracy(sure[np.ones(100, int)], y) == 0
    assert balanced_accuracy(sure[y[:19]], np.repeat([0, 1], [10, 9])) is None
    assert accuracy(sure[np.zeros(100, int)], y) == 0.9
