"""The posterior of a classifier of real data: its formula, its file, and what is said without them."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import anabranch as ab
from anabranch.continuous.targets import logistic


@pytest.fixture
def forgotten():
    """The data read again, before and after."""
    logistic.breast_cancer.cache_clear()
    yield
    logistic.breast_cancer.cache_clear()


def test_it_is_the_likelihood_times_the_prior():
    datasets = pytest.importorskip("sklearn.datasets")
    features, benign = datasets.load_breast_cancer(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    place = np.random.default_rng(0).normal(0.0, 0.3, 31)
    chance = 1.0 / (1.0 + np.exp(-(features @ place[:30] + place[30])))
    likelihood = np.sum(np.log(np.where(benign == 1, chance, 1.0 - chance)))
    for prior in (1.0, 2.5):
        expected = likelihood + stats.norm.logpdf(place, 0.0, prior).sum()
        found = float(ab.LogisticRegression(prior=prior).log_density(jnp.asarray(place, float)))
        assert found == pytest.approx(expected, rel=1e-5)


def test_its_peak_classifies_well():
    pytest.importorskip("sklearn")
    target, place = ab.LogisticRegression(), jnp.zeros(31)
    slope = jax.jit(jax.grad(target.log_density))
    for _ in range(300):
        place = place + 0.002 * slope(place)
    features, signs = logistic.breast_cancer()
    assert np.mean(np.sign(features @ np.asarray(place[:30]) + float(place[30])) == signs) > 0.97
    assert target.log_density(place) > target.log_density(jnp.zeros(31)) + 300.0


@pytest.mark.usefixtures("forgotten")
def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"needs scikit-learn: pip install 'anabranch\[proxy\]'"):
        ab.LogisticRegression().log_density(jnp.zeros(31))


def test_another_file_is_refused(tmp_path):
    with pytest.raises(ab.ConfigError, match="cannot be read"):
        logistic.standardised(tmp_path / "absent.csv")
    (tmp_path / "other.csv").write_text("1,2\n3,4\n")
    with pytest.raises(ab.ConfigError, match="is not the known file: SHA-256"):
        logistic.standardised(tmp_path / "other.csv")
