"""`python -m benchmarks.graphs`: the network over graphs against the MLP on five-node Bayesian networks, in equal time.

The setting is that of the reproduction `dags-5` (modified detailed balance, batch 32, epsilon .2 that falls to 0 over
the first half, Adam 2e-3 along a cosine). The price of a step is measured first, all networks in turn; each then trains
for as many steps as fit into the same seconds, so that its schedules end with its training. The distances are exact,
over 29,281 graphs. Writes `benchmarks/results/graphs.md`.
"""

import argparse
from statistics import fmean
from typing import Any

import jax

import anabranch as ab
from anabranch.envs.dag_graphs import Dags
from anabranch.envs.dags import DagReward, edge_marginal_correlation
from benchmarks.engine import RESULTS, best_in_turn, table, warmed

NETWORKS = {
    "MLP 2 x 256": ab.MLP(),
    "GraphNetwork 3 x 64": ab.GraphNetwork(),
    "GraphNetwork 2 x 32": ab.GraphNetwork(width=32, layers=2),
    "GraphNetwork 2 x 32, no identity": ab.GraphNetwork(width=32, layers=2, identity=False),
}
BATCH, PRICED_STEPS = 32, 50


def settings(network: Any, steps: int) -> dict[str, Any]:
    explore = ab.Explore(epsilon=0.2, anneal=max(1, steps // 2))
    rate = ab.Adam(learning_rate=2e-3)
    return {
        "objective": "mdb",
        "explore": explore,
        "policy": network,
        "optimizer": rate,
        "steps": steps,
        "batch": BATCH,
    }


def prices(env: Dags) -> list[float]:
    """Seconds of a step of each network."""
    reward = DagReward(env=env, seed=0, centre=False)
    setups = [ab.setup(env, reward, **settings(network, 10**6)) for network in NETWORKS.values()]
    trainings = [warmed(setup, PRICED_STEPS) for setup in setups]
    return [seconds / PRICED_STEPS for seconds in best_in_turn(trainings, 5)]


def trained(env: Dags, graph: ab.StateGraph, seed: int, network: Any, steps: int) -> dict[str, Any]:
    reward = DagReward(env=env, seed=seed, centre=False)
    options = {**settings(network, steps), "seed": seed, "exact": False, "callback": lambda row: None}
    run = ab.train(env, reward, **options)
    law = ab.exact_law(graph, run.policy, reward)
    jax.clear_caches()
    return {"seconds": run.seconds, "jsd": law.jsd, "correlation": edge_marginal_correlation(law)}


def row_of(
    env: Dags, graph: ab.StateGraph, seeds: int, title: str, name: str, steps: int, price: float
) -> dict[str, Any]:
    """A row of the table: one network, trained with each seed."""
    found = [trained(env, graph, seed, NETWORKS[name], steps) for seed in range(seeds)]
    row: dict[str, Any] = {"network": title, "ms a step": 1e3 * price, "steps": steps}
    row |= {"mean seconds": fmean(one["seconds"] for one in found)}
    row |= {f"exact JSD, seed {seed}": one["jsd"] for seed, one in enumerate(found)}
    row |= {"least correlation of edge marginals": min(one["correlation"] for one in found)}
    print(row, flush=True)
    return row


def main() -> None:
    """Measure and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each training")
    parser.add_argument("--seeds", type=int, default=2, help="how many seeds, each with data of its own")
    chosen = parser.parse_args()
    env = Dags(nodes=5)
    graph = ab.state_graph(env)
    price = dict(zip(NETWORKS, prices(env), strict=True))
    trainings = [(name, name, int(chosen.seconds / price[name])) for name in NETWORKS]
    mlp, large = list(NETWORKS)[:2]
    trainings.append((f"{mlp}, with the steps of {large}", mlp, int(chosen.seconds / price[large])))
    rows = [row_of(env, graph, chosen.seeds, *training, price[training[1]]) for training in trainings]
    lines = [
        "# Networks over graphs against the MLP, in equal time",
        "",
        *(__doc__ or "").split("\n\n", 1)[1].splitlines(),
    ]
    meant = (
        f"{chosen.seconds:g} seconds of each were meant, on two cores; where the mean is larger, others used them too."
    )
    lines = [*lines, "", meant, "", *table(rows)]
    (RESULTS / "graphs.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
