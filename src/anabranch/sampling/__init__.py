"""Sampling: where the trajectories of a batch come from.

`rollout` draws trajectories from the initial state with the forward policy, under an exploration (`explore`) that
changes what is drawn and never what is scored. `regrow` goes the other way: from a finished object it draws a
trajectory back to the initial state with the backward policy. With it objects can be learned from again or for the
first time: those of the replay buffer (`replay`), those that local search has improved (`local_search`), and those of
a data set (`data_set`).

`draw` offers the same to users outside of a training. `reference_level` walks at random before the first step, and
estimates where log R, log Z and the state flows lie.
"""
