"""The 4 x 20 hypergrid with the standard constants."""

from anabranch.reproductions.hypergrid_large import reproduction

REPRODUCTION = reproduction(
    "hypergrid-standard",
    "The 4 x 20 hypergrid, standard constants",
    constants="R0 = 1e-3, R1 = .5, R2 = 2",
    log_z=8.643297,
    floor=".1121",
    wanted=0.02,
)
