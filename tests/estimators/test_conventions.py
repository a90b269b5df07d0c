"""Generators and mapper as scikit-learn's users expect them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.exceptions
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted
from small_model import LENGTH, labelled_waves, small_generator, small_mapper

from nm_vqtsg import VQVAE, NeuralMapper, TimeVQVAE, UserError
from nm_vqtsg.errors import DataError, ParameterError
from nm_vqtsg.params import Stage1

X, y = labelled_waves()


@pytest.fixture(scope="module")
def model() -> TimeVQVAE:
    return small_generator().fit(X, y)


@pytest.fixture(scope="module")
def mapper(model: TimeVQVAE) -> NeuralMapper:
    return small_mapper().fit(model, X)


@pytest.mark.parametrize("kind", [TimeVQVAE, VQVAE, NeuralMapper])
def test_defaults_are_the_paper_s_and_the_repr_is_short(kind: type) -> None:
    assert repr(kind()) == f"{kind.__name__}()"
    steps = {name: value for name, value in kind().get_params().items() if name.endswith("__steps")}
    paper = {"stage1__steps": 20000, "stage2__steps": 40000, "stage3__steps": 30000}
    assert {k: v for k, v in steps.items() if k in paper}.items() <= paper.items() and steps


def test_parameters_are_stored_as_given_read_and_changed() -> None:
    given = {"steps": np.int64(7)}
    model = TimeVQVAE(given, random_state=5)
    assert model.stage1 is given and model.stage2 is None
    assert model.get_params()["stage1__steps"] == 7
    assert model.get_params()["stage2__lf__depth"] == 4
    assert "stage1__steps" not in model.get_params(deep=False)
    model.set_params(stage1__codebook_size=32, stage2__lf__depth=2, random_state=6)
    assert model.section("stage1") == Stage1(steps=7, codebook_size=32)
    assert model.section("stage2").lf.depth == 2 and model.section("stage2").hf.depth == 1
    assert repr(model.stage1) == "Stage1(steps=7, codebook_size=32)"
    other = clone(model)
    assert other is not model and other.get_params() == model.get_params()
    assert not hasattr(other, "tokenizer_")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: TimeVQVAE({"stepz": 5}), "'stage1.stepz' is unknown; there are steps, batch_size"),
        (lambda: VQVAE(stage2={"lf": {"width": 3}}), "stage2.lf: heads must divide width"),
        (lambda: TimeVQVAE({"steps": 0}), "stage1.steps: .*greater than 0, found 0"),
        (lambda: TimeVQVAE(1000), "stage1: give a dict"),
        (lambda: TimeVQVAE(sampling={"steps": "ten"}), "sampling.steps"),
        (lambda: NeuralMapper(tau_search={"choice": "outcome"}), "'tau_search.choice' is unknown; there are"),
        (lambda: TimeVQVAE().set_params(stage1={"stepz": 3}), "'stage1.stepz' is unknown; there are"),
        (lambda: NeuralMapper().set_params(stage3=7), "stage3: give a dict"),
        (lambda: TimeVQVAE().set_params(steps=5), "'steps' is unknown to TimeVQVAE"),
        (lambda: TimeVQVAE().set_params(stage1__stepz=5), "'stage1__stepz' is unknown to TimeVQVAE"),
        (lambda: TimeVQVAE().set_params(stage1__steps=-5), "stage1.steps"),
        (lambda: small_generator(random_state="3").fit(X), "random_state.* not '3'"),
        (lambda: small_generator(random_state=True).fit(X), "random_state.* not True"),
        (lambda: small_generator(random_state=-1).fit(X), "from 0 to"),
        (lambda: small_generator(device="tpu").fit(X), "device 'tpu'"),
        (lambda: small_mapper(tau="low").fit(small_generator(), X), "tau: 'low' is no temperature"),
    ],
)
def test_impossible_parameters_are_one_sentence(action: Any, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        action()
    assert "\n" not in str(error.value)


def test_a_refused_change_changes_nothing() -> None:
    model = TimeVQVAE({"steps": 7}, random_state=5)
    with pytest.raises(ParameterError):
        model.set_params(random_state=6, stage1__steps=8, stage2={"stepz": 3})
    assert model.random_state == 5 and model.section("stage1").steps == 7 and model.stage2 is None
    model.set_params(stage1__steps=9, stage1={"codebook_size": 32})  # the whole first, whatever the order
    assert model.section("stage1") == Stage1(steps=9, codebook_size=32)


def test_random_states_are_those_of_scikit_learn(tmp_path: Path) -> None:
    """None draws from NumPy's global generator, a RandomState moves on; what was drawn is told and saved."""

    def drawn(source: Any) -> tuple[list[int], list[np.ndarray]]:
        models = [small_generator(random_state=source).fit(X, y) for _ in range(2)]
        return [model.seed_ for model in models], [model.sample(2, rng=0) for model in models]

    sources = (
        lambda: np.random.RandomState(0),
        lambda: np.random.default_rng(0),
        lambda: np.random.seed(0),  # which gives None
    )
    for source in sources:
        seeds, samples = drawn(source())
        assert seeds[0] != seeds[1] and not np.array_equal(*samples)
        again, same = drawn(source())
        assert again == seeds and np.array_equal(samples, same)
    alike = small_generator(random_state=seeds[0]).fit(X, y)
    assert alike.seed_ == seeds[0] and np.array_equal(alike.sample(2, rng=0), samples[0])

    model = clone(small_generator(random_state=np.random.RandomState(1))).fit(X)
    first = model.sample(2)
    assert not np.array_equal(first, model.sample(2))  # as of scikit-learn's mixtures
    model.save(tmp_path)
    loaded = TimeVQVAE.load(tmp_path, device="cpu", progress=False)
    assert loaded.random_state == model.seed_ and np.array_equal(loaded.sample(2), loaded.sample(2))

    searched = [small_mapper(random_state=None, tau=None, tau_grid=[0.1, 1], rocket={"n_kernels": 20})] * 2
    assert len({mapper.fit(model, X).seed_ for mapper in searched}) == 2


def test_random_numbers_of_samples(model: TimeVQVAE) -> None:
    expected = model.sample(3, rng=4)
    for same in (model.sample(3, None, 4), model.sample(3, rng=np.uint32(4)), model.sample(3, seed=4)):
        assert np.array_equal(same, expected)
    for make in (np.random.default_rng, np.random.RandomState):
        rng = make(0)
        first, second = model.sample(3, rng=rng), model.sample(3, rng=rng)
        assert not np.array_equal(first, second) and np.array_equal(model.sample(3, rng=make(0)), first)
    with pytest.raises(ParameterError, match="give only rng"):
        model.sample(1, rng=0, seed=0)


def test_pipelines(model: TimeVQVAE, mapper: NeuralMapper) -> None:
    """A generator comes last, a fitted mapper stands frozen before what uses mapped series."""
    pipeline = make_pipeline(FunctionTransformer(np.squeeze), small_generator()).fit(X, y)
    assert np.array_equal(pipeline[-1].sample(2, rng=0), model.sample(2, rng=0))
    assert not hasattr(pipeline, "transform") and not hasattr(mapper, "fit_transform")

    X_hat = model.sample(20, ["slow", "fast"] * 10, rng=0)
    flat = FunctionTransformer(lambda series: series.reshape(len(series), -1))
    judge = make_pipeline(FrozenEstimator(mapper), flat, KNeighborsClassifier(1)).fit(X_hat, ["slow", "fast"] * 10)
    assert np.array_equal(judge[:2].transform(X_hat), mapper.transform(X_hat)[:, 0])
    assert judge.predict(X_hat).tolist() == ["slow", "fast"] * 10


def test_before_fit_everything_says_so_in_scikit_learn_s_way(mapper: NeuralMapper) -> None:
    for estimator in (TimeVQVAE(), NeuralMapper()):
        with pytest.raises(sklearn.exceptions.NotFittedError):
            check_is_fitted(estimator)
    for call in (
        lambda: TimeVQVAE().sample(1),
        lambda: TimeVQVAE().reconstruct(X),
        lambda: TimeVQVAE().fit_prior(X),
        lambda: TimeVQVAE().save("x"),
        lambda: NeuralMapper().transform(X),
        lambda: NeuralMapper().save("x"),
    ):
        with pytest.raises(sklearn.exceptions.NotFittedError, match="not fitted yet; call fit"):
            call()
        with pytest.raises(UserError):
            call()
    check_is_fitted(mapper)
    with pytest.raises(sklearn.exceptions.NotFittedError, match="fit it first"):
        small_mapper().fit(TimeVQVAE(), X)
    with pytest.raises(UserError, match="wrap it as a VQGenerator") as error:
        small_mapper().fit(object(), X)
    assert not isinstance(error.value, sklearn.exceptions.NotFittedError)


def test_a_new_tokeniser_takes_its_old_prior_away(model: TimeVQVAE) -> None:
    other = small_generator().fit(X, y)
    other.fit_tokenizer(X)
    with pytest.raises(UserError, match="not fitted"):
        other.sample(1)
    assert model.sample(1).shape == (1, 1, LENGTH)


def test_sampling_is_changed_without_training(model: TimeVQVAE) -> None:
    other = small_generator().fit(X, y)
    assert np.array_equal(other.sample(20, rng=0), model.sample(20, rng=0))
    other.set_params(sampling__hf_choice_temperature=20.0)
    assert not np.array_equal(other.sample(20, rng=0), model.sample(20, rng=0))


def test_frames_lists_and_tensors_are_taken_alike(model: TimeVQVAE) -> None:
    import torch

    frame = pd.DataFrame(X[:, 0])
    expected = model.sample(2, rng=0)
    for series, labels in (
        (frame, pd.Series(y)),
        (frame.convert_dtypes(), pd.Series(y, dtype="category")),
        (X.tolist(), y.tolist()),
        (torch.from_numpy(X), list(y)),
    ):
        assert np.array_equal(small_generator().fit(series, labels).sample(2, rng=0), expected)


def test_labels_of_any_kind_come_back() -> None:
    for labels, classes in (
        (np.arange(24) % 3, [0, 1, 2]),
        (np.arange(24) % 2 + 1.0, [1, 2]),
        (np.arange(24) % 2 + 0.5, [0.5, 1.5]),
        (np.arange(24) % 2 == 0, [False, True]),
        (np.array([b"a", b"b"] * 12), ["a", "b"]),
    ):
        fitted = small_generator().fit(X, labels)
        assert fitted.classes_.tolist() == classes
        assert fitted.sample(1, classes[-1]).shape == (1, 1, LENGTH)


@pytest.mark.parametrize(
    ("series", "labels", "words"),
    [
        ([["1", "2"] * 10] * 4, None, "X holds <U1, not numbers"),
        (pd.DataFrame(X[:, 0]).assign(kind="a"), None, r"column 'kind' that holds no numbers; .*X\.pop\('kind'\)"),
        (X + 1j, None, "complex"),
        (None, None, "X"),
        ("series", None, "X holds <U6"),
        ([], None, "shape"),
        (X * 1e60, None, "NaN or infinite values, first in series"),
        (X, [None] * 24, "y holds NaN or no value"),
        (X, pd.Series(["a", pd.NA] * 12, dtype="string"), "y holds NaN or no value"),
        (X, y[:, None], r"y has shape \(24, 1\); give one label for each of the 24 series"),
        (X, np.arange(24).astype("datetime64[s]"), "y holds datetime64"),
    ],
)
def test_series_and_labels_that_cannot_be_used(series: Any, labels: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        small_generator().fit(series, labels)
    assert "\n" not in str(error.value)


def test_calls_that_do_not_fit(model: TimeVQVAE, mapper: NeuralMapper) -> None:
    for action, words in (
        (lambda: model.sample(2.5), "2.5 series cannot be drawn; ask for a whole number"),
        (lambda: model.sample("3"), "'3' series cannot be drawn"),
        (lambda: model.sample(-1), "-1 series"),
        (lambda: model.sample(1, rng="a"), "rng.* not 'a'"),
        (lambda: model.sample(1, y=3), "class 3 is unknown; the classes are 'fast', 'slow'"),
        (lambda: model.sample(1, y=np.nan), "class nan is unknown"),
        (lambda: model.sample(2, y=["slow", None]), "class None is unknown"),
        (lambda: model.reconstruct(X.transpose(0, 2, 1)), r"use X.transpose\(0, 2, 1\)"),
        (lambda: model.reconstruct(X[0, 0]), r"X has shape \(30,\); give an array \(n, 1, 30\), or \(n, 30\)"),
        (lambda: mapper.transform(X[:, :, :29]), "length 29 where the fitted data had 30"),
        (lambda: mapper.transform(np.full_like(X, np.nan)), "first in series 0"),
        (
            lambda: small_mapper().fit(model, X[:, :, :29]),
            r"shape \(24, 1, 29\) do not fit a tokeniser of series \(n, 1, 30\)",
        ),
        (lambda: small_mapper().fit(model, np.repeat(X, 2, axis=1)), "channels 2"),
    ):
        with pytest.raises((DataError, ParameterError), match=words) as error:
            action()
        assert "\n" not in str(error.value)


def test_progress_can_be_switched_off(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    fitted = small_generator(progress=False).fit(X)
    small_mapper(progress=False).fit(fitted, X).transform(fitted.sample(3))
    assert capfd.readouterr() == ("", "") and not caplog.records
    small_generator(progress=True).fit(X)
    assert any("stage 1: 10/10" in record.getMessage() for record in caplog.records)
