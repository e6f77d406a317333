"""The MCP server: its tools, resources and prompts, and the transports that carry them."""
