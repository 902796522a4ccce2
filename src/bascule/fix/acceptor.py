"""``python -m bascule.fix.acceptor``: the acceptance program, under the name of the protocol.

It listens and writes to disk, which nothing in this folder may, so it lives in
``bascule.fixwire.acceptance`` and is only started from here.
"""

import runpy

if __name__ == "__main__":
    runpy.run_module("bascule.fixwire.acceptance", run_name="__main__", alter_sys=True)
