"""Small spaces as lists: all states and edges of an environment, numbered, in NumPy arrays."""
