"""Patients of the Asia network (Lauritzen & Spiegelhalter 1988), drawn from its published probabilities."""

import numpy as np

COLUMNS = ("smoke", "lung", "bronc", "xray", "dysp")
"""Those of the eight variables that the shipped table keeps."""


def patients(count, seed):
    """The eight variables of so many patients, by name, as booleans."""
    draw = np.random.default_rng(seed)

    def occurs(probability):
        return draw.random(count) < probability

    asia, smoke = occurs(0.01), occurs(0.5)
    tub = occurs(np.where(asia, 0.05, 0.01))
    lung = occurs(np.where(smoke, 0.1, 0.01))
    bronc = occurs(np.where(smoke, 0.6, 0.3))
    either = tub | lung
    xray = occurs(np.where(either, 0.98, 0.05))
    dysp = occurs(np.where(bronc, np.where(either, 0.9, 0.8), np.where(either, 0.7, 0.1)))
    values = (asia, smoke, tub, lung, bronc, either, xray, dysp)
    return dict(zip(("asia", "smoke", "tub", "lung", "bronc", "either", "xray", "dysp"), values, strict=True))


def table():
    """The shipped table as text: five variables of 500 patients."""
    drawn = patients(500, seed=0)
    rows = zip(*(drawn[name] for name in COLUMNS), strict=True)
    lines = [",".join("yes" if value else "no" for value in row) for row in rows]
    return "\n".join([",".join(COLUMNS), *lines]) + "\n"
