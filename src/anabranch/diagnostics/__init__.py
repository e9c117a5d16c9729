"""What may be wrong with a sampler, in words: what was seen, and what to do about it."""
