"""A saved model: a folder that another machine reads, with its mapper and a card."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from small_model import labelled_waves, small_generator, small_mapper

from nm_vqtsg import VQVAE, NeuralMapper, TimeVQVAE, load_generator
from nm_vqtsg.errors import ArtifactError, one_line
from nm_vqtsg.mapper.model import Mapper

X, y = labelled_waves(channels=2)
SCORES = {
    "n": {"generated": 5, "test": 4},
    "baseline": {"rocket_fid": 0.25},
    "mapped": {"rocket_fid": 0.125},
    "intervals": {"baseline": {"rocket_fid": [0.2, 0.3]}},
    "amplitude": {"test": {}, "baseline": {}, "mapped": {}},
    "missing": {"fid": "no labels"},
}


@pytest.fixture(scope="module")
def model() -> TimeVQVAE:
    return small_generator().fit(X, y)


@pytest.fixture(scope="module")
def mapper(model: TimeVQVAE) -> NeuralMapper:
    return small_mapper().fit(model, X)


@pytest.fixture
def folder(model: TimeVQVAE, mapper: NeuralMapper, tmp_path: Path) -> Path:
    model.save(tmp_path / "model", data="waves, slow | fast")
    mapper.save(tmp_path / "model", metrics=SCORES)
    return tmp_path / "model"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_one_folder_gives_mapped_samples_wherever_it_lies(
    folder: Path, model: TimeVQVAE, mapper: NeuralMapper, tmp_path: Path
) -> None:
    moved = Path(shutil.move(folder, tmp_path / "elsewhere"))
    generator, again = load_generator(moved, progress=False), NeuralMapper.load(moved)
    assert type(generator) is TimeVQVAE and generator.get_params()["stage1__steps"] == 10
    X_hat = generator.sample(4, "fast", rng=5)
    assert np.array_equal(X_hat, model.sample(4, "fast", rng=5))
    assert np.array_equal(again.transform(X_hat), mapper.transform(X_hat))


def test_equal_models_give_equal_bytes_without_paths_or_times(folder: Path, tmp_path: Path) -> None:
    first = small_generator().fit(X, y)
    first.save(tmp_path / "b", data="waves, slow | fast")
    small_mapper().fit(first, X).save(tmp_path / "b", metrics=SCORES)
    assert contents(folder) == contents(tmp_path / "b")
    load_generator(folder).save(tmp_path / "c", data="waves, slow | fast", metrics=SCORES)
    NeuralMapper.load(folder).save(tmp_path / "c")
    assert contents(folder) == contents(tmp_path / "c")
    for name, content in contents(folder).items():
        assert str(tmp_path).encode() not in content and b"/home" not in content, name


def test_the_card_says_data_parameters_scores_and_versions(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    for words in (
        r"# TimeVQVAE: waves, slow \| fast",
        "| classes (series) | fast (12), slow (12) |",
        "| channels | 2 |",
        "neural mapper, trained on stochastic vector quantisation at τ = 0.3",
        "| rocket_fid | 0.25 [0.2, 0.3] | 0.125  | lower  |",
        "Not measured: fid (no labels).",
        "codebook_size: 16",
        "| torch | 2.13.0 |",
        "nm-vqtsg sample FOLDER -n 1000 --class fast",
    ):
        assert words in card, words
    assert "trained on stochastic" not in card_without_mapper(folder)


HOSTILE = [
    "a|b\n```\n<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "$(touch pwned) `touch pwned`",
    "![x](http://x)",
]


@pytest.mark.parametrize("first", HOSTILE)
def test_labels_of_others_do_nothing_in_the_card(first: str, tmp_path: Path) -> None:
    """Rendered as Markdown with HTML, the card shows them; its line for a shell asks for that class, or none."""
    labels = np.array([first, *(label for label in HOSTILE if label != first)])
    model = small_generator().fit(X, labels[np.arange(24) % 4])
    model.classes_ = labels  # the first one is the one in the example
    scores = SCORES | {"missing": {f"cfid of class {first}": "too few"}, "warnings": {"evaluate": [first]}}
    model.save(tmp_path, data=f"data {first}", metrics=scores)
    text = (tmp_path / "README.md").read_text()
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = [
        token for block in markdown.parse(text.split("---\n", 2)[2]) for token in (block, *(block.children or ()))
    ]
    assert not {"html_inline", "html_block", "image", "link_open", "code_inline"} & {
        token.type for token in tokens
    }
    shown = "".join(token.content for token in tokens if token.type == "text")
    assert all(one_line(label) in shown for label in labels)
    assert sum(token.type == "tr_open" for token in tokens) == 13  # of the tables of data, scores and versions
    assert sum(token.type == "fence" for token in tokens) == 3
    (line,) = [line for line in text.splitlines() if line.startswith("nm-vqtsg sample")]
    words = shlex.split(line)
    if first.isprintable() and "`" not in first:
        assert words[words.index("--class") + 1] == first
    else:
        assert "--class" not in line


def card_without_mapper(folder: Path) -> str:
    load_generator(folder).save(folder.parent / "alone")
    return (folder.parent / "alone" / "README.md").read_text()


def test_a_new_generator_takes_the_place_of_the_old_one_with_its_mapper(folder: Path) -> None:
    other = small_generator(random_state=4).fit(X, y)
    other.save(folder)
    assert sorted(contents(folder)) == [
        "README.md",
        "generator.json",
        "stage1.safetensors",
        "stage2.safetensors",
    ]
    assert np.array_equal(load_generator(folder).sample(2), other.sample(2))


def test_a_mapper_of_another_generator_is_refused(folder: Path, mapper: NeuralMapper, tmp_path: Path) -> None:
    small_generator(random_state=4).fit(X, y).save(tmp_path / "other")
    with pytest.raises(ArtifactError, match="another generator than the mapper was trained for"):
        mapper.save(tmp_path / "other")
    assert not (tmp_path / "other" / "mapper.safetensors").exists()
    shutil.copy(folder / "mapper.safetensors", tmp_path / "other")
    with pytest.raises(ArtifactError, match="another generator"):
        NeuralMapper.load(tmp_path / "other")


def test_files_that_do_not_belong_together_are_refused(folder: Path, tmp_path: Path) -> None:
    small_generator(random_state=4).fit(X, y).save(tmp_path / "other")
    for name in ("stage1.safetensors", "stage2.safetensors"):
        shutil.copy(tmp_path / "other" / name, folder)
    with pytest.raises(ArtifactError, match=r"stage1.safetensors: is not the one that generator.json describes"):
        load_generator(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "nothing"}, "generator 'nothing' is unknown; there are"),
        ({"kind": 5}, "generator.json: is damaged .kind: "),
        ({"mean": "x"}, "generator.json: is damaged"),
        ({"facts": {}}, "generator.json: is damaged .facts.n: field required"),
        ({"sample": {"steps": 0}}, "generator.json: is damaged"),
    ],
)
def test_a_damaged_description_is_one_sentence(folder: Path, change: dict[str, object], words: str) -> None:
    facts = json.loads((folder / "generator.json").read_text())
    (folder / "generator.json").write_text(json.dumps(facts | change))
    with pytest.raises(Exception, match=words) as error:
        load_generator(folder)
    assert "\n" not in str(error.value)


def test_what_is_no_model_is_refused(folder: Path, tmp_path: Path) -> None:
    for load in (load_generator, TimeVQVAE.load):
        with pytest.raises(ArtifactError, match="not a saved generator"):
            load(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="describes a 'timevqvae' where a VQVAE is needed"):
        VQVAE.load(folder)
    (folder / "mapper.safetensors").unlink()
    with pytest.raises(ArtifactError, match="mapper.safetensors: no such file"):
        NeuralMapper.load(folder)
    (folder / "stage2.safetensors").write_bytes(b"half")
    with pytest.raises(ArtifactError, match="not a readable"):
        load_generator(folder)


def test_a_folder_whose_mapper_is_no_mapping_says_so(folder: Path) -> None:
    own = NeuralMapper.load(folder).mapper_
    none = Mapper(own.config, own.svq, None, own.in_channels, own.length, own.codes)
    none.scaling = own.scaling
    NeuralMapper.of(none, progress=False).save(folder)
    again = NeuralMapper.load(folder)
    assert again.tau_ is None
    assert np.array_equal(again.transform(X), X.astype(np.float32))
    card = (folder / "README.md").read_text()
    assert "changes nothing" in card and "tau: null" in card
