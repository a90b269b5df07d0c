"""A step as DVC runs it: what DVC would record wrongly is refused, and what it could lose is kept.

DVC takes the digests of inputs and parameters when a step has ended, and those of code and own data from the
study's fingerprint.json, which was made when its run began. So it would record an edit of either, made while the
step is at work, as what the results come from. And it makes results anew that did not fit into its cache. The jobs
of Snakemake look for themselves, see `nm_vqtsg.engines.job`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.engines.pipeline import FINGERPRINT, Pipeline, Stage
from nm_vqtsg.engines.records import Digests, Record, fingerprint_of, ingredients, products, same_ingredients
from nm_vqtsg.engines.store import Store
from nm_vqtsg.errors import UserError


@contextmanager
def guest_of_dvc(directory: Path, step: str, wildcards: Mapping[str, str]) -> Iterator[None]:
    """Inside the block a step does its work, and leaves what it needs to go on should its results get lost.

    Raises
    ------
    UserError
        If the cache takes no files, or if parameters, inputs, code or own data of the step change while it works;
        code and own data also if they did since DVC looked at them.
    """
    store, pipeline = Store(directory), Pipeline(directory)
    stage = pipeline.find(step, wildcards)
    store.check_writable()
    before = _ingredients(pipeline, stage, Digests())
    if before is not None and not _as_dvc_saw(directory, before):
        raise UserError(f"{stage.name}: its code or data changed before it began; run `dvc repro` again")
    yield
    pipeline, digests = Pipeline(directory), Digests()
    after = _ingredients(pipeline, pipeline.stages.get(stage.name), digests)
    if after is None or not same_ingredients(before, after):
        raise UserError(
            f"{stage.name}: its inputs, code or parameters changed while it ran; run `dvc repro` again"
        )
    outs = products(pipeline, stage, digests)
    if outs is not None:
        store.remember({**after, "outs": outs})


def _ingredients(pipeline: Pipeline, stage: Stage | None, digests: Digests) -> Record | None:
    return None if stage is None else ingredients(pipeline, stage, digests, fingerprint_of(pipeline, digests))


def _as_dvc_saw(directory: Path, now: Record) -> bool:
    """Whether the digests of code and own data are those of the file from which DVC takes them."""
    recorded = load_json(directory / FINGERPRINT)
    seen = now.get("params", {}).get(FINGERPRINT, {})
    kinds = {key: key.partition(".") for key in seen}
    return all(recorded[kind].get(name) == seen[key] for key, (kind, _, name) in kinds.items())
