"""`python -m seedance_mcp` is the same program as `seedance-mcp`."""

from seedance_mcp.cli import main

raise SystemExit(main())
