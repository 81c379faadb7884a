"""Who is told when the state of a sync changes."""
