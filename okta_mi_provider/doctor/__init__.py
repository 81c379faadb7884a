"""Looks at a pair of connections without changing anything, and says what it has found."""
