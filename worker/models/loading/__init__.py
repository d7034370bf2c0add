"""From files to models in memory, kept while they fit. The one room with torch."""
