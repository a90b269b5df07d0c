"""What the bound counts, against sums by hand."""

import sys
from pathlib import Path

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import bound


def test_bytes_are_those_read_and_written_and_views_and_products_move_none() -> None:
    x, y = torch.rand(8, 16), torch.rand(8, 16)
    with bound.Traffic() as traffic:
        x.T.unsqueeze(0)
        x @ y.T
    assert traffic.bytes == 0
    with bound.Traffic() as traffic:
        x + y
    assert traffic.bytes == 3 * 8 * 16 * 4


def test_attention_is_counted_by_hand() -> None:
    query, key = torch.rand(2, 3, 5, 4, requires_grad=True), torch.rand(2, 3, 7, 4)
    with FlopCounterMode(display=False) as flops, bound.Traffic() as traffic:
        scaled_dot_product_attention(query, key, key).sum().backward()
    forward = 2 * (2 * 3 * 5 * 7 * 4) * 2  # two products, a multiplication and an addition each
    counted = flops.get_total_flops() + traffic.attention
    assert counted in (forward + forward * 5 // 2, forward * 3), (
        "five products backward, or four without a second look"
    )


def test_what_the_search_computes_in_numpy_is_counted_by_hand() -> None:
    features = bound.RocketFeatures(1, 30, n_kernels=50)
    multiplied = 0
    for kernel in range(50):
        _, lengths, _, dilations, paddings, channels, _ = (part for part in features.kernels)
        taps, out = int(lengths[kernel]), 30 + 2 * int(paddings[kernel])
        out -= (int(lengths[kernel]) - 1) * int(dilations[kernel])
        multiplied += taps * out * int(channels[kernel])
    assert bound.rocket_flops(features, 7) == 2 * 7 * multiplied
    # (3, 7) times (7, 5), half of that times its transpose, and the eigenvalues of (3, 3)
    assert bound.fid_flops(3, 5, 7) == pytest.approx(2 * 3 * 7 * 5 + 3 * 3 * 5 + 4 / 3 * 27)


@pytest.mark.parametrize("preset", [None, "paper"])
def test_a_step_of_every_stage(preset: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NM_VQTSG_UCR", raising=False)
    monkeypatch.setattr(bound.material, "BY_LENGTH", {24: "ItalyPowerDemand"})
    monkeypatch.setattr(bound, "TIMED", 2)
    monkeypatch.setattr(bound.Watch, "steps", bound.speed.WARM_UP + bound.COUNTED + 2)
    peaks = bound.Peaks()
    peaks.look()
    monkeypatch.setattr(bound.speed, "N_SAMPLES", 64)
    monkeypatch.setattr(bound.speed, "OURS_SAMPLED", 16)
    monkeypatch.setattr(bound.speed, "N_TRAIN", 80)
    params = bound.with_preset(bound.Params(), preset) if preset else bound.Params()
    found = bound.stages(24, params, peaks, rounds=1)
    assert list(found) == ["stage 1", "stage 2", "stage 3", "sampling", "search for τ"]
    for step in found.values():
        parts = bound.shares(step, vars(peaks))
        assert step["flops"] > 1e6 and step["bytes"] > 1e5
        assert parts["all"] == pytest.approx(parts["arithmetic"] + parts["traffic"] + parts["rest"])
        assert 0 < parts["arithmetic"] < parts["all"]
