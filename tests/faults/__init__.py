"""Deliberate faults: the campaign that tests what docs/reliability.md promises about money."""
