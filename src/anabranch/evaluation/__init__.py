"""Measures how close a policy is to its target: exactly on listed spaces, by estimates with errors elsewhere."""
