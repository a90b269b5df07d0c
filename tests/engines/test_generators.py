"""Own series of several channels without labels, and another generator, in both engines."""

from __future__ import annotations

import json

import numpy as np
import pytest

from .conftest import Workspace, jobs

pytestmark = pytest.mark.engines

FROM_STAGE1 = "stage1 stage2 sample tau_search stage3 evaluate plot tables"


def test_own_series_with_one_generator_and_the_other(fresh: Workspace) -> None:
    X = np.random.default_rng(0).standard_normal((40, 6, 24)).cumsum(-1)
    np.savez(fresh.path / "mine.npz", X=X)
    own = {
        "path": "mine.npz",
        "label_column": None,
        "layout": "wide",
        "series_column": "series",
        "time_column": "time",
        "keep_split": False,
    }
    fresh.set(datasets=["Mine"], own_data={"Mine": own})
    fresh.snakemake()
    assert fresh.ran() == jobs(f"download resplit fcn {FROM_STAGE1}", ("Mine",))
    fresh.assert_idle()
    metrics = fresh.path / "results/metrics/Mine/seed0.json"
    first = metrics.read_bytes()
    assert "labels" in json.loads(first)["missing"]["fid"]

    fresh.set(generator="vqvae")
    assert fresh.planned() == jobs(FROM_STAGE1, ("Mine",))
    fresh.dvc("repro")
    assert fresh.ran() == jobs(FROM_STAGE1, ("Mine",))
    fresh.assert_idle()
    assert metrics.read_bytes() != first
    fresh.edit("src/nm_vqtsg/tokenizer/kinds/timevqvae.py")  # of another generator
    assert fresh.planned() == set()

    fresh.edit("src/nm_vqtsg/tokenizer/kinds/vqvae.py")
    assert fresh.planned() == jobs(FROM_STAGE1, ("Mine",))
