"""The comparison of continuous spaces in Markdown: what a step costs, what is left after training, what differs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LOG_Z = {"box": math.log(0.305), "gaussians": 0.0}
"""Of both rewards, exact: .1 + .5 / 4 + 2 * .04 on the unit square, and densities that are normalised."""
NAMES = {"box": "unit square", "gaussians": "25 Gaussians"}
STAGES = {"equal": "equal steps", "wall": "equal time"}
LOAD, BUSY = 0.7, "**The machine was not idle: the times are not to be relied on.**"
"""The load before the first command, above which the machine was not idle."""
PRICE_HEAD = "| task | library | threads | ms a step (range) | compile, s | ratio |"
LEFT_HEAD = (
    "| task | after | library | steps | seconds | learned log Z - exact | ELBO gap | weighted log Z - exact "
    "| effective samples | rows |"
)
DIFFERENCES = """\
What is equal: the two cores, of which torchgfn uses one where that is quicker for it, trajectory balance, on-policy
batches of 128, 2 hidden layers of 128 units, Adam (betas .9 and .999) with rates .001 for the network and .1 for log Z,
which fall to 0 along a cosine over the steps of the run. Both train on R itself from the first step. The learned log Z
of anabranch starts at an estimate from random objects, that of torchgfn at 0.

What differs on the unit square: the moves are the same, anywhere from the source and at least .25 in every coordinate
afterwards, but the step kernels are not. anabranch mixes 32 products of plateaus with soft edges; torchgfn mixes 5 Beta
distributions for each coordinate on its own, with concentrations from .1 to 100, as its `train_box.py` does. Both learn
P_B, on the trunk of P_F. The network of anabranch sees 7 frequencies of each coordinate and has ReLU units, that of
torchgfn sees the coordinates and has ELU units. torchgfn cuts gradients off at 10, as in its example; the rates of that
example, .0001 and .01 for 3 million trajectories, left it a gap of 3.0 nats after 1,000 steps, those here .5. Where no
move is left, torchgfn's sampler exits for certain but its log P_F is that of the exit's logit, in its loss too. The
ELBO and the weighted log Z here count such an exit as certain, as it is: otherwise the weights would not be those of
the draws.

What differs on the 25 Gaussians: the process is the same, Brownian motion from 0 with a standard deviation of 5 at the
end, 100 moves of fixed width, and the Brownian bridge as P_B. torchgfn counts the exit as the last of its steps, so it
is given 101 of them, and a sigma of 5 sqrt(1.01). Its network is that of `train_diffusion_sampler.py`: an embedding of
the place, and one of the time with a hidden layer of its own, before the two layers of 128; ours is a perceptron that
sees both. Its drift is the network's output as it is, ours the output in units of the noise that is left. What
anabranch has beyond this, such as learned widths, a drift that follows the gradient of R, and replay, is left out.

The ELBO gap is log Z less the mean of log R + log P_B - log P_F over fresh trajectories; the weighted log Z is the
importance-weighted one of the same trajectories, blind to regions that they do not reach. Equal steps are those of the
slower library in its time; seconds are of training alone."""


def as_markdown(report: Mapping[str, Any]) -> str:
    """The whole page."""
    machine, counts = report["machine"], report["counts"]
    versions = report["versions"].items()
    lines = [
        "# Continuous spaces side by side",
        "",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; load of the machine before and after: "
        f"{machine['load'][0]:.1f} and {machine['load'][1]:.1f}.",
        f"By `python -m benchmarks.continuous`: medians of {counts['rounds']} rounds of {counts['round_seconds']:g} s "
        f"in turn, trainings of {counts['wall_seconds']:g} s, {counts['samples']:,} trajectories an estimate.",
        *([BUSY] if machine["load"][0] > LOAD else []),
        "",
        *_table(PRICE_HEAD, _prices(report["measured"])),
        "",
        *_table(LEFT_HEAD, _left(report["measured"])),
        "",
        DIFFERENCES,
        "",
        *(f"- {name}: {', '.join(f'{part} {number}' for part, number in parts.items())}" for name, parts in versions),
        *(f"- {name} was not measured: {why}" for name, why in report["failed"].items()),
    ]
    return "\n".join(lines) + "\n"


def _table(head: str, rows: Iterator[Sequence[str]]) -> list[str]:
    return [head, "|---" * head.count(" | ") + "|---|", *(f"| {' | '.join(row)} |" for row in rows)]


def _prices(measured: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    for one in measured:
        ours = one["price"].get("anabranch", {}).get("ms")
        for library, price in one["price"].items():
            times = price["rounds_ms"]
            ratio = "" if library == "anabranch" or not ours else f"{price['ms'] / ours:.1f}x"
            spread = f"{price['ms']:.2f} ({min(times):.2f}-{max(times):.2f})"
            yield _title(one), library, f"{price['threads']}", spread, f"{price['compile_seconds']:.1f}", ratio


def _left(measured: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    for one in measured:
        exact = LOG_Z[one["task"]]
        for stage, title in STAGES.items():
            for library, left in one[stage].items():
                yield (
                    _title(one),
                    title,
                    library,
                    f"{left['steps']:,}",
                    f"{left['seconds']:.1f}",
                    f"{left['log_z'] - exact:+.4f}",
                    f"{exact - left['elbo']:.4f} ± {left['elbo_error']:.4f}",
                    f"{left['weighted_log_z'] - exact:+.4f} ± {left['weighted_log_z_error']:.4f}",
                    f"{left['effective_samples']:,.0f}",
                    f"{left['rows']:.2f}",
                )


def _title(one: Mapping[str, Any]) -> str:
    return NAMES[one["task"]] + (f", seed {one['seed']}" if one["seed"] else "")
