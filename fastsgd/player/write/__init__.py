"""From what was drawn to files."""
