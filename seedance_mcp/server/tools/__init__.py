"""The tools that an assistant sees, one module each."""
