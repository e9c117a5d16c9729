"""The second contract: spaces whose steps are densities. The spaces themselves, their kernels, and targets."""
