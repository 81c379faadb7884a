"""Okta and Metric Insights as local HTTP servers, for the demo, the tests and the curious.

Both servers keep their state in memory, listen on 127.0.0.1 only and are driven over HTTP under
``/_sim/`` (see ``docs/simulators.md``). Nothing here is imported by the provider itself.
"""
