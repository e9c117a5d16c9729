"""Rewards: what a log-reward may be, the level that it is learned relative to, floors of zeros, annealing."""
