"""Published settings that `anabranch reproduce NAME` runs again; nothing is imported before it is asked for."""

REPRODUCTIONS: dict[str, str] = {
    "dags-5": "anabranch.reproductions.dags",
    "ising-4": "anabranch.reproductions.ising",
    "phylogeny-7": "anabranch.reproductions.phylogeny",
    "sets-30-20": "anabranch.reproductions.sets",
    "hypergrid-hard": "anabranch.reproductions.hypergrid_hard",
    "hypergrid-standard": "anabranch.reproductions.hypergrid_standard",
    "objectives-2x8": "anabranch.reproductions.objectives_2x8",
    "replay-and-search": "anabranch.reproductions.replay_and_search",
    "subtb-grids": "anabranch.reproductions.subtb_grids",
    "tfbind8": "anabranch.reproductions.tfbind8",
}
"""The module that holds each one as `REPRODUCTION`."""
