"""GFlowNets: define a space in ten lines, train a sampler in proportion to a reward, see exactly how right it is."""
