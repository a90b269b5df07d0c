"""Every parameter with its type, its limits, its default and where the default comes from.

`params.yaml` is generated from these models (``python -m nm_vqtsg params``), and a test fails when they differ.
Sources: *paper* (arXiv text), *code* (the authors' published code), *ours* (decided here; docs/method.md).
"""

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from nm_vqtsg.datasets.archive import PAPER_DATASETS, SIZES, check_name
from nm_vqtsg.datasets.mending import Mending
from nm_vqtsg.errors import DataError, ParameterError, shown
from nm_vqtsg.metrics.counts import ENOUGH

GENERATORS = Path(__file__).resolve().parents[1] / "tokenizer" / "kinds"  # one file each; not imported here
Source = Literal["paper", "code", "ours"]


def _whole(value: Any) -> Any:
    """20.0 as 20; beyond 2**53 a float does not say which integer it is."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value


def _one_line(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("holds a line break or control character; leave it out")
    return value


Text = Annotated[str, AfterValidator(_one_line)]
Whole = Annotated[int, BeforeValidator(_whole), Field(lt=2**63)]
# Limits far above any use, so that neither a misprint nor a hostile file asks for work without end.
Steps = Annotated[Whole, Field(gt=0, le=10**9)]  # of an optimiser
Number = Annotated[Whole, Field(gt=0, le=10**8)]  # of series, draws, kernels
Several = Annotated[Whole, Field(ge=2, le=10**8)]
Batch = Annotated[Whole, Field(gt=0, le=2**20)]
Width = Annotated[Whole, Field(gt=0, le=2**16)]  # channels of a layer, positions of a band
Depth = Annotated[Whole, Field(gt=0, le=256)]  # layers of one kind
Seed = Annotated[Whole, Field(ge=0, lt=2**32)]
Rate = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Noise = Annotated[float, Field(ge=0, le=1e6)]
Temperature = Annotated[float, Field(ge=0.01, le=100)]


def param(default: Any, source: Source, description: str, **limits: Any) -> Any:
    """A field whose default has a source."""
    if isinstance(default, dict | list | BaseModel):
        limits["default_factory"] = lambda: default
    else:
        limits["default"] = default
    return Field(description=description, json_schema_extra={"source": source}, **limits)


def values(default: tuple[Any, ...], source: Source, description: str, **limits: Any) -> Any:
    """A field that is a list in YAML and a tuple in Python."""
    return param(default, source, description, strict=False, **limits)


class Section(BaseModel):
    """Parameters that belong together; frozen, and no unknown key is accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What differs from the defaults, so that an estimator's repr fits on a line."""
        default = type(self)()
        return ((name, value) for name, value in self if value != getattr(default, name))


class Training(Section):
    """The budget of a trained stage (`nm_vqtsg.training.Budget`)."""

    steps: Steps = param(20000, "paper", "optimiser steps")
    batch_size: Batch = param(32, "paper", "series in a batch")
    learning_rate: PositiveFloat = param(0.005, "paper", "peak learning rate")
    learning_rate_min: NonNegativeFloat = param(0.0005, "paper", "learning rate at the end of the cosine")
    warmup_fraction: Rate = param(0.05, "code", "share of the steps with a linear warm-up")
    weight_decay: NonNegativeFloat = param(0.01, "code", "AdamW's weight decay")

    @model_validator(mode="after")
    def _rates_fall(self) -> "Training":
        if self.learning_rate_min > self.learning_rate:
            raise ValueError(f"learning_rate_min must not exceed learning_rate ({self.learning_rate})")
        return self


class Data(Section):
    """Where series come from and how they are split."""

    source: Text = param(
        "figshare",
        "paper",
        "figshare, timeseriesclassification, sktime, or a folder that holds the archive",
        min_length=1,
    )
    test_size: Annotated[float, Field(gt=0, lt=1)] = param(0.2, "paper", "share of the series that TEST gets")
    split_seed: Seed = param(0, "code", "seed of the stratified split")
    min_length: Annotated[Whole, Field(ge=8)] = param(8, "ours", "shorter series are refused")
    evaluate_on: Literal["test", "validation"] = param(
        "test", "ours", "what scores are measured on: test, or validation, a part of TRAIN to choose settings by"
    )
    validation_size: Annotated[float, Field(ge=0.01, le=0.5)] = param(
        0.15, "ours", "share of TRAIN that VAL gets, rounded to one of equal folds (0.15: of 7, 0.2: of 5)"
    )
    validation_fold: Annotated[Whole, Field(ge=0, lt=100)] = param(
        0, "ours", "which of these folds is VAL, from 0"
    )

    @property
    def validation_folds(self) -> int:
        """Into how many equal parts TRAIN is split, of which one is VAL."""
        return round(1 / self.validation_size)

    @model_validator(mode="after")
    def _fold_exists(self) -> "Data":
        if self.validation_fold >= self.validation_folds:
            raise ValueError(
                f"validation_fold {self.validation_fold} does not exist: validation_size {self.validation_size} "
                f"makes folds 0 to {self.validation_folds - 1}"
            )
        return self


class OwnData(Section):
    """A data set of the user's."""

    path: Text = param("data.csv", "ours", "a .csv, .npz, .ts file or a folder", min_length=1)
    label_column: Text | int | None = param(
        None, "ours", "class labels: column of a csv, by name or position from 0, or array of an npz"
    )
    layout: Literal["wide", "long"] = param(
        "wide", "ours", "csv: wide, a series a row, or long, a time step a row and a column for each channel"
    )
    series_column: Text = param("series", "ours", "long csv: the column that tells series apart")
    time_column: Text = param("time", "ours", "long csv: the column that orders a series")
    keep_split: bool = param(False, "ours", "folder: keep its TRAIN and TEST instead of splitting anew")
    channels: tuple[Text, ...] = values(
        (),
        "ours",
        "csv: columns of values, by name (long) or by how they begin (wide: kW_0, kW_1, ...); empty: all",
    )
    length: Whole | None = param(None, "ours", "give all series this length, by fit_length; empty: as they are")
    fit_length: Literal["crop", "pad", "resample"] | None = param(
        None, "ours", "crop longer series, pad shorter ones with their last value, or resample all"
    )
    gaps: Literal["interpolate"] | None = param(
        None, "ours", "interpolate: fill missing values by straight lines; empty: refuse them"
    )

    @model_validator(mode="after")
    def _mending_is_whole(self) -> "OwnData":
        try:
            Mending(self.length, self.fit_length, self.gaps)
        except ParameterError as error:
            raise ValueError(
                str(error).replace("--fit-length", "fit_length").replace("--length", "length")
            ) from error
        return self

    def how(self) -> dict[str, Any]:
        """What `read_own` is told beside path and name."""
        return {
            "label": self.label_column,
            "layout": self.layout,
            "series": self.series_column,
            "time": self.time_column,
            "keep_split": self.keep_split,
            "channels": self.channels,
            "mending": Mending(self.length, self.fit_length, self.gaps),
        }

    def facts(self) -> dict[str, Any]:
        """What decides the series beside the file; what is younger than the others only where it is used.

        So digests of runs that do not use it stay as they were.
        """
        young = {name for name in ("channels", "length", "fit_length", "gaps") if not getattr(self, name)}
        return self.model_dump(mode="json", exclude={"path", *young})


class Fcn(Section):
    """The FCN judge; its budget does not depend on the stages'."""

    source: Text = param(
        "own",
        "ours",
        "own (trained here), published (by the paper's authors), or a folder that holds the latter",
        min_length=1,
    )
    epochs: Steps = param(200, "ours", "passes over TRAIN at most")
    max_steps: Steps = param(20000, "code", "optimiser steps at most")
    batch_size: Batch = param(128, "code", "series in a batch")
    learning_rate: PositiveFloat = param(0.001, "code", "peak learning rate")
    learning_rate_min: NonNegativeFloat = param(0.000001, "code", "learning rate at the end of the cosine")
    weight_decay: NonNegativeFloat = param(0.01, "code", "AdamW's weight decay")
    dropout: Rate = param(0.5, "code", "dropout between the blocks")
    patience: Steps = param(20, "ours", "epochs without a better validation loss before training ends")
    validation_fraction: Annotated[float, Field(gt=0, lt=0.5)] = param(
        0.1, "ours", "share of TRAIN that decides when to stop"
    )
    precision: Literal["float32", "bfloat16"] = param(
        "float32",
        "code",
        "of its training; bfloat16 is faster where the processor or GPU has such arithmetic",
    )
    seed: Seed = param(0, "ours", "one judge per data set, shared by all seeds and generators")


class Stage1(Training):
    """The tokeniser."""

    codebook_size: Annotated[Whole, Field(ge=2, le=2**20)] = param(1024, "paper", "codes of each band")
    code_dim: Width = param(8, "paper", "width of a code")
    lf_width: Width = param(8, "code", "positions in time to aim at in the low-frequency band")
    hf_width: Width = param(32, "code", "positions in time to aim at in the high-frequency band")
    first_width: Width = param(8, "ours", "channels after the first down-sampling")
    last_width: Width = param(128, "code", "channels of the latent")
    blocks_per_depth: Depth = param(1, "ours", "residual blocks at each depth (published: 2)")
    dropout: Rate = param(0.0, "ours", "dropout in residual blocks (published: 0.3)")
    commitment_weight: NonNegativeFloat = param(1.0, "code", "weight of the commitment losses")
    ema_decay: Rate = param(0.8, "code", "decay of the codebook's moving averages")
    revival_patience: Annotated[float, Field(gt=0, le=1e6)] = param(
        1.0, "ours", "epochs that a code may stay unused before it is revived"
    )
    revival_end: Annotated[float, Field(ge=0, lt=1)] = param(
        0.7, "ours", "share of the steps after which no code is revived; 0 revives none"
    )
    instance_norm: bool = param(
        False,
        "paper",
        "decoded series get the mean and standard deviation over time that all series of TRAIN have, if all have",
    )


class Transformer(Section):
    """One bidirectional transformer."""

    width: Width = param(128, "code", "model width")
    depth: Depth = param(4, "code", "blocks")
    heads: Width = param(2, "code", "attention heads")

    @model_validator(mode="after")
    def _heads_divide(self) -> "Transformer":
        if self.width % self.heads:
            raise ValueError(f"heads must divide width ({self.width})")
        return self


class Stage2(Training):
    """The prior."""

    steps: Steps = param(40000, "paper", "optimiser steps")
    lf: Transformer = param(Transformer(), "code", "the network of the low-frequency band")
    hf: Transformer = param(
        Transformer(width=32, depth=1, heads=1), "code", "the network of the high-frequency band"
    )
    embedding: Literal["free", "codes"] = param(
        "free",
        "code",
        "of tokens, and their logits: free, learnt for each; codes, a function of the codes' vectors",
    )
    dropout: Rate = param(0.3, "code", "dropout of the embeddings of tokens that are not masked")
    class_dropout: Rate = param(0.2, "code", "share of the series trained without their class")
    validation_fraction: Annotated[float, Field(ge=0, lt=0.5)] = param(
        0.0, "paper", "share of TRAIN held out to watch the likelihood of; 0 trains on all"
    )
    ema_decay: Rate = param(0.0, "paper", "decay of the weights' moving average; 0 takes the weights themselves")
    svq_tau: Annotated[float, Field(ge=0, le=1e6)] = param(
        0.0,
        "paper",
        "temperature at which tokens of TRAIN are drawn anew at every step (SVQ); 0 takes the nearest",
    )


class Sample(Section):
    """Drawing series from the generator."""

    n_samples: Several = param(ENOUGH, "code", "unconditional series, or as many as TEST has")
    n_per_class: Several = param(100, "code", "class-conditional series of each class")
    n_pool: Annotated[Whole, Field(ge=0, le=10**8)] = param(
        0, "paper", "unconditional series for the mapper to learn on (energy_weight, adversarial_weight)"
    )
    unconditional: Literal["null_class", "mixture"] = param(
        "null_class",
        "code",
        "series without a given class: null_class, the prior's own; mixture, of classes as frequent as in TRAIN",
    )
    n_redrawn: Annotated[Whole, Field(ge=0, le=10**8)] = param(
        0,
        "paper",
        "series of TRAIN, partly drawn anew by the prior, for the mapper to learn on (redrawn_fraction)",
    )
    redraw_fraction: Annotated[float, Field(gt=0, le=1)] = param(
        0.25, "ours", "share of a series' tokens drawn anew: in each correction, and of n_redrawn"
    )
    corrections: Annotated[Whole, Field(ge=0, le=10_000)] = param(
        0, "paper", "times that a part of the tokens is drawn anew, given the others, when all are decoded"
    )
    steps: Annotated[Whole, Field(gt=0, le=10_000)] = param(10, "code", "decoding steps of each band")
    lf_temperature: Temperature = param(1.0, "code", "divides the logits of LF's tokens; below 1 likely ones gain")
    hf_temperature: Temperature = param(1.0, "code", "divides the logits of HF's tokens")
    lf_choice_temperature: Noise = param(10.0, "code", "noise of the choice what to keep, LF")
    hf_choice_temperature: Noise = param(0.0, "code", "noise of the choice what to keep, HF")
    guidance_scale: Annotated[float, Field(ge=0, le=1000)] = param(
        1.0, "code", "classifier-free guidance; 1 is off"
    )


class Svq(Section):
    """Stochastic vector quantisation (Eq. 3.1b)."""

    distance: Literal["euclidean", "squared"] = param(
        "euclidean", "paper", "euclidean, or squared as in the published code"
    )
    unit: Literal["absolute", "spacing"] = param(
        "absolute",
        "paper",
        "of temperatures: absolute; spacing, how much farther a band's second code is than its nearest (median)",
    )


class Rocket(Section):
    """Random convolutional kernels: features that need no training."""

    n_kernels: Number = param(1000, "code", "kernels, of two features each")
    seed: Seed = param(0, "ours", "the same kernels for all that is compared")


class TauSearch(Section):
    """The search for the temperature of SVQ."""

    n_samples: Several = param(ENOUGH, "code", "generated series to compare with")
    n_train: Several | None = param(
        None, "ours", "TRAIN series to compare with, a seeded choice; empty is all, as in the paper"
    )
    choose: Literal["similarity", "outcome"] = param(
        "similarity", "paper", "by likeness of samples and variants, or by what short mappers make of the samples"
    )
    mapper_steps: Steps = param(2000, "ours", "outcome: optimiser steps of each mapper; the rest as in stage3")


class Stage3(Training):
    """The neural mapper."""

    steps: Steps = param(30000, "paper", "optimiser steps")
    width: Width = param(8, "code", "channels at full resolution")
    multipliers: tuple[Width, ...] = values(
        (1, 2, 4, 8, 16), "ours", "width at each depth over the first; time halves", min_length=1, max_length=16
    )
    noise_channels: Annotated[Whole, Field(ge=0, le=64)] = param(
        0, "paper", "channels of white noise beside the series, for what the series leaves open"
    )
    dropout: Rate = param(0.0, "ours", "dropout in residual blocks (published: 0.5)")
    validation_fraction: Annotated[float, Field(ge=0, lt=0.5)] = param(
        0.0, "paper", "share of TRAIN held out to keep the best weights by; 0 keeps the last"
    )
    stft_weight: Annotated[float, Field(ge=0, le=1e6)] = param(
        0.0, "paper", "weight of the distance of Fourier magnitudes beside L1; 0 leaves it out"
    )
    energy_weight: Annotated[float, Field(ge=0, le=1e6)] = param(
        0.0,
        "paper",
        "weight of the energy distance of mapped samples (sample.n_pool) to TRAIN beside L1; 0 leaves it out",
    )
    ema_decay: Rate = param(0.0, "paper", "decay of the weights' moving average; 0 takes the weights themselves")
    adversarial_weight: Annotated[float, Field(ge=0, le=1e6)] = param(
        0.0,
        "paper",
        "weight of what a network that is trained to tell them from TRAIN says of mapped samples; 0 leaves it out",
    )
    redrawn_fraction: Annotated[float, Field(ge=0, le=1)] = param(
        0.0,
        "paper",
        "share of each batch that the prior has drawn anew in part (sample.n_redrawn), in place of SVQ",
    )
    balanced: bool = param(False, "paper", "batches of SVQ variants have as many series of every class")
    instance_norm: bool = param(False, "paper", "mapped series get them, too (see stage1)")


class Evaluate(Section):
    """The evaluation."""

    is_splits: Number = param(10, "code", "splits of the inception score")
    bootstrap: Annotated[Whole, Field(ge=0, le=10**6)] = param(200, "ours", "bootstrap draws behind each interval")
    cas_fits: Annotated[Whole, Field(ge=0, le=1000)] = param(
        3, "ours", "classifiers behind the classification accuracy score; 0 leaves it out"
    )
    reference_draws: Annotated[Whole, Field(gt=0, le=1000)] = param(
        5, "ours", "parts of TRAIN that show what real series score"
    )
    network_seeds: Annotated[Whole, Field(ge=0, le=1000)] = param(
        3, "ours", "networks behind Context-FID, discriminative and predictive score, each; 0 leaves them out"
    )
    network_steps: Steps = param(200, "ours", "optimiser steps of each of these networks")
    seed: Seed = param(0, "ours", "seed of subsets, splits, networks and bootstrap draws")


class Plot(Section):
    """The figures."""

    n_overlay: Number = param(200, "paper", "series drawn over one another in Figure 2")
    n_pairs: Number = param(4, "ours", "pairs drawn in Figure 3, and reconstructions")
    n_points: Number = param(200, "ours", "series of each set whose features Figures 4 and 5 show")
    seed: Seed = param(0, "ours", "which series are drawn")


class Params(Section):
    """All parameters of a study."""

    datasets: tuple[str, ...] = values(
        PAPER_DATASETS, "paper", "names of the archive or of own_data", min_length=1
    )
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = values(
        (0, 1, 2), "paper", "one full run each; the paper averages three", min_length=1
    )
    tau_grid: tuple[PositiveFloat, ...] = values(
        (0.1, 0.5, 1, 2, 4), "paper", "temperatures of SVQ that are tried", min_length=1
    )
    generator: str = param("timevqvae", "paper", "timevqvae, vqvae or a kind of your own (docs/generators.md)")
    data: Data = param(Data(), "ours", "the data")
    own_data: dict[str, OwnData] = param({}, "ours", "data sets of your own: name -> {path, label_column}")
    fcn: Fcn = param(Fcn(), "ours", "the FCN judge")
    stage1: Stage1 = param(Stage1(), "ours", "the tokeniser")
    stage2: Stage2 = param(Stage2(), "ours", "the prior")
    sample: Sample = param(Sample(), "ours", "sampling")
    svq: Svq = param(Svq(), "ours", "stochastic vector quantisation")
    rocket: Rocket = param(Rocket(), "ours", "ROCKET features")
    tau_search: TauSearch = param(TauSearch(), "ours", "the search for tau")
    stage3: Stage3 = param(Stage3(), "ours", "the neural mapper")
    evaluate: Evaluate = param(Evaluate(), "ours", "the evaluation")
    plot: Plot = param(Plot(), "ours", "the figures")

    @model_validator(mode="after")
    def _names_are_known(self) -> "Params":
        names = {*SIZES, *self.own_data}
        taken = {name.lower(): name for name in SIZES}  # some file systems tell no capitals from small letters
        for name in self.own_data:
            try:
                check_name(name)
            except DataError as error:
                raise ValueError(f"own_data: {error}") from error
            other = taken.setdefault(name.lower(), name)
            if other in SIZES:
                raise ValueError(
                    f"own_data: '{name}' is the name of a data set of the UCR archive; choose another"
                )
            if other != name:
                raise ValueError(f"own_data: '{other}' and '{name}' differ in capitals alone; choose another name")
        for name in self.datasets:
            if name not in names:
                raise ValueError(
                    f"datasets: {shown(name)} is neither one of the UCR archive's 128 sets nor an entry of "
                    f"own_data{_suggestion(name, names)}"
                )
        strange = [name for name in self.datasets if name in self.own_data]
        if self.fcn.source != "own" and strange:
            raise ValueError(
                f"fcn.source: only data sets of the UCR archive have a published judge; set it to own, or leave "
                f"{shown(strange[0])} out"
            )
        for weight in ("energy_weight", "adversarial_weight"):
            if getattr(self.stage3, weight) and self.sample.n_pool < 2:
                raise ValueError(
                    f"sample.n_pool: with stage3.{weight} the mapper learns on generated series; set it to 4096, "
                    "for example, or the weight to 0"
                )
        if self.stage3.redrawn_fraction and not self.sample.n_redrawn:
            raise ValueError(
                "sample.n_redrawn: with stage3.redrawn_fraction the mapper learns on series that the prior has "
                "drawn anew in part; set it to 8192, for example, or the fraction to 0"
            )
        kinds = sorted(path.stem for path in GENERATORS.glob("[!_]*.py"))
        if self.generator not in kinds:
            raise ValueError(
                f"generator: {shown(self.generator)} is unknown; there are {', '.join(kinds)}"
                f"{_suggestion(self.generator, set(kinds))}"
            )
        for key, chosen in (("datasets", self.datasets), ("seeds", self.seeds), ("tau_grid", self.tau_grid)):
            if len(set(chosen)) < len(chosen):
                raise ValueError(f"{key}: holds the same value twice; each may stand once")
        return self


def _suggestion(name: str, names: set[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name[:80], sorted(names), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
