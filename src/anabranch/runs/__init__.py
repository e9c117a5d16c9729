"""The run directory: what is on disk, and how it is read back without executing anything."""
