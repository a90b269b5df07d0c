"""Step ``sample``: draw series from the trained generator.

Reads ``stage1.safetensors``, ``stage2.safetensors``, the class frequencies of ``train.npz`` and the sizes of
``test.npz``; writes ``samples.npz``:

* ``X`` (n, C, L) float32, unconditional, z-scored; n is `sample.n_samples`, or as many as TEST has if more;
* ``y`` (n,), the classes that `X` was drawn of, where `sample.unconditional` is ``mixture``;
* ``tokens_0``, ``tokens_1``, ... (n, N), the tokens of `X` in each band;
* ``X_class`` (m, C, L) and ``y_class`` (m,), `sample.n_per_class` series of each class, classes in order;
  absent where the data have no labels;

and ``pool.npz``, what the mapper may learn on:

* ``X`` (`sample.n_pool`, C, L), unconditional series;
* ``X_redrawn`` (`sample.n_redrawn`, C, L) and ``rows``, series of TRAIN with a part of the tokens drawn anew, and
  which they were.
"""

import numpy as np
import torch

from nm_vqtsg.artifacts import canonical_json, save_npz
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.mapper.pool import draw_pool, save_pool
from nm_vqtsg.metrics.counts import sample_count
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.tokenizer import registry
from nm_vqtsg.training.seeds import derive_seed, new_rng


def run(ctx: StepContext) -> None:
    """Sample unconditionally and per class, and save."""
    config = ctx.params.sample
    train, test = Series.load(ctx.paths.train), Series.load(ctx.paths.test)
    counts = [] if train.y is None else np.bincount(train.y, minlength=train.n_classes).tolist()
    device = ctx.session.device
    tokenizer = registry.load(ctx.params.generator, ctx.model(1), device)
    model = TwoStageGenerator(tokenizer, Prior.load(ctx.model(2), device), config, counts)
    n = sample_count(config.n_samples, len(test.X))
    rng = new_rng(ctx.seed, "sample", "unconditional")
    classes = model.draw_classes(n, rng)
    tokens = model.prior.sample(n, classes, rng=rng, config=config, session=ctx.session)
    small = np.int16 if all(len(book.codes) <= 2**15 for book in model.codebooks) else np.int32
    arrays = {"X": model.decode(tokens).cpu().numpy()}
    arrays |= {f"tokens_{band}": ids.cpu().numpy().astype(small) for band, ids in enumerate(tokens)}
    if classes is not None:
        arrays["y"] = classes.numpy()
    if test.n_classes:
        y = torch.arange(test.n_classes).repeat_interleave(config.n_per_class)
        x = model.sample(len(y), y, rng=new_rng(ctx.seed, "sample", "class"), session=ctx.session)
        arrays |= {"X_class": x.cpu().numpy(), "y_class": y.numpy()}
    drawn = draw_pool(
        model,
        torch.from_numpy(train.X),
        None if train.y is None else torch.from_numpy(train.y),
        n_samples=config.n_pool,
        n_redrawn=config.n_redrawn,
        seed=derive_seed(ctx.seed, "sample"),
        session=ctx.session,
    )
    save_npz(ctx.paths.samples, **arrays, provenance=np.array(canonical_json(ctx.provenance())))
    save_pool(ctx.paths.pool, drawn)
