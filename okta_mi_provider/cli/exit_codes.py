"""What the process tells whoever called it. People script on these."""

OK = 0
"""Done, nothing failed."""
FAILED = 1
"""Something failed, or conflicts remain."""
BAD_USAGE = 2
"""The options, settings or credentials cannot be used."""
REFUSED = 3
"""A limit was broken; nothing was written."""
