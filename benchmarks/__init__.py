"""Benchmarks against the peers; run with `make bench`, never as tests."""
