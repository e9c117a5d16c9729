"""The rows of the comparison, by name, and what each must reach."""

from typing import Any

STANDARD: dict[str, Any] = {"space": "hypergrid", "dim": 4, "side": 20, "r0": 1e-3}
LONG: dict[str, Any] = {
    **STANDARD,
    "mode": "long",
    "r0": 0.1,
    "min_rows": 36,
    "pretrain_batch": 16,
    "pretrain_seconds": 60,
}

ROWS: dict[str, dict[str, Any]] = {
    "grid-2x8": {"space": "hypergrid", "dim": 2, "side": 8, "r0": 0.1, "steps": 1000},
    "grid-4x20": {**STANDARD, "steps": 1000, "seconds": 12},
    "grid-4x20-long": {**LONG, "steps": 200},
    "grid-4x20-256": {**STANDARD, "batch": 256, "steps": 300, "seconds": 20},
    "grid-4x20-256-long": {**LONG, "batch": 256, "steps": 100},
    "ising-9": {"space": "ising", "side": 9, "batch": 256, "steps": 60},
    "bits-16": {"space": "bits", "batch": 16, "steps": 60},
    "bits-256": {"space": "bits", "batch": 256, "steps": 20},
    "grid-4x20-db": {**LONG, "objective": "db", "min_rows": 32, "steps": 200},
    "grid-4x20-subtb": {**LONG, "objective": "subtb", "min_rows": 32, "steps": 200},
}

WANTED = {
    "grid-2x8": (3.5, 10.0),
    "grid-4x20": (10.0, 15.0),
    "grid-4x20-long": (3.5, 10.0),
    "grid-4x20-256": (10.0, 5.0),
    "grid-4x20-256-long": (3.0, 4.0),
    "ising-9": (2.0, 4.0),
    "bits-16": (2.5, 5.0),
    "bits-256": (2.5, 5.0),
    "grid-4x20-db": (5.0, 10.0),
    "grid-4x20-subtb": (5.0, 10.0),
}
"""The least ratio that we set ourselves, against gfnx and against torchgfn."""
