"""Trees of seven primates from their mitochondrial DNA: the exact posterior over 10,395 trees, and a sampler of it.

The alignment (Hayasaka, Gojobori and Horai 1988, Molecular Biology and Evolution 5:626-644) is shipped as `primates-7`;
a file of your own is named in its place: `python examples/phylogeny.py 3000 my.fasta`
"""

import sys

import numpy as np

import anabranch as ab


def main(steps: int = 3_000, alignment: str = "primates-7") -> None:
    task = ab.make("phylogeny-likelihood", env={"alignment": alignment})
    settings = {**task.settings("tb").arguments(), "steps": steps}
    run = ab.train(task, objective="tb", backward="uniform", exact=True, seed=0, **settings)
    measured = run.evaluate(samples=2_000, exact=True)
    print(f"exact total variation {measured.total_variation:.4f}, log Z {measured.log_z_exact:.3f}")
    graph = ab.state_graph(task.env)
    posterior = ab.target_distribution(ab.log_rewards(graph, task.log_reward))
    best = np.argsort(-posterior)[:3]
    print("the most probable trees:")
    for place in best:
        print(f"  {posterior[place]:.4f}  {graph.decode(int(graph.objects[place]))}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3_000, *sys.argv[2:3])
