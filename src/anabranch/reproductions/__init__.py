"""Published settings that `anabranch reproduce NAME` runs again; nothing is imported before it is asked for."""

REPRODUCTIONS: dict[str, str] = {
    "dags-5": "anabranch.reproductions.dags:REPRODUCTION",
    "ising-4": "anabranch.reproductions.ising:REPRODUCTION",
    "phylogeny-7": "anabranch.reproductions.phylogeny:REPRODUCTION",
    "sets-30-20": "anabranch.reproductions.sets:REPRODUCTION",
    "hypergrid-hard": "anabranch.reproductions.hypergrid_large:HARD",
    "hypergrid-standard": "anabranch.reproductions.hypergrid_large:STANDARD",
    "objectives-2x8": "anabranch.reproductions.objectives_2x8:REPRODUCTION",
    "replay-and-search": "anabranch.reproductions.replay_and_search:REPRODUCTION",
    "subtb-grids": "anabranch.reproductions.subtb_grids:REPRODUCTION",
    "tfbind8": "anabranch.reproductions.tfbind8:REPRODUCTION",
}
"""The module of each reproduction, and its name there."""
