"""Parts of a user's own that lack something or return the wrong thing: one sentence, before anything is compiled."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import pytest

import anabranch as ab
from support.tiny import answer, printed_by

TASK = ab.make("faces")
QUICK = {
    "objective": "tb",
    "steps": 2,
    "batch": 4,
    "policy": ab.MLP(width=8),
    "exact": False,
    "callback": lambda _: None,
}


LONGER = {"steps": 2_000, "batch": 16, "exact": True}
LONGER |= {"optimizer": ab.Adam(learning_rate=1e-2), "explore": ab.Explore(epsilon=0.1)}


def train(**changes):
    return ab.train(TASK.env, TASK.log_reward, **{**QUICK, **changes})


SENTENCES = {
    "objective without a name": "The objective Nameless has no name: give it one, name:",
    "objective with a name that is taken": "The objective Borrowed is called 'tb', which is TrajectoryBalance of",
    "residual of one axis": "Flat.residual must return residuals, one column a trajectory",
    "residual without weights": "Alone.residual must return two arrays, residuals and their",
    "branch on an array": "Branching.residual needs the value of an array while it is tr",
    "loss of one axis": "Vector.loss must return one number, float[]; it returns float32[3]",
    "unknown need": "Greedy.needs has 'log_inflows', which no loss can read; did you mean l",
    "not hashable": "Mutable is not hashable",
    "backward without learned": "Cold does not say learned (whether the network has a head fo",
    "backward of another size": "Narrow.log_probs must return log P_B of each label, float[",
    "backward with a name that is taken": "Uniform is called 'uniform', which is UniformBa",
    "policy without a call": "Recipe.build raised TypeError: Can't instantiate abstract class Net",
    "policy with other heads": "Wide.__call__ must return Heads with a logit for each label",
    "policy without heads": "Bare.__call__ must return Heads(forward, backward, log_flow)",
    "policy of another size": "Broken.__call__ raised TypeError",
    "recipe that builds something else": "Recipe.build must return an anabranch.Policy",
    "recipe that is told too little": "OldRecipe.build raised TypeError",
    "bare network": "policy takes a recipe; given MLP: a network from an observation to raw logits",
    "network of another size": "The network must map 6 numbers to 8: 7 logits of the",
    "exploration of another shape": "Timid.shares must return one number a trajectory, float[3]",
    "exploration that is a number": "explore takes a record such as Explore(epsilon=0.1)",
}


@pytest.fixture(scope="module")
def told():
    """What each training of the program beside says."""
    return printed_by("wrong_parts.py")


def test_every_wrong_part_has_its_sentence(told):
    assert told.keys() == SENTENCES.keys()


@pytest.mark.parametrize("case", SENTENCES)
def test_a_part_that_is_wrong_is_one_sentence(told, case):
    kind, text, written = told[case]
    assert (kind, written) == ("ConfigError", "")
    assert SENTENCES[case] in text
    assert "\n" not in text
    assert len(text) < 400


class Spread(ab.Exploration):
    """Half of every distribution is even: an exploration of one's own."""

    def shares(self, uniforms, step):
        return jnp.full(uniforms.shape, 0.5)

    def probabilities(self, log_probs, mask, share, max_steps):
        even = mask / mask.sum()
        return (1.0 - share) * jnp.where(mask, jnp.exp(log_probs), 0.0) + share * even


@dataclasses.dataclass(frozen=True)
class Even(Spread):
    """The same as a record."""

    strength: float = 0.5


@pytest.mark.thorough
def test_an_exploration_of_ones_own_trains_and_comes_back(tmp_path):
    run = train(**{**LONGER, "explore": Even()}, name="faces", out=tmp_path / "run")
    assert run.history[-1]["total_variation"] < 0.1
    assert run.config["explore"] == {"name": "even", "class": "Even", "strength": 0.5}
    assert ab.load(tmp_path / "run", explore=Even()).setup.explore == Even()
    with pytest.raises(ab.RunError, match="has the explore Even"):
        ab.load(tmp_path / "run")
    with pytest.raises(ab.ConfigError, match="valid on-policy only"):
        train(explore=Even(), objective="pg")


@pytest.mark.thorough
def test_a_network_is_wrapped_in_one_call(tmp_path):
    made = ab.Network(make=lambda inputs, outputs, key: eqx.nn.MLP(inputs, outputs, 32, 2, key=key))
    for changes in ({"backward": "learned", "objective": "db"},):
        assert train(policy=made, **LONGER, **changes).history[-1]["total_variation"] < 0.1
    run = train(policy=ab.Network(logits), **LONGER)
    assert run.history[-1]["total_variation"] == pytest.approx(run.history[0]["total_variation"])
    run = train(policy=made, seeds=2, name="faces", out=tmp_path / "run")
    first, second = (one.policy.network.layers[0].weight for one in run.each())
    assert (first != second).any(), "each seed has parameters of its own"
    loaded = ab.load(tmp_path / "run", policy=made)
    assert loaded.policy.log_z.shape == (2,)


def logits(observation):
    """A function without parameters: log Z alone is learned."""
    return jnp.zeros(7) + observation.sum() * 0


@pytest.mark.parametrize("given", [(None, None), (jnp.sin, lambda inputs, outputs, key: jnp.sin), (3, None)])
def test_a_wrapped_network_is_one_of_two(given):
    with pytest.raises(ab.ConfigError, match="Network takes a"):
        ab.Network(*given)


def test_the_command_line_says_it_too(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import anabranch as ab\n\n\n"
        "class MyTB(ab.Objective):\n    def loss(self, scores):\n        return scores.log_z\n"
    )
    out = tmp_path / "run"
    code, _, err = answer("train", "faces", "--objective", f"{file}:MyTB", "--steps", 2, "--out", out)
    assert code == 2
    assert err == 'anabranch: The objective MyTB has no name: give it one, name: ClassVar[str] = "my-own".\n'
    assert not out.exists()
