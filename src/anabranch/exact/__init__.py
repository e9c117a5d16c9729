"""The exact truth about small environments."""
