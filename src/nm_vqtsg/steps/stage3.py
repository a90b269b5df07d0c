"""Step ``stage3``: train the neural mapper on the temperature that was found.

Reads ``train.npz``, ``stage1.safetensors``, ``tau.json`` and ``pool.npz``; writes ``stage3.safetensors``,
``stage3.json`` and ``stage3_curve.tsv``. Where the search found no mapping to be best, its `tau` is null, nothing
is trained, and the mapper changes nothing.
"""

from dataclasses import asdict

import torch

from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.mapper import advice
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.mapper.pool import load_pool
from nm_vqtsg.mapper.quality import measure
from nm_vqtsg.nn.quantizer import codes_digest
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.tokenizer import registry
from nm_vqtsg.training.curve import save_curve


def run(ctx: StepContext) -> None:
    """Train, look at the result on fresh variants, and save."""
    chosen = load_json(ctx.paths.tau)
    tau = chosen.get("tau", "") if isinstance(chosen, dict) else ""
    if isinstance(tau, bool) or not isinstance(tau, int | float | None):
        raise ArtifactError(f"{ctx.paths.tau}: holds no 'tau', a number or null; run tau_search again")
    params, device = ctx.params, ctx.session.device
    train = Series.load(ctx.paths.train)
    x = torch.from_numpy(train.X).to(device)
    tokenizer = registry.load(params.generator, ctx.model(1), device)
    variants = StochasticVariants(tokenizer, x, params.svq)
    codes = codes_digest(tokenizer.codebooks)
    tau = None if tau is None else float(tau)
    mapper = Mapper(params.stage3, params.svq, tau, x.shape[1], x.shape[2], codes)
    curve = mapper.fit(variants, ctx.seed, ctx.session, train.y, load_pool(ctx.paths.pool))
    quality = {} if tau is None else asdict(measure(mapper, variants, ctx.seed))

    report = {
        "tau": mapper.tau,
        "svq": params.svq.model_dump(mode="json"),
        "parameters": sum(parameter.numel() for parameter in mapper.network.parameters()),
        "steps": int(curve[-1]["step"]) if curve else 0,
        "loss": curve[-1]["loss"] if curve else None,
        **quality,
        **(asdict(mapper.held_out) if mapper.held_out else {}),
        "provenance": ctx.provenance(),
    }
    mapper.save(ctx.paths.weights(3), ctx.provenance())
    save_curve(ctx.paths.curve(3), curve)
    save_json(ctx.paths.report(3), report)
    for warning in advice.warnings(report):
        ctx.log.warning("stage3: %s", warning)
