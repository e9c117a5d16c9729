"""Every use of random numbers has a stream of its own: the table, what may draw beside it, and the keys that arrive."""

import ast
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.diagnostics import narrow, walks
from anabranch.evaluation import estimates, sample_metrics
from anabranch.evaluation.metrics.perfect import PerfectSampler
from anabranch.ground.streams import StepStream, Stream, generator_of, key_of
from anabranch.sampling import draw
from anabranch.sampling.reference_level import SURVEY_SEED

SOURCE = Path(ab.__file__).parent
SOURCES_OF_KEYS = {
    "ground/streams.py",
    "sampling/reference_level.py",  # the survey of a space, which belongs to no seed
    "training/step.py",  # traced seeds, with INIT and TRAIN
    "training/guides.py",  # the same, with TEACHER and THOMPSON
    "laws/kernel_form.py",  # the shape of a key, of which nothing is drawn
    "policies/words_read.py",  # walks on which a promise of a space is tried, which belong to no seed
}
OWN_GENERATORS = {
    "ground/streams.py",
    "plots/layout.py",  # a picture looks the same each time
    "evaluation/scene.py",  # so does the scene of one
    "continuous/targets/gaussians.py",  # the places of a target belong to it
    "laws/kernel_mass.py",  # numbers from a key of the table
    "policies/tabular.py",  # hashes, tried until one tells all states apart
    "sampling/replay.py",
    "envs/binding_model.py",  # the examples of a model belong to it, not to a run
    "envs/bits.py",
    "envs/dag_scores.py",
    "envs/jukes_cantor.py",
}
"""Files that make a fixed object from numbers: part of what a space is, not of what is drawn from it."""
DOORS = [
    (draw, "_objects"),
    (draw, "_trajectories"),
    (draw, "_walked_back"),
    (estimates, "log_ratio_forward"),
    (estimates, "log_ratio_backward"),
    (sample_metrics, "_walked"),
    (narrow, "_entropies"),
    (walks, "_walks"),
    (walks, "_searched"),
]
"""Each compiled function that draws outside of training, with the key among its arguments."""


def calls(name):
    """(file, call) of every call of a function whose dotted name ends so."""
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(name):
                yield str(file.relative_to(SOURCE)), node


@pytest.mark.parametrize("table", [Stream, StepStream])
def test_no_two_uses_share_a_stream(table):
    assert len(table) == len(table.__members__), "equal numbers make one an alias of the other"


def test_no_run_may_have_the_seed_of_the_survey():
    with pytest.raises(ab.ConfigError, match="seed must be a whole number"):
        key_of(SURVEY_SEED, Stream.TRAIN)
    key_of(SURVEY_SEED - 1, Stream.TRAIN)


def test_the_streams_of_a_step_are_apart_from_the_rollout():
    assert not {0, 1} & set(StepStream), "0 and 1 are the keys into which a rollout splits its own"


def test_keys_and_generators_are_made_in_few_places():
    assert {file for file, _ in calls("random.key")} <= SOURCES_OF_KEYS
    assert {file for file, _ in calls("random.default_rng")} <= OWN_GENERATORS


def test_no_number_is_folded_in_that_is_not_in_the_table():
    for file, call in calls("fold_in"):
        assert not isinstance(call.args[1], ast.Constant), f"{file}, line {call.lineno}: a number without a name"
        assert "_STREAM" not in ast.unparse(call.args[1]), f"{file}, line {call.lineno}: not of the table"


@pytest.mark.thorough
def test_each_use_draws_by_keys_of_its_own(monkeypatch):
    """All that can be drawn of one seed, and of the next: no key arrives anywhere twice."""
    seen = []

    def recording(function, where):
        def called(*arguments):
            keys = [one for one in arguments if isinstance(one, jax.Array) and jnp.issubdtype(one.dtype, PRNG)]
            assert keys, f"{where} draws without a key"
            seen.extend((jax.random.key_data(key).tobytes(), where) for key in keys)
            return function(*arguments)

        return called

    for module, name in DOORS:
        monkeypatch.setattr(module, name, recording(getattr(module, name), name))
    faces = ab.make("faces")
    policy = ab.init(ab.setup(faces.env, faces.log_reward, objective="tb", backward="learned", **SMALL), 0).policy
    given = (faces.env, policy, faces.log_reward)
    for seed in (0, 1):
        drawn = ab.sample(faces.env, policy, 2, seed=seed)
        ab.sample_trajectories(faces.env, policy, 2, seed=seed)
        ab.sample_backward(faces.env, policy, drawn.states, seed=seed)
        ab.log_prob(faces.env, policy, drawn.objects, samples=8, seed=seed, exact=False)
        evaluation = ab.evaluate(*given, objective="tb", backward="learned", samples=64, seed=seed, exact=False)
        ab.evaluate(*given, objective="tb", backward="learned", samples=64, seed=seed + 10, exact=True)
        options = {"evaluation": evaluation, "backward": "learned", "seed": seed}
        ab.diagnose_policy(*given, exact=False, others=[policy, policy], **options)
    assert {where for _, where in seen} == {name for _, name in DOORS}
    keys = [key for key, _ in seen]
    assert len(keys) > 30
    assert len(set(keys)) == len(keys), "two uses of random numbers draw the same ones"


PRNG = jax.dtypes.prng_key
SMALL = {"steps": 1, "batch": 2, "policy": ab.MLP(width=8)}


def test_generators_differ_by_use_and_by_seed():
    draws = [generator_of(seed, stream).random() for seed in (0, 1) for stream in Stream]
    assert len(set(draws)) == len(draws)
    keys = [jax.random.key_data(key_of(seed, stream)).tobytes() for seed in (0, 1) for stream in Stream]
    assert len(set(keys)) == len(keys)
    perfect = PerfectSampler(target=np.full(4, 0.25), samples=8, replicas=2, seed=3)
    raw = np.random.default_rng(3).random((2, 8))
    assert not np.array_equal(perfect.draws, np.searchsorted(np.arange(1, 4) / 4, raw, side="right"))
