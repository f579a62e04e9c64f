"""Benchmarks, which are run by hand: they are no tests, and no part of the package."""
