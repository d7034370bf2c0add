"""`darkroom mcp`: tools for assistants that speak the Model Context Protocol."""
