"""Step ``stage3``: train the neural mapper on the temperature that was found.

Reads ``train.npz``, ``stage1.safetensors`` and ``tau.json``; writes ``stage3.safetensors``, ``stage3.json`` and
``stage3_curve.tsv``.
"""

from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.steps.context import StageContext
from nm_vqtsg.steps.generator import new_generator
from nm_vqtsg.training.curve import save_curve


def run(ctx: StageContext) -> None:
    """Train, look at the result on fresh variants, and save."""
    found = load_json(ctx.paths.tau)
    if not isinstance(found, dict) or not isinstance(found.get("tau"), int | float):
        raise ArtifactError(f"{ctx.paths.tau}: holds no number 'tau'; run tau_search again")
    train = Series.load(ctx.paths.train)
    tokenizer = new_generator(ctx).load_tokenizer(ctx.model(1)).tokenizer_
    mapper = NeuralMapper(ctx.params.stage3, ctx.params.svq, tau=float(found["tau"]), random_state=ctx.seed)
    mapper.fit(tokenizer, train.X, session=ctx.session)

    report = mapper.report_
    for warning in report.warnings:
        ctx.log.warning("stage3: %s", warning)
    mapper.save(ctx.paths.weights(3), ctx.provenance())
    save_curve(ctx.paths.curve(3), mapper.curve_)
    numbers = {
        "tau": mapper.tau_,
        "distance": ctx.params.svq.distance,
        "parameters": sum(parameter.numel() for parameter in mapper.network_.parameters()),
        "steps": int(mapper.curve_[-1]["step"]),
        "loss": mapper.curve_[-1]["loss"],
        **report.as_dict(),
        "provenance": ctx.provenance(),
    }
    save_json(ctx.paths.report(3), numbers)
