"""Bayesian logistic regression: the posterior of the weights of a classifier of real data."""

import dataclasses
import functools
import hashlib
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.targets.base import Target, require_positive
from anabranch.ground.errors import ConfigError
from anabranch.ground.extras import of_extra


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogisticRegression(Target):
    """The posterior of the 30 weights and the intercept that tell benign from malignant tumours (569 of them).

    The features are standardised, the prior of every weight and of the intercept is N(0, prior^2). log Z, the evidence,
    is not known. The data is that of scikit-learn, which the extra `proxy` installs: nothing is fetched.

    Papers: Wolberg et al. 1995 (the data); Arbel et al. 2021, arXiv:2102.07501 (such posteriors as targets).

    Raises:
        ImportError: without scikit-learn, naming the extra; as soon as the reward is evaluated.
        ConfigError: where the file is not the known one.
    """

    dim = 31
    prior: float = 1.0
    """Standard deviation of each weight, before the data."""

    def __post_init__(self) -> None:
        require_positive(self, "prior")

    def log_density(self, place: Float[Array, " 31"]) -> Float[Array, ""]:
        features, signs = breast_cancer()
        scores = jnp.asarray(features, float) @ place[:-1] + place[-1]
        log_prior = -0.5 * jnp.sum(place**2) / self.prior**2 - self.dim * math.log(self.prior * math.sqrt(2 * math.pi))
        return jnp.sum(jax.nn.log_sigmoid(jnp.asarray(signs, float) * scores)) + log_prior


@functools.cache
def breast_cancer() -> tuple[Float[np.ndarray, "n 30"], Float[np.ndarray, " n"]]:
    """The standardised features of each tumour, and +1 for a benign one, -1 for a malignant one."""
    sklearn = of_extra("sklearn", extra="proxy", needs="The data of the logistic regression needs scikit-learn")
    path = Path(sklearn.__file__).parent / "datasets" / "data" / "breast_cancer.csv"
    return standardised(path)


def standardised(path: Path) -> tuple[Float[np.ndarray, "n f"], Float[np.ndarray, " n"]]:
    """What a file of scikit-learn's breast cancer data holds. Raises ConfigError where it is not the known one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; install scikit-learn again.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise ConfigError(
            f"{path} is not the known file: SHA-256 {digest} instead of {SHA256}; use a scikit-learn of 1.5 to 1.9."
        )
    table = np.loadtxt(content.decode().splitlines()[1:], delimiter=",")
    features = table[:, :-1]
    return (features - features.mean(0)) / features.std(0), 2.0 * table[:, -1] - 1.0


SHA256 = "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed"
"""Of breast_cancer.csv."""
