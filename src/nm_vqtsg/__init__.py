"""Neural Mapper for Vector Quantized Time Series Generators (NM-VQTSG).

The names below are all that most users need. They are loaded when they are first used, so that importing the
package is quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nm_vqtsg.errors import UserError
    from nm_vqtsg.estimators.neural_mapper import NeuralMapper
    from nm_vqtsg.estimators.registry import load_generator
    from nm_vqtsg.estimators.timevqvae import TimeVQVAE
    from nm_vqtsg.estimators.vqvae import VQVAE
    from nm_vqtsg.evaluation.table import format_scores
    from nm_vqtsg.report.arrays import evaluate

__version__ = "0.1.0"

_PLACES = {
    "TimeVQVAE": "nm_vqtsg.estimators.timevqvae.TimeVQVAE",
    "VQVAE": "nm_vqtsg.estimators.vqvae.VQVAE",
    "load_generator": "nm_vqtsg.estimators.registry.load_generator",
    "NeuralMapper": "nm_vqtsg.estimators.neural_mapper.NeuralMapper",
    "evaluate": "nm_vqtsg.report.arrays.evaluate",
    "format_scores": "nm_vqtsg.evaluation.table.format_scores",
    "UserError": "nm_vqtsg.errors.UserError",
}
__all__ = [  # noqa: RUF022 - in the order in which a user meets them
    "TimeVQVAE",
    "VQVAE",
    "load_generator",
    "NeuralMapper",
    "evaluate",
    "format_scores",
    "UserError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    module, _, attribute = _PLACES[name].rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
