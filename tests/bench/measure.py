"""measure.py COMMAND…: runs it to its end and prints, as the last line, what it took:

measured status=0 wall=1.234 user=2.1 sys=0.2 rss=123456789

Seconds, and the largest resident set in bytes, as wait4 gives them for the command alone. The floor of `rss` is this
interpreter, about 10 MB. What waits to be written to the disk is brought there first: a command that waits for its own
files would wait for those of the one before it as well.
"""

import os
import sys
import time

os.sync()
start = time.monotonic()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
wall = time.monotonic() - start
status = os.waitstatus_to_exitcode(status)
sys.stdout.flush()
print(f"measured status={status} wall={wall:.4f} user={used.ru_utime:.4f} sys={used.ru_stime:.4f} rss={used.ru_maxrss * 1024}")
