"""Which Bayesian networks explain a table of data: their exact posterior, and a sampler that learns it.

Five variables of the Asia network (Lauritzen and Spiegelhalter 1988, JRSS B 50:157-224), drawn from
its published probabilities, are shipped as `asia`; all 29,281 graphs are listed, so that the posterior is known.
`python examples/structure_learning.py`
"""

import sys

import numpy as np

import anabranch as ab


def main(steps: int = 3_000) -> None:
    task = ab.make("dags-5", reward={"data": "asia", "score": "bdeu"})
    settings = {**task.settings("mdb").arguments(), "steps": steps, "anneal": ab.Anneal(start=0.01, steps=steps // 3)}
    run = ab.train(task, objective="mdb", exact=True, seed=0, **settings)
    measured = run.evaluate(samples=2_000)
    print(f"exact total variation from the posterior over all graphs: {measured.total_variation:.4f}")
    graph = ab.state_graph(task.env)
    posterior = ab.target_distribution(ab.log_rewards(graph, task.log_reward))
    learned = ab.exact_law(graph, run.policy, task.log_reward)
    adjacency = np.array([np.asarray(graph.decode(int(state))) for state in graph.objects])
    print("P(an edge from row to column), posterior | learned")
    for row in range(5):
        exact, found = np.tensordot(posterior, adjacency, 1)[row], np.tensordot(learned.model, adjacency, 1)[row]
        print("  ", " ".join(f"{value:.2f}" for value in exact), " | ", " ".join(f"{value:.2f}" for value in found))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3_000)
