"""`python -I -S weigh.py RESULT COMMAND ...`: runs a command, and writes what it cost.

The system counts as a process's peak of memory at least what its parent had when it was started. So the one who starts
it must be small, and knows nothing but the standard library's smallest parts.
"""

import os
import sys
import time

began = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
wall_s = time.perf_counter() - began
peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
with open(sys.argv[1], "w") as result:
    result.write(f"{wall_s} {usage.ru_utime + usage.ru_stime} {peak_bytes} {os.waitstatus_to_exitcode(status)}")
