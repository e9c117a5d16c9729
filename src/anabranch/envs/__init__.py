"""Built-in spaces, one a file."""
