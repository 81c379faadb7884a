"""Programs for those who work on the package; each says what it is for."""
