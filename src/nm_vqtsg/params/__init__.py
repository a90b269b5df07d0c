"""The parameters of a study: one typed source, checked before any work starts."""

from nm_vqtsg.params.models import (
    Data,
    Evaluate,
    Fcn,
    OwnData,
    Params,
    Plot,
    Rocket,
    Sample,
    Section,
    Stage1,
    Stage2,
    Stage3,
    Svq,
    TauSearch,
    Training,
    Transformer,
)
from nm_vqtsg.params.presets import PRESETS, preset_text, with_preset
from nm_vqtsg.params.text import as_yaml, load_params, override, parse_params

__all__ = [
    "PRESETS",
    "Data",
    "Evaluate",
    "Fcn",
    "OwnData",
    "Params",
    "Plot",
    "Rocket",
    "Sample",
    "Section",
    "Stage1",
    "Stage2",
    "Stage3",
    "Svq",
    "TauSearch",
    "Training",
    "Transformer",
    "as_yaml",
    "load_params",
    "override",
    "parse_params",
    "preset_text",
    "with_preset",
]
