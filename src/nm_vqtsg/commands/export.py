"""Take a run out of a study, as a folder that can be shared."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import UserError
from nm_vqtsg.estimators.folder import Facts
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.steps.context import StageContext
from nm_vqtsg.steps.generator import new_generator


def export(ctx: StageContext, folder: Path) -> list[str]:
    """Write the run's generator, and its mapper and scores where they are made already; name what was written.

    In a study series are scaled; the model in the folder takes and gives the units and labels of the data.

    Raises
    ------
    ArtifactError
        If the generator is not trained yet.
    UserError
        If `folder` holds other things than a saved model.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "generator.json").is_file():
        raise UserError(f"{folder}: is not empty and holds no saved model; name a new folder")
    train = Series.load(ctx.paths.train)
    model = new_generator(ctx).load_tokenizer(ctx.paths.weights(1)).load_prior(ctx.paths.weights(2))
    model.mean_, model.std_ = train.mean, train.std
    counts: tuple[int, ...] = ()
    if train.y is not None and train.labels is not None:
        model.classes_ = train.labels
        counts = tuple(np.bincount(train.y, minlength=train.n_classes).tolist())
    origin = {key: value for key, value in ctx.provenance().items() if key in ("dataset", "seed", "params")}
    model.facts_ = replace(Facts(), n=len(train.X), n_per_class=counts, origin=origin)
    metrics = load_json(ctx.paths.metrics) if ctx.paths.metrics.is_file() else None
    model.save(folder, data=ctx.dataset, metrics=metrics)
    written = ["generator"]
    if ctx.paths.weights(3).is_file():
        mapper = NeuralMapper.load(ctx.paths.weights(3), device=ctx.session.device.type)
        mapper.mean_, mapper.std_ = train.mean, train.std
        mapper.save(folder)
        written.append("mapper")
    return written + ([] if metrics is None else ["scores"])
