"""A slow score in plain Python: evaluated once for each face, in two processes, with a deadline, and kept on disk.

Run it twice: the second time every answer comes from the file. `python examples/slow_reward.py`
"""

import sys
import time

import anabranch as ab


def score(faces):
    """R of each face, as a list; every call takes 20 ms."""
    time.sleep(0.02)
    return [2.0 if "smile" in face else 1.0 for face in faces]


def main(steps: int = 300, folder: str = "runs/slow") -> None:
    reward = ab.python_reward(
        score,
        workers=2,  # processes of their own: one that hangs or dies is replaced, and nobody else is harmed
        timeout=5.0,
        batch_size=4,
        inflight=2,  # the sampler goes on while two batches are out
        cache=f"{folder}.sqlite",
        max_evaluations=500,
    )
    began = time.perf_counter()
    run = ab.train("faces", reward, objective="tb", steps=steps, seed=0, out=folder)
    asked = run.evaluations()
    print(f"{steps} steps in {time.perf_counter() - began:.1f} s, {len(asked['object'])} faces evaluated")
    print(f"exact total variation {run.evaluate().total_variation:.4f}")
    print("an answer:", {name: column[0] for name, column in asked.items()})


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300, *sys.argv[2:3])
