"""What every module may use: errors, dataclasses as JSON and flags, content, streams of random numbers."""
