"""One thin file per step of the pipeline: read artifacts, call the library, write artifacts."""

STEPS: dict[str, str] = {
    "download": "dataset",
    "resplit": "dataset",
    "fcn": "dataset",
    "stage1": "seed",
    "stage2": "seed",
    "sample": "seed",
    "tau_search": "seed",
    "stage3": "seed",
    "evaluate": "seed",
    "plot": "seed",
    "tables": "study",
}
"""Each step and what it runs once for: a data set, a data set and seed, or the whole study."""

TRAINED = ("fcn", "stage1", "stage2", "stage3")
"""The steps that train, keep checkpoints and can be resumed inside."""

CHECKPOINT_EVERY_S = 60.0
"""Seconds between two checkpoints, unless the command line or NM_VQTSG_CHECKPOINT_EVERY says otherwise."""
