"""A space, listed: its states, its edges, and numbers for each."""
