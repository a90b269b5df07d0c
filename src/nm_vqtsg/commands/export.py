"""Take a run out of a study, as a folder that can be shared."""

from pathlib import Path

import torch

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import UserError
from nm_vqtsg.estimators.description import Description, Facts
from nm_vqtsg.estimators.folder import GENERATOR, MAPPER, write_card, write_folder
from nm_vqtsg.estimators.registry import generator_class
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.tokenizer import registry


def export(ctx: StepContext, folder: Path) -> list[str]:
    """Write the run's generator, and its mapper and scores where they are made already; name what was written.

    In a study series are scaled; the model in the folder takes and gives the units and labels of the data.

    Raises
    ------
    ArtifactError
        If the generator is not trained yet.
    UserError
        If `folder` holds other things than a saved model.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / GENERATOR).is_file():
        raise UserError(f"{folder}: is not empty and holds no saved model; name a new folder")
    params, paths = ctx.params, ctx.paths
    train = Series.load(paths.train)
    tokenizer = registry.load(params.generator, paths.weights(1))
    generator = TwoStageGenerator(tokenizer, Prior.load(paths.weights(2)), params.sample)
    labels: list = [] if train.labels is None else train.labels.tolist()
    ids = None if train.y is None else torch.from_numpy(train.y)
    origin = {key: value for key, value in ctx.provenance().items() if key in ("dataset", "seed", "params")}
    origin |= train.facts()
    description = Description.of(
        generator,
        kind=params.generator,
        title=generator_class(params.generator).__name__,
        data=ctx.dataset,
        classes=labels,
        mean=train.scaling.mean.tolist(),
        std=train.scaling.std.tolist(),
        random_state=ctx.seed,
        facts=Facts.of(train.X, ids, train.n_classes, origin),
        channel_names=train.channels,
    )
    metrics = load_json(paths.metrics) if paths.metrics.is_file() else None
    write_folder(folder, description, generator, metrics)
    written = ["generator"]
    if paths.weights(3).is_file():
        mapper = Mapper.load(paths.weights(3))
        mapper.scaling = train.scaling
        mapper.save(folder / MAPPER)
        write_card(folder)
        written.append("mapper")
    return written + ([] if metrics is None else ["scores"])
