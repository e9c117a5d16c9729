"""Trajectories to their scores under a policy."""
