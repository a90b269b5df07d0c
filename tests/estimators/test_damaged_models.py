"""A saved model that was damaged is refused in one line, or works; every field, many values, every tensor."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import fuzz_models as fuzz
import numpy as np
import pytest

from nm_vqtsg import NeuralMapper, load_generator
from nm_vqtsg.errors import ArtifactError, UserError
from nm_vqtsg.judge.model import Judge

VALUES: tuple[Any, ...] = (None, 0, -1, 10**12, float("nan"), float("inf"), "x", [], [1], {}, True)
PARTS = (*fuzz.MODELS, fuzz.DESCRIPTION, fuzz.METRICS)
OF_A_HEADER, OF_THE_DESCRIPTION, TENSORS = 150, 500, 10  # at least
DEEP = "[" * 50_000 + "]" * 50_000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    fuzz.make_sound(folder)
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "model"))


def load(folder: Path, name: str) -> None:
    """The model of which a file is a part, read and used."""
    X = np.zeros((2, 1, fuzz.LENGTH), dtype=np.float32)
    if name == fuzz.JUDGE:
        assert np.isfinite(Judge.load(folder / name).features(X)).all()
    elif name.startswith("mapper"):
        assert np.isfinite(NeuralMapper.load(folder, device="cpu", progress=False).transform(X)).all()
    else:
        model = load_generator(folder, device="cpu", progress=False)
        assert np.isfinite(model.sample(2, rng=0)).all()


def answer(folder: Path, name: str) -> str:
    try:
        load(folder, name)
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 1200
        return "refused"
    return "works"


@pytest.mark.attacks(OF_A_HEADER)
@pytest.mark.parametrize("name", fuzz.MODELS)
def test_every_field_of_a_header_with_every_bad_value(folder: Path, name: str) -> None:
    table, data = fuzz.read_model(folder / name)
    sound = json.loads(table["__metadata__"]["config"])
    answers: Counter[str] = Counter()
    for place in fuzz.places(sound):
        for value in VALUES:
            header = json.loads(json.dumps(sound))
            fuzz.change(header, place, lambda holder, key, value=value: holder.__setitem__(key, value))
            table["__metadata__"]["config"] = json.dumps(header)
            fuzz.write_model(folder / name, table, data)
            answers[answer(folder, name)] += 1
    assert answers["refused"] > 3 * answers["works"] and answers.total() >= OF_A_HEADER, answers


@pytest.mark.parametrize(
    "place", [("kind",), ("in_channels",), ("tau",), ("mean",), ("config",), ("config", "width")]
)
def test_a_field_that_lacks_or_is_strange_is_named(folder: Path, place: tuple[str, ...]) -> None:
    table, data = fuzz.read_model(folder / "mapper.safetensors")
    header = json.loads(table["__metadata__"]["config"])
    fuzz.change(header, place, lambda holder, key: holder.__setitem__(key, {"strange": 1}))
    table["__metadata__"]["config"] = json.dumps(header)
    fuzz.write_model(folder / "mapper.safetensors", table, data)
    with pytest.raises(ArtifactError, match=f"mapper.safetensors: .*{place[-1]}.*; run stage3"):
        NeuralMapper.load(folder)


@pytest.mark.parametrize(
    ("name", "place", "value", "words"),
    [
        ("stage1.safetensors", ("config", "blocks_per_depth"), 10**12, "config.blocks_per_depth: .*256"),
        ("stage1.safetensors", ("config", "codebook_size"), 10**9, "config.codebook_size: .*1048576"),
        ("stage1.safetensors", ("config", "codebook_size"), 2**20, "tensor .* has shape .* is needed"),
        ("stage1.safetensors", ("length",), 2**24, "tensor|is not the one that generator.json describes"),
        ("stage2.safetensors", ("grids",), [[1, 2**24], [2, 2**24]], "tensor .* has shape|impossible"),
        ("mapper.safetensors", ("std",), [0.0], "std.0: .*greater than 0"),
        ("mapper.safetensors", ("std",), [1.0, 1.0], "std has 2 values for 1 channels"),
        ("mapper.safetensors", ("tau",), -0.5, "tau: .*greater than 0"),
        ("mapper.safetensors", ("codes",), "0" * 64, "another generator than the mapper was trained for"),
        ("mapper.safetensors", ("config",), [1], "config: "),
    ],
)
def test_what_a_header_asks_for_has_limits(folder: Path, name: str, place: Any, value: Any, words: str) -> None:
    table, data = fuzz.read_model(folder / name)
    header = json.loads(table["__metadata__"]["config"])
    fuzz.change(header, place, lambda holder, key: holder.__setitem__(key, value))
    table["__metadata__"]["config"] = json.dumps(header)
    fuzz.write_model(folder / name, table, data)
    with pytest.raises(ArtifactError, match=words):
        load(folder, name)


@pytest.mark.attacks(3 * TENSORS)
@pytest.mark.parametrize("name", fuzz.MODELS)
def test_every_tensor_that_is_no_number_lacks_or_is_renamed(folder: Path, name: str) -> None:
    table, data = fuzz.read_model(folder / name)
    names = [tensor for tensor in table if tensor != "__metadata__"]
    assert len(names) >= TENSORS
    for tensor in names:
        rest = {key: value for key, value in table.items() if key != tensor}
        for other in ({}, {f"{tensor}x": table[tensor]}):
            fuzz.write_model(folder / name, rest | other, data)
            assert answer(folder, name) == "refused", f"{tensor} lacks"
        if table[tensor]["dtype"] == "F32":
            start, end = table[tensor]["data_offsets"]
            holed = data[:start] + np.full((end - start) // 4, np.nan, np.float32).tobytes() + data[end:]
            fuzz.write_model(folder / name, table, holed)
            assert answer(folder, name) == "refused", f"{tensor} is NaN"


def test_a_mapper_of_nan_gives_no_series(folder: Path) -> None:
    table, data = fuzz.read_model(folder / "mapper.safetensors")
    fuzz.write_model(folder / "mapper.safetensors", table, np.full(len(data) // 4, np.nan, np.float32).tobytes())
    with pytest.raises(
        ArtifactError, match="mapper.safetensors: tensor '.*' holds NaN or infinity; train the model"
    ):
        NeuralMapper.load(folder)


def test_weights_that_lead_to_infinity_give_no_series(folder: Path) -> None:
    table, data = fuzz.read_model(folder / "mapper.safetensors")
    fuzz.write_model(folder / "mapper.safetensors", table, np.full(len(data) // 4, 3e38, np.float32).tobytes())
    mapper = NeuralMapper.load(folder, device="cpu")
    with pytest.raises(ArtifactError, match="the mapper gives values that are not finite"):
        mapper.transform(np.ones((2, 1, fuzz.LENGTH)))


@pytest.mark.attacks(OF_THE_DESCRIPTION)
def test_every_field_of_the_description_with_every_bad_value(folder: Path) -> None:
    path = folder / fuzz.DESCRIPTION
    sound, answers = json.loads(path.read_text()), Counter[str]()
    for place in fuzz.places(sound):
        for value in VALUES:
            description = json.loads(json.dumps(sound))
            fuzz.change(description, place, lambda holder, key, value=value: holder.__setitem__(key, value))
            path.write_text(json.dumps(description))
            answers[answer(folder, path.name)] += 1
    assert answers["refused"] > 3 * answers["works"] and answers.total() >= OF_THE_DESCRIPTION, answers


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", DEEP, '{"kind": ' + DEEP + "}", "9" * 6000, "\ud800", "\0"]
)
def test_a_description_that_is_none(folder: Path, text: str) -> None:
    (folder / fuzz.DESCRIPTION).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ArtifactError, match=r"generator\.json: is damaged"):
        load_generator(folder)


@pytest.mark.attacks(len(PARTS))
@pytest.mark.parametrize("how", fuzz.PATHS)
def test_what_is_no_file_is_not_read(sound: Path, tmp_path: Path, how: str) -> None:
    """A pipe, a folder, a link to itself or to nowhere, a device, another model, nothing."""
    for name in PARTS:
        folder = Path(shutil.copytree(sound, tmp_path / name))
        fuzz.replace(
            folder / name, how, folder / ("stage2.safetensors" if name != "stage2.safetensors" else fuzz.JUDGE)
        )
        with fuzz.bounded(fuzz.PATIENCE_S, fuzz.MEMORY):
            answers = fuzz.use(folder)
        left_out = name in ("mapper.safetensors", fuzz.METRICS) and how == "gone"
        assert left_out or any("refused" in part for part in answers), (name, answers)


@pytest.mark.attacks(100)
def test_the_fuzzer_finds_nothing_in_a_hundred_cases(sound: Path) -> None:
    answers: Counter[str] = Counter()
    with fuzz.bounded(fuzz.PATIENCE_S, fuzz.MEMORY):
        for number in range(100):
            answers += fuzz.run_case(number, sound)[1]
    for part in ("generator", "mapper", "judge"):
        assert answers[f"{part} refused"] > 10 and answers[f"{part} worked"] > 10, answers
