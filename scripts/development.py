"""The studies by which a better recipe is chosen: every candidate, its parameters, and how to run it.

    python scripts/development.py                    # what there is
    python scripts/development.py mixture stft-3     # makes studies/development/mixture and .../stft-3
    python scripts/development.py --all --datasets FaceAll TwoPatterns --seeds 0
    python scripts/development.py paper-embedding --full   # studies/confirmation/..., at the paper's own steps
    python scripts/development.py --results          # docs/development.md, and docs/confirmation.md of the latter

The protocol is docs/beyond.md's. Scores are taken on VAL, a part of TRAIN; TEST is not looked at. The candidates
stand in the order in which they depart from the reference, which is the order that scripts/candidates.py wants. A
link or folder ``archive`` in the project's root holds the UCR archive. Studies share tokenisers, priors and
samples through the cache: run the reference first, one candidate after the other.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import candidates

from nm_vqtsg.artifacts import save_text
from nm_vqtsg.engines.study import new_study
from nm_vqtsg.errors import UserError
from nm_vqtsg.params import Params, as_yaml, override, with_preset

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "studies" / "development"
FULL = ROOT / "studies" / "confirmation"
RESULTS = ROOT / "docs" / "development"
CONFIRMED = ROOT / "docs" / "confirmation"
DATASETS = ("FaceAll", "TwoPatterns", "ECG5000", "FordA")
COMMON = (  # judge and scores as cheap as they may be
    "data.source=../../../archive",
    "data.evaluate_on=validation",
    "fcn.epochs=25",
    "fcn.patience=25",
    "fcn.seed=1",
    "sample.n_per_class=50",
    "evaluate.bootstrap=50",
    "evaluate.cas_fits=1",
    "evaluate.network_seeds=0",
    "evaluate.reference_draws=3",
)
QUARTER = ("stage1.steps=5000", "stage2.steps=10000", "stage3.steps=7500")  # of the paper's
MIXTURE = "sample.unconditional=mixture"
NORMALISED = ("stage1.instance_norm=true", "stage3.instance_norm=true")
POOL = ("sample.n_pool=4096",)
FINE = "tau_grid=[0.03,0.1,0.3]"
EMBEDDING = "stage2.embedding=codes"
PRESET = "preset"
PAPER = f"{PRESET}=paper"
MAPPED = (PAPER, MIXTURE, "stage3.instance_norm=true", "stage3.stft_weight=3")

CANDIDATES: dict[str, tuple[str, ...]] = {
    "reference": (),
    "paper": (PAPER,),
    # series without a class
    "mixture": (MIXTURE,),
    "class-dropout-5": ("stage2.class_dropout=0.5",),
    # series that were z-scored one by one, as most of the archive's
    "normalised": (MIXTURE, *NORMALISED),
    "normalised-stft-3": (MIXTURE, *NORMALISED, "stage3.stft_weight=3"),
    "normalised-stft-3-energy-10": (
        MIXTURE,
        *NORMALISED,
        "stage3.stft_weight=3",
        *POOL,
        "stage3.energy_weight=10",
    ),
    # drawing the tokens; there is something to guide only where a class is drawn first
    "guidance-2": (MIXTURE, "sample.guidance_scale=2"),
    "guidance-4": (MIXTURE, "sample.guidance_scale=4"),
    "hf-noise": (MIXTURE, "sample.hf_choice_temperature=10"),
    "one-by-one": (MIXTURE, "sample.steps=64", "sample.hf_choice_temperature=10"),
    # the mapper, each part alone
    "dropout": (MIXTURE, "stage3.dropout=0.5"),
    "validation": (MIXTURE, "stage3.validation_fraction=0.15"),
    "average": (MIXTURE, "stage3.ema_decay=0.999"),
    "stft-1": (MIXTURE, "stage3.stft_weight=1"),
    "stft-3": (MIXTURE, "stage3.stft_weight=3"),
    "stft-10": (MIXTURE, "stage3.stft_weight=10"),
    "fine": (MIXTURE, FINE),
    "outcome": (MIXTURE, FINE, "tau_search.choose=outcome"),
    "energy-3": (MIXTURE, *POOL, "stage3.energy_weight=3"),
    "energy-10": (MIXTURE, *POOL, "stage3.energy_weight=10"),
    # the mapper, together
    "stft-3-outcome": (MIXTURE, FINE, "tau_search.choose=outcome", "stage3.stft_weight=3"),
    "stft-3-outcome-validation": (
        MIXTURE,
        FINE,
        "tau_search.choose=outcome",
        "stage3.stft_weight=3",
        "stage3.validation_fraction=0.15",
    ),
    "stft-3-energy-10": (MIXTURE, *POOL, "stage3.energy_weight=10", "stage3.stft_weight=3"),
    # the paper's generator as it is; what else there is to gain in sampling and mapper
    "paper-mixture": (PAPER, MIXTURE),
    "paper-stft-3": (PAPER, MIXTURE, "stage3.stft_weight=3"),
    "paper-normalised-stft-3": MAPPED,
    "paper-normalised-stft-3-energy-10": (*MAPPED, *POOL, "stage3.energy_weight=10"),
    "paper-normalised-stft-3-outcome": (*MAPPED, FINE, "tau_search.choose=outcome"),
    # ... and with one change more
    "paper-balanced": (*MAPPED, "stage3.balanced=true"),
    "paper-redrawn": (*MAPPED, "sample.n_redrawn=8192", "stage3.redrawn_fraction=0.5"),
    "paper-critic": (*MAPPED, *POOL, "stage3.adversarial_weight=0.1"),
    "paper-noise": (*MAPPED, "stage3.noise_channels=1"),
    "paper-noise-energy-10": (*MAPPED, "stage3.noise_channels=1", *POOL, "stage3.energy_weight=10"),
    "paper-guidance-2": (*MAPPED, "sample.guidance_scale=2"),
    "paper-corrections": (*MAPPED, "sample.corrections=4"),
    "paper-drawn-1": (*MAPPED, "stage2.svq_tau=0.1"),
    "paper-codes-128": (*MAPPED, "stage1.codebook_size=128"),
    "paper-embedding": (*MAPPED, EMBEDDING),
    "paper-embedding-lf-2": (*MAPPED, EMBEDDING, "sample.lf_choice_temperature=2"),
    "paper-embedding-drawn-1": (*MAPPED, EMBEDDING, "stage2.svq_tau=0.1"),
    "paper-embedding-guidance": (*MAPPED, EMBEDDING, "sample.guidance_scale=1.5"),
    "paper-embedding-guidance-lf": (*MAPPED, EMBEDDING, "sample.guidance_scale=1.25", "sample.lf_temperature=0.9"),
    "paper-embedding-guidance-outcome": (
        *MAPPED,
        EMBEDDING,
        "sample.guidance_scale=1.5",
        FINE,
        "tau_search.choose=outcome",
    ),
    # ... and with one part of the paper's networks less
    "paper-revival": (*MAPPED, "stage1.revival_end=0.7"),
    "paper-tokeniser-without-dropout": (*MAPPED, "stage1.dropout=0"),
    "paper-tokeniser-of-one-block": (*MAPPED, "stage1.blocks_per_depth=1", "stage1.first_width=8"),
    "paper-mapper-without-dropout": (*MAPPED, "stage3.dropout=0"),
    # the prior
    "prior-average": (MIXTURE, "stage2.ema_decay=0.999"),
    "prior-hf": (MIXTURE, "stage2.hf.width=128", "stage2.hf.depth=2", "stage2.hf.heads=2"),
    "drawn-03": (MIXTURE, FINE, "stage2.svq_tau=0.03"),
    "drawn-1": (MIXTURE, FINE, "stage2.svq_tau=0.1"),
    "drawn-3": (MIXTURE, FINE, "stage2.svq_tau=0.3"),
    "codes-128": (MIXTURE, "stage1.codebook_size=128"),
    "codes-32": (MIXTURE, "stage1.codebook_size=32"),
}


def params_of(
    name: str, datasets: Sequence[str] = DATASETS, seeds: Sequence[int] = (0, 1, 2), full: bool = False
) -> Params:
    """The parameters of a candidate's study, at a quarter of the paper's steps or all of them (`full`).

    Raises
    ------
    UserError
        If there is no such candidate.
    """
    if name not in CANDIDATES:
        raise UserError(f"{name}: is no candidate; there are {', '.join(CANDIDATES)}")
    params, steps = Params(), () if full else QUARTER
    settings = [*COMMON, *steps, f"datasets=[{','.join(datasets)}]", f"seeds={list(seeds)}"]
    for setting in CANDIDATES[name]:
        key, _, value = setting.partition("=")
        if key == PRESET:
            params = with_preset(params, value)
        else:
            settings.append(setting)
    return override(params, [setting.replace(" ", "") for setting in settings])


def make(name: str, datasets: Sequence[str], seeds: Sequence[int], full: bool = False) -> Path:
    """Make or rewrite the study of a candidate; its folder."""
    params = params_of(name, datasets, seeds, full)
    folder = (FULL if full else FOLDER) / name
    new_study(folder)
    save_text(folder / "params.yaml", as_yaml(params))
    return folder


def finished(folder: Path = FOLDER) -> list[Path]:
    """Studies of candidates that have scores, in the order of `CANDIDATES`."""
    return [folder / name for name in CANDIDATES if any((folder / name / "results" / "metrics").glob("*/*.json"))]


def results(out: Path = RESULTS, confirmed: Path = CONFIRMED) -> None:
    """Rank the candidates that have been run, and write their scores to ``OUT.md`` and ``OUT.csv``.

    Of those that have been run at the paper's steps, too, each is held against the first of them.

    Raises
    ------
    UserError
        If the reference has not been run.
    """
    studies = finished()
    if not studies or studies[0].name != "reference":
        raise UserError(f"{FOLDER / 'reference'}: has no scores, and the others are held against it; run it first")
    candidates.main([*map(str, studies), "--out", str(out)])
    if full := finished(FULL):
        candidates.main([*map(str, full), "--out", str(confirmed)])


def main(arguments: Sequence[str] | None = None) -> None:
    """List the candidates, or make studies of some and print the commands that run them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="CANDIDATE")
    parser.add_argument("--all", action="store_true", help="make every one")
    parser.add_argument("--full", action="store_true", help="at the paper's own steps")
    parser.add_argument("--results", action="store_true", help="rank those that have been run")
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args(arguments)
    if options.results:
        results()
        return
    names = list(CANDIDATES) if options.all else options.names
    for name in names:
        params_of(name)  # a misspelt one is refused before any is made
    for name in names:
        folder = make(name, options.datasets, options.seeds, options.full).relative_to(ROOT)
        print(f"snakemake --directory {folder} --cores 1")
    if not names:
        for name, settings in CANDIDATES.items():
            print(f"{name:<26} {' '.join(settings)}".rstrip())


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
