"""Every score by its name in print, and in words for somebody who meets it for the first time."""

from typing import NamedTuple


class Entry(NamedTuple):
    """A score in print.

    Attributes
    ----------
    name : str
    says : str
        What it looks at, and how to read a value; docs/evaluation.md has the sources.
    """

    name: str
    says: str


LEGEND: dict[str, Entry] = {
    "fid": Entry(
        "FID", "distance of the samples from the real series, as the judge's features see them; 0 if alike"
    ),
    "fid_trimmed": Entry("FID, trimmed", "FID without the 10 % oddest series of either set"),
    "is": Entry(
        "IS",
        "the judge recognises the samples, and all classes occur; from 1 to the number of classes",
    ),
    "is_trimmed": Entry("IS, trimmed", "IS of no more samples than there are real series, in batches of 32"),
    "is_normalized": Entry("IS / classes", "IS over the number of classes"),
    "is_gap": Entry("IS gap to real", "by how much IS misses that of the real series"),
    "cfid": Entry("cFID", "FID within each class, mean over the classes: is a sample like its own class?"),
    "cfid_trimmed": Entry("cFID, trimmed", "cFID without the 10 % oddest series of each class in either set"),
    "kid": Entry("KID", "like FID, but the same for few series and for many; about 0 if alike"),
    "rocket_fid": Entry("ROCKET-FID", "FID on features of random kernels, which need no labels and no training"),
    "rocket_kid": Entry("ROCKET-KID", "KID on features of random kernels"),
    "precision": Entry("precision", "share of the samples that lie near a real series: are they realistic?"),
    "recall": Entry("recall", "share of the real series that have a sample nearby: is the variety there?"),
    "density": Entry("density", "like precision, less moved by single odd series; about 1 if alike"),
    "coverage": Entry("coverage", "like recall, less moved by single odd samples; about 0.97 if alike"),
    "cas": Entry("CAS", "accuracy on real series of a classifier that has learnt from samples alone"),
    "auc": Entry(
        "AUC real or synthetic",
        "how well a plain classifier tells samples from real series: 0.5 is a coin's toss, 1 is every time",
    ),
    "closer_to_train": Entry(
        "closer to TRAIN", "share of the samples that lie closer to TRAIN than to the unseen series; 1: memorised"
    ),
    "distance_ratio": Entry(
        "distance ratio", "distance of a sample to TRAIN over that to the unseen series; 0: memorised"
    ),
    "copies": Entry("copies of TRAIN", "share of the samples that equal a series of TRAIN"),
    "mdd": Entry("MDD", "difference of the histograms of the values, time by time"),
    "acd": Entry("ACD", "difference of the autocorrelations, levels of the series included"),
    "sd": Entry("SD", "difference of the skewness of all values"),
    "kd": Entry("KD", "difference of the kurtosis (the weight of the tails) of all values"),
    "context_fid": Entry("Context-FID", "FID on features of a network that has learnt without labels"),
    "discriminative": Entry(
        "discriminative score",
        "how far a GRU beats a coin's toss at telling samples from real series; at most 0.5",
    ),
    "predictive": Entry(
        "predictive score", "error on real series of a GRU that learnt from samples to predict the next value"
    ),
    "sliced_wasserstein": Entry("sliced Wasserstein", "how far values must move to turn one set into the other"),
    "acf": Entry("ACF distance", "difference of the autocorrelations of the single series"),
    "spectrum": Entry(
        "spectrum distance", "difference of the mean spectra in dB; 6 dB is a factor of 2 in amplitude"
    ),
    "cross_correlation": Entry("cross-correlation", "difference of the correlations between channels"),
}
"""In the order in which tables and pages show them: FID and its kin, realism and variety, memory, statistics,
networks."""

SPREADS = {"is": "is_spread"} | {
    name: f"{name}_sd" for name in ("cas", "context_fid", "discriminative", "predictive")
}
"""Score to the key of its own spread: over splits, fits or networks."""
GAIN = (
    "gain: by how much mapping improves a score, in the score's own unit, with a 95 % interval; negative: worse; "
    "unresolved: it may be chance",
    "change %: the same as the paper gives it, before / after - 1 (for IS, after / before - 1); it grows without "
    "end as the score comes close to zero",
)
"""What the columns of a change say."""
