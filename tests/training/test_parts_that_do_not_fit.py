"""Objectives, backward policies, replay, search and data sets that do not fit together: a sentence before compiling."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.envs.sets import AdditiveEnergy, FixedSizeSets, Subsets
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.penalties import PENALTIES
from anabranch.policies.backward import BACKWARDS
from anabranch.policies.backward.maxent import CountedPathsBackward
from anabranch.training import step as step_module
from anabranch.training.compatibility import every_state_stops, supported
from anabranch.training.needs import filled
from anabranch.training.step import init
from anabranch.trajectories import Trajectories
from support.linear_policy import LinearRecipe
from support.spaces import Subset

FACES = ab.make("faces")
GRID, SETS = Hypergrid(dim=2, side=4), FixedSizeSets(items=4, size=2)
SPACES = {
    "faces": (FACES.env, FACES.log_reward),
    "grid": (GRID, HypergridReward(env=GRID)),
    "sets": (SETS, AdditiveEnergy(env=SETS)),
    "subset": (Subset(5, 3), lambda state: jnp.log(1.0 + state.sum())),
}
QUICK = {"objective": "tb", "steps": 5, "batch": 4, "policy": ab.MLP(width=4)}
REPLAY, SEARCH = ab.Replay(share=0.5), ab.LocalSearch(share=0.5)
FULL, BEST = ab.Replay(capacity=1, deduplicate=False), ab.Replay(priority="reward")
ON_POLICY = "is valid on-policy only: leave out replay, data and local search"
NO_P_B = "has no P_B, by which replay and local search regrow trajectories: leave them out"
WHOLE = "take the whole batch of 4: at least one trajectory of each batch must be drawn anew"

REFUSED = [
    ("faces", {"objective": "mdb"}, "mdb needs a space in which every state is a finished object; Faces has states"),
    ("sets", {"objective": "mdb"}, "every state is a finished object; FixedSizeSets has states that may not stop"),
    (
        "faces",
        {"objective": "fl-db"},
        "fl-db needs the energy of partial objects: give the reward FacesReward a method",
    ),
    ("grid", {"objective": "fl-subtb"}, "give the reward HypergridReward a method energy"),
    ("faces", {"objective": "rtb"}, "rtb needs the sampler that it starts from: give prior=policy"),
    ("faces", {"objective": "ml"}, "ml learns from a data set: give data="),
    (
        "grid",
        {"objective": "ml", "data": [(0, 0)], "search": SEARCH},
        "learns from its data set alone: leave out local",
    ),
    ("faces", {"backward": "pessimistic"}, "The backward policy pessimistic learns from replay: give replay=Replay"),
    ("faces", {"backward": "pessimistic", "replay": REPLAY}, "one trajectory an object would make it deterministic"),
    ("grid", {"backward": "pessimistic", "data": [(0, 0)], "replay": FULL}, "which the data set fills: raise"),
    ("faces", {"objective": "fm", "backward": "learned"}, "The objective fm has no backward policy; leave out"),
    ("grid", {"objective": "ml", "data": [(0, 0)], "replay": BEST}, "learns from its data set as it is"),
    ("faces", {"objective": "soft-pg", "replay": REPLAY}, f"The objective soft-pg {ON_POLICY}"),
    ("faces", {"objective": "soft-pg", "replay": ab.Replay(share=0.01)}, ON_POLICY),
    ("faces", {"objective": "pg", "search": SEARCH}, f"The objective pg {ON_POLICY}"),
    ("grid", {"objective": "soft-pg", "data": [(0, 0)]}, ON_POLICY),
    (
        "faces",
        {"objective": "soft-pg", "explore": ab.Explore(epsilon=0.1)},
        "SoftPolicyGradient is valid on-policy only",
    ),
    ("faces", {"objective": "fm", "replay": REPLAY}, f"The objective fm {NO_P_B}"),
    ("faces", {"objective": "fm", "search": SEARCH}, f"The objective fm {NO_P_B}"),
    ("faces", {"replay": ab.Replay(share=1.0)}, WHOLE),
    ("faces", {"replay": REPLAY, "search": SEARCH}, WHOLE),
    ("faces", {"search": ab.LocalSearch(share=0.99)}, WHOLE),
    ("grid", {"data": [(0, 0), (1, 1)], "replay": ab.Replay(capacity=1)}, "2 objects; replay.capacity=1 is too small"),
    ("subset", {"data": [(1, 0, 0, 0, 0)]}, "Subset does not define encode.object., which a data set needs"),
    ("faces", {"data": []}, "The data set is empty: give at least one object"),
    ("faces", {"data": [("smile",)]}, r"holds \('smile',\), which is not a finished object of Faces"),
    ("sets", {"data": [(0, 1), (0, 1, 2)]}, r"\(0, 1, 2\), which is not a finished object of FixedSizeSets"),
    ("sets", {"data": [(0, 7)]}, r"Items are numbered 0 to 3; given \(0, 7\)"),
    ("grid", {"data": [(0, 4)]}, r"\(0, 4\), which is not a finished object of Hypergrid"),
    ("grid", {"data": [(0, -1)]}, r"\(0, -1\), which is not a finished object of Hypergrid"),
    ("grid", {"data": [(0, 1, 2)]}, r"\(0, 1, 2\), which has another size than the objects of Hypergrid"),
    ("grid", {"data": [(0, 0), None]}, "holds None, which Hypergrid cannot encode"),
    ("faces", {"data": [("smile", "hat")]}, "Faces have the parts smile, .* given .*hat"),
    ("grid", {"data": ["ab"]}, "holds 'ab', which Hypergrid cannot encode"),
    (
        "faces",
        {"objective": "soft-dqn", "backward": "learned"},
        "gives the backward policy learned nothing to learn from",
    ),
    ("grid", {"objective": "ml", "data": [(0, 0)], "backward": "tlm"}, "choose one of uniform, maxent.$"),
    ("faces", {"objective": "soft-pg", "backward": "pessimistic"}, "choose one of uniform, maxent, learned, tlm.$"),
    ("faces", {"backward": "maxent", "policy": LinearRecipe()}, r"need a policy that returns Heads\(log_paths=...\)"),
]


@pytest.mark.parametrize("space, changes, sentence", REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_does_not_fit_is_refused_in_a_sentence(monkeypatch, space, changes, sentence):
    """And before anything that trains is compiled."""
    if not isinstance(changes.get("policy"), LinearRecipe):
        monkeypatch.setattr(step_module, "_fresh_policy", None)
        monkeypatch.setattr(step_module, "_fresh_state", None)
    with pytest.raises(ab.ConfigError, match=sentence) as refusal:
        ab.train(*SPACES[space], **{**QUICK, **changes})
    assert "\n" not in str(refusal.value)
    assert str(refusal.value)[0].isupper()


BAD_RECORDS = {
    "The replayed share of a batch lies between 0 and 1; given 1.5": lambda: ab.Replay(share=1.5),
    "The capacity of the replay buffer must be positive; given 0": lambda: ab.Replay(capacity=0),
    "top is a share of the buffer above 0, at most 1; given 0": lambda: ab.Replay(top=0.0),
    "The searched share of a batch lies from 0 to below 1; given 1.0": lambda: ab.LocalSearch(share=1.0),
    "rounds and depth must be positive; given rounds=0": lambda: ab.LocalSearch(rounds=0),
    "rounds and depth must be positive; given rounds=4, depth=0": lambda: ab.LocalSearch(depth=0),
    "alpha must be finite; given inf": lambda: ab.TrajectoryBalance(penalty="alpha", alpha=np.inf),
    "target_rate lies above 0, at most at 1; given 0.0": lambda: OBJECTIVES["soft-dqn"](target_rate=0.0),
    "RelativeTrajectoryBalance.beta is NaN: give a number": lambda: OBJECTIVES["rtb"](beta=np.nan),
}


@pytest.mark.parametrize("sentence", BAD_RECORDS)
def test_a_bad_setting_is_a_sentence(sentence):
    with pytest.raises(ab.ConfigError, match=sentence):
        BAD_RECORDS[sentence]()


def test_the_table_of_pairs():
    """Which P_B goes with which objective: all, but for what would have nothing to learn from."""
    policies = {**BACKWARDS, "counted": CountedPathsBackward}
    refused = {
        (name, backward)
        for (name, objective), (backward, policy) in itertools.product(OBJECTIVES.items(), policies.items())
        if not supported(objective, policy)
    }
    without = {(name, backward) for name in ("fm", "rtb", "pg") for backward in policies}
    unlearned = {("soft-dqn", "learned"), ("ml", "learned"), ("ml", "tlm"), ("ml", "pessimistic")}
    assert refused == without | unlearned | {("soft-pg", "pessimistic"), ("pathwise-kl", "pessimistic")}


@pytest.mark.parametrize("penalty", [*PENALTIES, "alpha"])
@pytest.mark.parametrize("name", ["db", "subtb", "vargrad"])
def test_every_penalty_goes_with_every_balance(name, penalty):
    assert callable(OBJECTIVES[name](penalty=penalty).penalise)


class NotAtThree(Subset):
    """May stop everywhere but at three items."""

    def can_stop(self, state):
        return state.sum() != 3


class NotAtOne(Subset):
    """May stop everywhere but at one of 2,510 states, which 64 walks do not meet."""

    def can_stop(self, state):
        return (state != (jnp.arange(12) < 6)).any()


@pytest.mark.thorough
def test_whether_every_state_stops_is_asked_of_all_states_or_of_whole_walks():
    assert every_state_stops(Subsets(items=4))
    assert every_state_stops(Subset(40, 20))
    for env in (NotAtThree(5, 4), NotAtThree(40, 20), NotAtOne(12, 6)):
        assert not every_state_stops(env)


def test_the_energy_of_a_reward_of_zero_is_floored_with_it():
    """E = -log R, so that a zero reward has an infinite energy; only that is replaced."""

    class Half(AdditiveEnergy):
        def energy(self, state):
            return jnp.where(state[0], jnp.inf, jnp.where(state[1], 40.0, 0.0))

    env = Subsets(items=2)
    setup = ab.setup(env, Half(env=env), **{**QUICK, "objective": "fl-db"}, zero_floor=1e-3)
    states = jnp.array([[[False, False], [False, False]], [[True, False], [False, True]]])
    pair = Trajectories(states, jnp.full((2, 2), 2), jnp.array([2, 2]))
    found = filled(setup, pair, lagged=None, prior=None)["energy"]
    np.testing.assert_allclose(found, [[0.0, 0.0], [-np.log(1e-3), 40.0]], rtol=1e-6)


def test_a_data_set_is_kept_in_the_types_of_the_space():
    setup = ab.setup(*SPACES["sets"], **QUICK, data=[(0, 1), (2, 3), (0, 1)])
    assert setup.replay == ab.Replay(share=0.5)
    buffer = jax.eval_shape(lambda: init(setup, 0)).buffer
    assert buffer.states.dtype == bool
    assert buffer.kept == 3
    expected = [-sum(SPACES["sets"][1].listed[[0, 1]])] * 3
    np.testing.assert_allclose(setup.data.log_reward + setup.level, expected, rtol=1)
