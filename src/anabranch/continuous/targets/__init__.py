"""Targets: rewards of points, with what is known of them: log Z, draws from them, and their modes."""
