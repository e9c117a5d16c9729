"""The 4 x 20 hypergrid with the hard constants."""

from anabranch.reproductions.hypergrid_large import reproduction

REPRODUCTION = reproduction(
    "hypergrid-hard",
    "The 4 x 20 hypergrid, hard constants",
    constants="R0 = 1e-4, R1 = 1, R2 = 3",
    log_z=9.285819,
    floor=".0897",
    wanted=0.04,
)
