"""Step ``tau_search``: find the temperature of stochastic vector quantisation.

Reads ``train.npz``, ``stage1.safetensors``, ``samples.npz`` and ``pool.npz``; writes ``tau.json``, which holds the
chosen temperature and nothing else, and ``tau_curve.json``, the whole search. Where ``tau_search.choose`` is
``outcome``, the likeness of samples and variants is measured all the same, for Figure 5, but decides nothing;
where no mapping wins, the temperature is null.
"""

from dataclasses import asdict
from typing import Any

import torch

from nm_vqtsg.artifacts import load_npz, save_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.mapper.outcome import search_by_outcome
from nm_vqtsg.mapper.pool import load_pool
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.svq import advice
from nm_vqtsg.svq.tau_search import search_tau
from nm_vqtsg.tokenizer import registry


def run(ctx: StepContext) -> None:
    """Search, warn when the optimum lies at the edge of the grid, and save."""
    params = ctx.params
    train = Series.load(ctx.paths.train)
    x_hat = load_npz(ctx.paths.samples, required=("X",))["X"][: params.tau_search.n_samples]
    channels, length = train.X.shape[1:]
    searched = (
        registry.load(params.generator, ctx.model(1), ctx.session.device),
        torch.from_numpy(train.X),
        torch.from_numpy(x_hat),
        params.tau_grid,
        RocketFeatures(channels, length, params.rocket.n_kernels, params.rocket.seed),
    )
    curve = search_tau(
        *searched,
        svq=params.svq,
        n_train=params.tau_search.n_train,
        seed=ctx.seed,
        session=ctx.session,
    )
    report: dict[str, Any] = {
        "grid": curve.grid,
        "fid": curve.fid,
        "tau": curve.tau,
        "at_edge": curve.at_edge,
        "n_generated": curve.n_generated,
        "n_train": curve.n_train,
        "svq": params.svq.model_dump(mode="json"),
        "rocket": params.rocket.model_dump(mode="json"),
        "provenance": ctx.provenance(),
    }
    if params.tau_search.choose == "outcome":
        outcome = search_by_outcome(
            *searched,
            config=params.stage3.model_copy(update={"steps": params.tau_search.mapper_steps}),
            svq=params.svq,
            y=train.y,
            pool=load_pool(ctx.paths.pool),
            seed=ctx.seed,
            session=ctx.session,
        )
        report |= {"tau": outcome.tau, "at_edge": outcome.at_edge, "outcome": asdict(outcome)}
    save_json(ctx.paths.tau_curve, report)
    save_json(ctx.paths.tau, {"tau": report["tau"]})
    for warning in advice.warnings(report):
        ctx.log.warning("tau_search: %s", warning)
