"""What samples and probabilities say about a sampler: one metric a file, pure functions of NumPy arrays."""
