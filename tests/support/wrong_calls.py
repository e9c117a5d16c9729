"""Calls with arguments of the wrong type, each with what is said of it; run without any check of types at run time.

Prints one JSON object: the name of each call, and the class and the sentence of its error, or what it returned.
"""

import json
import tempfile

import jax.numpy as jnp

import anabranch as ab
from anabranch.evaluation.metrics.correlation import Interval
from anabranch.evaluation.metrics.settings import MetricSettings
from anabranch.policies.backward.learned import LearnedBackward

task = ab.make("faces")
env, log_reward = task.env, task.log_reward
Faces = type(env)
TINY = {"steps": 1, "batch": 2, "exact": False, "callback": lambda row: None}


class Doubled(ab.TrajectoryBalance):
    """An objective of one's own."""

    name = "doubled"


run = ab.train(env, log_reward, objective=Doubled(), policy=ab.MLP(width=4), seed=0, **TINY)
graph = ab.state_graph(env)
policy = run.policy


def train(*, space=env, reward=log_reward, **changes):
    """A training of one step with some arguments changed."""
    ab.train(space, reward, **{"objective": "tb", "policy": ab.MLP(width=4), **TINY, **changes})


def made(**changes):
    """The configuration of a training."""
    return ab.setup(env, log_reward, objective="tb", steps=1, batch=2, **changes)


def loaded(**parts):
    """The run, read back with parts of one's own."""
    with tempfile.TemporaryDirectory() as folder:
        run.save(f"{folder}/run")
        return ab.load(f"{folder}/run", task=task, **parts)


def flows_of(reward):
    """log Z of the exact flows."""
    return round(ab.exact_flows(graph, reward).log_z, 4)


def trained_on(reward):
    """The level of a training on a reward."""
    return ab.setup(env, reward, objective="tb", steps=1, batch=2).level


def raising(word):
    """A reward that raises for one object."""
    return 1 / (len(word) - 2)


def words():
    """Strings of up to three letters."""
    return ab.tabulate("", lambda word: [word + "a"] if len(word) < 3 else [])


CALLS = {
    "explore=.1": lambda: train(explore=0.1),
    "explore={}": lambda: train(explore={"epsilon": 0.1}),
    "explore=Explore": lambda: train(explore=ab.Explore),
    "replay=True": lambda: train(replay=True),
    "search=2": lambda: train(search=2),
    "teacher=True": lambda: train(teacher=True),
    "thompson=10": lambda: train(thompson=10),
    "anneal=100": lambda: train(anneal=100),
    "objective=3": lambda: train(objective=3),
    "objective=TrajectoryBalance": lambda: train(objective=ab.TrajectoryBalance),
    "backward=3": lambda: train(backward=3),
    "backward=LearnedBackward": lambda: train(backward=LearnedBackward),
    "policy='mlp'": lambda: made(policy="mlp").policy,
    "policy='tabular'": lambda: made(policy="tabular").policy,
    "policy='mpl'": lambda: train(policy="mpl"),
    "policy=3": lambda: train(policy=3),
    "policy=MLP": lambda: train(policy=ab.MLP),
    "policy=trained": lambda: train(policy=policy),
    "optimizer='adam'": lambda: made(optimizer="adam").optimizer,
    "optimizer='sgd'": lambda: train(optimizer="sgd"),
    "optimizer=.1": lambda: train(optimizer=0.1),
    "env=Faces": lambda: train(space=Faces),
    "studio=3": lambda: ab.studio(3),
    "studio=Run": lambda: ab.studio(ab.Run),
    "env=name": lambda: train(space="face"),
    "log_reward=3": lambda: train(reward=3),
    "log_reward=class": lambda: train(reward=type(log_reward)),
    "log_reward: whole": lambda: trained_on(lambda state: jnp.array(2)),
    "log_reward: Python's whole": lambda: trained_on(lambda state: 2),
    "log_reward: bool": lambda: trained_on(lambda state: state.any()),
    "python_reward(3)": lambda: ab.python_reward(3),
    "python_reward workers=2.5": lambda: ab.python_reward(len, workers=2.5),
    "python_reward workers=-1": lambda: ab.python_reward(len, workers=-1),
    "python_reward on_bad_reward": lambda: ab.python_reward(len, on_bad_reward="ignore"),
    "python_reward weights": lambda: ab.python_reward(len, weights=(1.0, "two")),
    "steps='10'": lambda: train(steps="10"),
    "batch=2.5": lambda: train(batch=2.5),
    "seeds=True": lambda: train(seeds=True),
    "log_z_rate='x'": lambda: train(log_z_rate="x"),
    "zero_floor='x'": lambda: train(zero_floor="x"),
    "level='x'": lambda: train(level="x"),
    "data=3": lambda: train(data=3),
    "data=text": lambda: train(data="smile"),
    "prior=run": lambda: train(prior=run),
    "start=run": lambda: train(start=run),
    "callback=3": lambda: train(callback=3),
    "out=3": lambda: train(out=3),
    "name=3": lambda: train(name=3),
    "exact=1": lambda: train(exact=1),
    "seed=2**40": lambda: train(seed=2**40),
    "seed=-1": lambda: train(seed=-1),
    "seed=1.5": lambda: train(seed=1.5),
    "seed=True": lambda: train(seed=True),
    "seed + seeds": lambda: train(seed=2**31 - 2, seeds=3),
    "batch=10**9": lambda: train(batch=10**9),
    "width=10**6": lambda: train(policy=ab.MLP(width=10**6)),
    "capacity=10**12": lambda: train(replay=ab.Replay(capacity=10**12)),
    "settings('mdb')": lambda: task.settings("mdb").steps == task.settings(ab.DetailedBalance()).steps,
    "settings('dbm')": lambda: task.settings("dbm"),
    "settings(3)": lambda: task.settings(3),
    "Task(Faces)": lambda: ab.Task(Faces, log_reward),
    "Task(settings=3)": lambda: ab.Task(env, log_reward, settings=3),
    "Adam": lambda: ab.Adam(learning_rate="x"),
    "Adam.decay": lambda: ab.Adam(decay="linear"),
    "MLP": lambda: ab.MLP(width=2.5),
    "MLP.skip": lambda: ab.MLP(skip=1),
    "Explore": lambda: ab.Explore(epsilon="x"),
    "Explore.per": lambda: ab.Explore(per="steps"),
    "Replay": lambda: ab.Replay(capacity="x"),
    "Replay.priority": lambda: ab.Replay(priority="best"),
    "LocalSearch": lambda: ab.LocalSearch(rounds=None),
    "LocalSearch.accept": lambda: ab.LocalSearch(accept="always"),
    "Anneal": lambda: ab.Anneal(steps=0.5),
    "SubTB": lambda: ab.SubTrajectoryBalance(lam="x"),
    "VarGrad": lambda: ab.VarGrad(penalty="hubert"),
    "VarGrad.contrast": lambda: ab.VarGrad(contrast="all"),
    "SubTB.normalise": lambda: ab.SubTrajectoryBalance(normalise="row"),
    "TrajectoryBalance": lambda: ab.TrajectoryBalance(alpha=[1]),
    "Interval": lambda: Interval(level="x"),
    "MetricSettings": lambda: MetricSettings(top_k="x"),
    "sample(run)": lambda: ab.sample(env, run, 2, seed=0),
    "sample(n='x')": lambda: ab.sample(env, policy, "x", seed=0),
    "sample(seed)": lambda: ab.sample(env, policy, 2, seed="x"),
    "sample(Faces)": lambda: ab.sample(Faces, policy, 2, seed=0),
    "estimate(run)": lambda: ab.estimate(env, run, log_reward),
    "estimate(samples)": lambda: ab.estimate(env, policy, log_reward, samples=10.5),
    "estimate(seed)": lambda: ab.estimate(env, policy, log_reward, samples=10, seed=-1),
    "estimate(reward)": lambda: ab.estimate(env, policy, 3),
    "log_prob(run)": lambda: ab.log_prob(env, run, [("smile",)]),
    "log_prob(3)": lambda: ab.log_prob(env, policy, 3),
    "log_prob(seed)": lambda: ab.log_prob(env, policy, [], seed="x"),
    "evaluate(objective)": lambda: ab.evaluate(env, policy, log_reward, objective=3),
    "evaluate(run)": lambda: ab.evaluate(env, run, log_reward, objective="tb"),
    "evaluate(metrics)": lambda: ab.evaluate(env, policy, log_reward, objective="tb", metrics=[len]),
    "evaluate(samples)": lambda: ab.evaluate(env, policy, log_reward, objective="tb", samples="x"),
    "state_graph(Faces)": lambda: ab.state_graph(Faces),
    "state_graph(max_states)": lambda: ab.state_graph(env, max_states="x"),
    "check(Faces)": lambda: ab.check(Faces),
    "check(seconds)": lambda: ab.check(env, seconds="x"),
    "check(walks)": lambda: ab.check(env, walks="x"),
    "total_variation(env)": lambda: ab.total_variation(env, policy, log_reward),
    "total_variation(run)": lambda: ab.total_variation(graph, run, log_reward),
    "exact_flows(env)": lambda: ab.exact_flows(env, log_reward),
    "exact_flows(function)": lambda: flows_of(log_reward) == flows_of(ab.log_rewards(graph, log_reward)),
    "exact_flows(short)": lambda: ab.exact_flows(graph, [0.0, 1.0]),
    "table": lambda: words().table(raising) and ab.tabulate("aa", lambda word: []).table(raising),
    "Product(env)": lambda: ab.Product(env),
    "Product(Faces)": lambda: ab.Product([env, Faces]),
    "InOrder(3)": lambda: ab.InOrder([3]),
    "Choose(text)": lambda: ab.Choose("faces"),
    "Repeat(Faces)": lambda: ab.Repeat(Faces, 2),
    "Repeat(times)": lambda: ab.Repeat(env, 1.5),
    "Repeat(least)": lambda: ab.Repeat(env, 2, least=True),
    "SumOfParts(env)": lambda: ab.SumOfParts(env=env, log_rewards=(log_reward,)),
    "SumOfParts(function)": lambda: ab.SumOfParts(env=ab.Repeat(env, 2), log_rewards=log_reward),
    "load(Doubled)": lambda: loaded(objective=Doubled),
}


def told(call):
    """The class and the sentence of a call's error, or what it returned."""
    try:
        return ["", repr(call())]
    except Exception as error:
        return [type(error).__name__, str(error)]


if __name__ == "__main__":
    print(json.dumps({name: told(call) for name, call in CALLS.items()}))
