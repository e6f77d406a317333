"""Faults made on purpose: what is promised about money (docs/reliability.md), and the proof of it."""
