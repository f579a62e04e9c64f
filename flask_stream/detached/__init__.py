"""Runs that outlive their request: a producer writes each into a log, and readers follow it."""
