"""The generator of a study, as its steps use it."""

from nm_vqtsg.estimators.generator import TwoStageEstimator
from nm_vqtsg.estimators.registry import generator_class
from nm_vqtsg.steps.context import StageContext


def new_generator(ctx: StageContext) -> TwoStageEstimator:
    """The generator that params.yaml names, with its parameters, for the z-scored series of the study."""
    params = ctx.params
    return generator_class(params.generator)(
        params.stage1,
        params.stage2,
        params.sample,
        random_state=ctx.seed,
        scale=False,
        device=ctx.session.device.type,
        progress=False,  # the session shows it
    )
