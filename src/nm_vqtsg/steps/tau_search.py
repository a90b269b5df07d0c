"""Step ``tau_search``: find the temperature of stochastic vector quantisation.

Reads ``train.npz``, ``stage1.safetensors`` and ``samples.npz``; writes ``tau.json``, which holds the chosen
temperature and nothing else, and ``tau_curve.json``, the whole search.
"""

import torch

from nm_vqtsg.artifacts import load_npz, save_json
from nm_vqtsg.datasets.series import Series
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
    curve = search_tau(
        registry.load(params.generator, ctx.model(1), ctx.session.device),
        torch.from_numpy(train.X),
        torch.from_numpy(x_hat),
        params.tau_grid,
        RocketFeatures(channels, length, params.rocket.n_kernels, params.rocket.seed),
        distance=params.svq.distance,
        n_train=params.tau_search.n_train,
        seed=ctx.seed,
        session=ctx.session,
    )
    report = {
        "grid": curve.grid,
        "fid": curve.fid,
        "tau": curve.tau,
        "at_edge": curve.at_edge,
        "n_generated": curve.n_generated,
        "n_train": curve.n_train,
        "distance": params.svq.distance,
        "rocket": params.rocket.model_dump(mode="json"),
        "provenance": ctx.provenance(),
    }
    save_json(ctx.paths.tau_curve, report)
    save_json(ctx.paths.tau, {"tau": curve.tau})
    for warning in advice.warnings(report):
        ctx.log.warning("tau_search: %s", warning)
