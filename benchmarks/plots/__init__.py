"""Pictures of what was measured, drawn from the results: SVG, light and dark."""
