"""How often a server process looks for garbage. https://docs.python.org/3/library/gc.html

Requests leave nothing behind that only a search finds: 2,000 reads left no object in a cycle. But
the objects of a few dozen requests at once are more than the 700 after which Python searches by
default, so it looked through them again and again, for a tenth of a read's processor time.
"""

import gc

THRESHOLD = 20_000
"""About what 200 requests at work at the same moment hold."""


def settle() -> None:
    """Called when a process is about to serve: what there is by now stays, and is not searched again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD)
