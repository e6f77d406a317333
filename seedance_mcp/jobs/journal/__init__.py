"""The durable record of every paid job: what it stores, the caps it enforces, and the SQLite file that holds it."""
