"""Arguments of the wrong type get the sentence that the command line gives, in a process without run-time types."""

import jax
import pytest

import anabranch as ab
from anabranch.policies.heads import built
from anabranch.training import memory
from support.tiny import printed_by

BRACKETS = "write its brackets."
SEED = "seed must be a whole number from 0 to 2,147,483,646"
SPACE = "env takes an instance of an Environment, such as Subset(n=5, k=3); given"
POLICY = "policy takes a Policy, such as run.policy; given an object of Run."
REWARD = "log_reward takes a JAX function of one state, log R(x); given"
NAMED = "The objective must be a name or a record; given"
EXPLORE = "explore takes a record such as Explore(epsilon=0.1), or None; given"
RECIPE = 'policy takes a recipe such as MLP(width=64), or a name such as "mlp"'
GRAPH = "graph takes a StateGraph, as state_graph(env) gives it; given Faces()."
PART = "an environment, such as Subsets(items=3)"

SENTENCES = {
    "explore=.1": f"{EXPLORE} 0.1.",
    "explore={}": f"{EXPLORE} {{'epsilon': 0.1}}.",
    "explore=Explore": f"{EXPLORE} the class Explore: write its brackets.",
    "replay=True": "replay takes a record such as Replay(share=0.5), or None; given True.",
    "search=2": "search takes a record such as LocalSearch(rounds=4), or None; given 2.",
    "teacher=True": "teacher takes a record such as Teacher(share=0.5), or None; given True.",
    "thompson=10": "thompson takes a record such as Thompson(members=10), or None; given 10.",
    "anneal=100": "anneal takes a record such as Anneal(start=0.01), or None; given 100.",
    "objective=3": f"{NAMED} 3.",
    "objective=TrajectoryBalance": f"{NAMED} the class TrajectoryBalance: write its brackets.",
    "backward=3": "The backward policy must be a name or a record; given 3.",
    "backward=LearnedBackward": "The backward policy must be a name or a record; "
    f"given the class LearnedBackward: {BRACKETS}",
    "policy='mpl'": "There is no policy 'mpl'; did you mean mlp? Known: drift, graph, mlp, tabular, transformer.",
    "policy=3": f"{RECIPE}; given 3.",
    "policy=MLP": f"{RECIPE}; given the class MLP: write its brackets.",
    "policy=trained": f"{RECIPE} (a trained policy is given as start=); given an object of MLPPolicy.",
    "optimizer='sgd'": "There is no optimizer 'sgd'. Known: adam.",
    "optimizer=.1": 'optimizer takes Adam(learning_rate=0.001), "adam", or an optax transformation; given 0.1.',
    "env=Faces": f"{SPACE} the class Faces: write its brackets.",
    "studio=3": "run takes a run, or the path of its directory; given 3.",
    "studio=Run": "run takes a run, or the path of its directory; given the class Run: write its brackets.",
    "env=name": f"There is no task 'face'; did you mean faces? Known: {', '.join(ab.task_names())}.",
    "log_reward=3": f"{REWARD} 3.",
    "log_reward=class": f"{REWARD} the class FacesReward: write its brackets.",
    "log_reward: bool": "The log-reward <lambda>.<locals>.<lambda> returned shape () of bool for one state: it must be "
    "one number, log R(x), in nats. Taken for a plain-Python function of a list of objects, which returns R of each, "
    "it failed for ('left brow up', 'left brow down', 'right brow up'): AttributeError: 'list' object has no attribute "
    "'any'.",
    "python_reward(3)": "python_reward takes a function of a list of objects; given 3.",
    "python_reward workers=2.5": "python_reward: workers takes a number of processes, ray, or the address of a Ray "
    "cluster; given '2.5'.",
    "python_reward workers=-1": "python_reward: workers takes a number of processes, ray, or the address of a Ray "
    "cluster; given '-1'.",
    "python_reward on_bad_reward": "PythonReward.on_bad_reward must be stop|quarantine; given 'ignore'.",
    "python_reward weights": "PythonReward.weights must be FLOAT; given 'two'.",
    "steps='10'": "steps must be a positive whole number; given '10'.",
    "batch=2.5": "batch must be a positive whole number; given 2.5.",
    "seeds=True": "seeds must be a positive whole number; given True.",
    "log_z_rate='x'": "log_z_rate must be FLOAT; given 'x'.",
    "zero_floor='x'": "zero_floor must be FLOAT; given 'x'.",
    "level='x'": "level is log R of a typical object, a finite number of nats; given 'x'.",
    "data=3": "data takes a list of finished objects; given 3.",
    "data=text": "data takes a list of finished objects; given 'smile'.",
    "prior=run": "prior takes a Policy, such as run.policy; given an object of Run.",
    "start=run": "start takes a Policy, such as run.policy; given an object of Run.",
    "callback=3": "callback takes a function of one row of the history; given 3.",
    "out=3": "out takes the path of a new run directory; given 3.",
    "name=3": "name takes the name of a task; given 3.",
    "exact=1": 'exact must be True, False or "auto"; given 1.',
    "seed=2**40": f"{SEED}; given 1099511627776.",
    "seed=-1": f"{SEED}; given -1.",
    "seed=1.5": f"{SEED}; given 1.5.",
    "seed=True": f"{SEED}; given True.",
    "seed + seeds": f"{SEED}, with the last of 3 seeds; given 2147483646.",
    "settings('dbm')": "There is no objective 'dbm'; did you mean db? "
    "Known: db, fl-db, fl-subtb, fm, mdb, ml, pathwise-kl, pcl, pg, rtb, soft-dqn, soft-pg, subtb, tb, vargrad.",
    "settings(3)": f"{NAMED} 3.",
    "Task(Faces)": f"{SPACE} the class Faces: write its brackets.",
    "Task(settings=3)": "settings takes a function from an objective to Settings; given 3.",
    "Adam": "Adam.learning_rate must be FLOAT; given 'x'.",
    "Adam.decay": "Adam.decay must be cosine|none; given 'linear'; did you mean cosine?",
    "MLP": "MLP.width must be INT; given 2.5.",
    "MLP.skip": "MLP.skip must be BOOL; given 1.",
    "Explore": "Explore.epsilon must be FLOAT; given 'x'.",
    "Explore.per": "Explore.per must be step|trajectory; given 'steps'; did you mean step?",
    "Replay": "Replay.capacity must be INT; given 'x'.",
    "Replay.priority": "Replay.priority must be uniform|reward; given 'best'.",
    "LocalSearch": "LocalSearch.rounds must be INT; given None.",
    "LocalSearch.accept": "LocalSearch.accept must be better|metropolis; given 'always'.",
    "Anneal": "Anneal.steps must be INT; given 0.5.",
    "SubTB": "SubTrajectoryBalance.lam must be FLOAT; given 'x'.",
    "VarGrad": "VarGrad.penalty must be squared|huber|linex|reverse-linex|cosh|alpha; given 'hubert'; "
    "did you mean huber?",
    "VarGrad.contrast": "VarGrad.contrast must be mean|neighbour; given 'all'.",
    "SubTB.normalise": "SubTrajectoryBalance.normalise must be batch|trajectory|length; given 'row'.",
    "TrajectoryBalance": "TrajectoryBalance.alpha must be FLOAT; given [1].",
    "Interval": "Interval.level must be FLOAT; given 'x'.",
    "MetricSettings": "MetricSettings.top_k must be INT; given 'x'.",
    "sample(run)": POLICY,
    "sample(n='x')": "n must be a positive whole number; given 'x'.",
    "sample(seed)": f"{SEED}; given 'x'.",
    "sample(Faces)": f"{SPACE} the class Faces: write its brackets.",
    "estimate(run)": POLICY,
    "estimate(samples)": "samples must be a positive whole number; given 10.5.",
    "estimate(seed)": f"{SEED}; given -1.",
    "estimate(reward)": f"{REWARD} 3.",
    "log_prob(run)": POLICY,
    "log_prob(3)": "objects takes a list of finished objects; given 3.",
    "log_prob(seed)": f"{SEED}; given 'x'.",
    "evaluate(objective)": f"{NAMED} 3.",
    "evaluate(run)": POLICY,
    "evaluate(metrics)": "metrics takes a list of anabranch.Metric; given <built-in function len>.",
    "evaluate(samples)": "samples must be a positive whole number; given 'x'.",
    "state_graph(Faces)": f"{SPACE} the class Faces: write its brackets.",
    "state_graph(max_states)": "max_states must be a positive whole number; given 'x'.",
    "check(Faces)": "check needs an instance of an Environment, such as Subset(n=5, k=3); "
    f"given the class Faces: {BRACKETS}",
    "check(seconds)": "seconds must be FLOAT; given 'x'.",
    "check(walks)": "check needs max_states >= 1 and walks >= 1; given 1000000 and 'x'.",
    "total_variation(env)": GRAPH,
    "total_variation(run)": POLICY,
    "exact_flows(env)": GRAPH,
    "exact_flows(short)": "exact_flows takes a function, or one log R for each of the 20 objects; "
    "given an array of shape (2,).",
    "table": "The reward of 'aa' raised ZeroDivisionError: division by zero.",
    "Product(env)": "Product takes a list of environments, such as [space, other]; given Faces().",
    "Product(Faces)": f"spaces[1] of Product takes {PART}; given the class Faces: {BRACKETS}",
    "InOrder(3)": f"spaces[0] of InOrder takes {PART}; given 3.",
    "Choose(text)": "Choose takes a list of environments, such as [space, other]; given 'faces'.",
    "Repeat(Faces)": f"space of Repeat takes {PART}; given the class Faces: {BRACKETS}",
    "Repeat(times)": "times must be a positive whole number; given 1.5.",
    "Repeat(least)": "least is a whole number from 0 to times=2; given True.",
    "SumOfParts(env)": "env takes a composite, such as Product([space, other]); given Faces().",
    "SumOfParts(function)": "log_rewards holds one function for each space, 1 in all; "
    "given FacesReward(happy=2.0, sad=1.0, invalid=0.0).",
    "load(Doubled)": "load(objective=...) takes an instance; given the class Doubled: write its brackets.",
}

TOO_LARGE = {
    "batch=10**9": (
        "This training needs at least 152 GB of memory (the network 2.08 kB, the batch 152 GB)",
        "lower batch=1,000,000,000.",
    ),
    "width=10**6": (
        "This training needs at least 16 TB of memory (the network 16 TB, the batch 32 MB)",
        "make the network smaller (its width, or the number of labels of the space).",
    ),
    "capacity=10**12": (
        "This training needs at least 22 TB of memory (the network 2.08 kB, the batch 0.944 kB, "
        "the replay buffer 22 TB)",
        "lower replay.capacity=1,000,000,000,000.",
    ),
}

WORKING = {
    "policy='mlp'": "MLP(width=256, depth=2, skip=False)",
    "policy='tabular'": "Tabular()",
    "optimizer='adam'": "Adam(learning_rate=0.001, b1=0.9, b2=0.95, decay='cosine')",
    "log_reward: whole": "2.0",
    "log_reward: Python's whole": "2.0",
    "settings('mdb')": "True",
    "exact_flows(function)": "True",
}


@pytest.fixture(scope="module")
def told():
    """What each call of the file says: its types are not checked while it runs, as in a user's process."""
    return printed_by("wrong_calls.py")


def test_every_call_stands_in_a_table(told):
    assert {*SENTENCES, *TOO_LARGE, *WORKING} == set(told)


@pytest.mark.parametrize("call", SENTENCES)
def test_a_wrong_type_is_a_sentence(told, call):
    kind, sentence = told[call]
    assert kind in ("ConfigError", "RewardError", "RunError")
    assert sentence == SENTENCES[call]


@pytest.mark.parametrize("call", TOO_LARGE)
def test_what_no_machine_can_hold_is_refused_with_an_estimate(told, call):
    estimate, advice = TOO_LARGE[call]
    kind, sentence = told[call]
    assert kind == "ConfigError"
    assert sentence.startswith(estimate)
    assert sentence.endswith(advice)


@pytest.mark.parametrize("call", WORKING)
def test_a_name_or_a_number_works(told, call):
    assert told[call] == ["", WORKING[call]]


@pytest.fixture(scope="module")
def setup():
    task = ab.make("faces")
    replay = ab.Replay(capacity=100)
    return ab.setup(task.env, task.log_reward, objective="tb", steps=1, batch=8, policy=ab.MLP(width=4), replay=replay)


def test_the_estimate_counts_parameters_rows_and_the_ring(setup):
    """Adam keeps two moments and the step beats a gradient, so that a parameter counts four times."""
    policy = built(setup.policy, setup.observer, key=jax.random.key(0), learned_backward=False)
    parameters = sum(leaf.nbytes for leaf in jax.tree.leaves(policy))
    state = sum(leaf.nbytes for leaf in jax.tree.leaves(setup.env.initial()))
    needed = memory.needed_bytes(setup)
    counters = needed["the network"] - 4 * parameters
    assert 0 < counters < 100
    assert needed["the replay buffer"] == 100 * (state + 4 + 8 + 4) + 8
    hidden = 4 * 4  # the first layer is computed anew, the second is remembered beside what the heads put out
    assert needed["the batch"] >= 8 * setup.env.rows * (state + hidden)


def test_what_just_fits_is_not_refused(setup, monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 1)  # so that nothing is kept for the gradient
    total = sum(memory.needed_bytes(setup).values())
    monkeypatch.setattr(memory, "memory_bytes", lambda: total)
    memory.require_memory(setup)
    monkeypatch.setattr(memory, "memory_bytes", lambda: total - 1)
    with pytest.raises(ab.ConfigError, match=r"the machine has .*: lower replay\.capacity=100"):
        memory.require_memory(setup)
    monkeypatch.setattr(memory, "memory_bytes", lambda: None)
    memory.require_memory(setup)
