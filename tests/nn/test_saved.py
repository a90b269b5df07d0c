"""One form for all saved models: what fits comes back, and the first thing that does not is named."""

from pathlib import Path
from typing import Literal

import pytest
import torch

from nm_vqtsg.artifacts import load_facts, save_model
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.nn.saved import Channels, Header, filled, read, write


class ToyHeader(Header):
    kind: Literal["toy"] = "toy"
    channels: Channels
    scale: float = 1.0


def build() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.safetensors"


def test_what_was_written_comes_back(path: Path) -> None:
    module = build()
    write(path, ToyHeader(channels=2, facts={"dataset": "Toy", "seed": 1}), module.state_dict())
    header, tensors = read(path, ToyHeader, "train it")
    assert header == ToyHeader(channels=2, scale=1.0, facts={"dataset": "Toy", "seed": 1})
    again = filled(path, build, tensors)
    assert not again.training
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in module.state_dict().items())
    assert load_facts(path) == {"dataset": "Toy", "seed": 1}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"kind": "prior"}, "a model of kind 'prior', not a toy; train it$"),
        ({"kind": None}, "a model of kind None, not a toy"),
        ({}, r"its header is damaged \(channels: field required"),
        ({"channels": 0}, r"channels: .*greater than 0, found 0\); train it again"),
        ({"channels": 10**12}, "channels: .*less than or equal to 65536"),
        ({"channels": "2"}, "channels: .*valid integer, found '2'"),
        ({"channels": True}, "channels: .*valid integer"),
        ({"channels": 2, "scale": None}, "scale: .*valid number"),
        ({"channels": 2, "x": 1}, "x: extra inputs are not permitted"),
        ({"channels": 2, "facts": [1]}, "facts: .*object"),
        ({"channels": 2, "facts": {"a": {"b": 1}}}, "facts.a"),
    ],
)
def test_a_header_is_checked_field_by_field(path: Path, header: dict, words: str) -> None:
    save_model(path, {}, {"kind": "toy"} | header)
    with pytest.raises(ArtifactError, match=words) as error:
        read(path, ToyHeader, "train it")
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_a_model_of_another_shape_is_refused(path: Path) -> None:
    good = build().state_dict()
    for change, words in (
        ({"0.weight": torch.zeros(3, 4)}, r"'0.weight' has shape \(3, 4\) where \(3, 2\) is needed"),
        (
            {"0.weight": torch.zeros(3, 2, dtype=torch.float64)},
            "'0.weight' holds torch.float64 where torch.float32",
        ),
        ({"0.weight": torch.full((3, 2), torch.nan)}, "'0.weight' holds NaN or infinity"),
        ({"0.bias": torch.full((3,), -torch.inf)}, "'0.bias' holds NaN or infinity"),
        ({"1.running_var": -torch.ones(3)}, "'1.running_var' holds a variance below zero"),
        ({"more": torch.zeros(1)}, "has an unknown tensor 'more'"),
    ):
        with pytest.raises(ArtifactError, match=words):
            filled(path, build, good | change)
    del good["0.bias"]
    with pytest.raises(ArtifactError, match="lacks tensor '0.bias'"):
        filled(path, build, good)


def test_nothing_is_allocated_because_a_header_says_so(path: Path) -> None:
    """A terabyte of weights is refused for its shape, and more than any machine can count for what it is."""
    for width in (2**19, 2**40):
        with pytest.raises(ArtifactError, match="has shape|impossible network"):
            filled(path, lambda width=width: torch.nn.Linear(width, width, bias=False), {"weight": torch.zeros(1)})
