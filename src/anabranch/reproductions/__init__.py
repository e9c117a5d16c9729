"""Published settings that `anabranch reproduce NAME` runs again; nothing is imported before it is asked for."""

REPRODUCTIONS: dict[str, str] = {
    "dags-5": "anabranch.reproductions.dags",
    "ising-4": "anabranch.reproductions.ising",
    "sets-30-20": "anabranch.reproductions.sets",
}
"""The module that holds each one as `REPRODUCTION`."""
