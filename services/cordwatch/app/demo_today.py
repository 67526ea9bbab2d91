"""
The bundled day as if it had just ended: for a demo on a real broker, whose clocks go with the real time.

Alerts about a day of long ago stand on the board and page nobody. A production
refuses it (exit code 2): it would mix invented patients with real ones.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime, timedelta
from typing import Final

from cordwatch.app.demo_day import DAY, DAY_FILE
from cordwatch.runtime.environment import Environment, NotForProduction
from cordwatch.runtime.wall_clock import WallClock

ENDS: Final = DAY + timedelta(hours=24)
_TIME: Final = re.compile(rb"\d{14}(?=\+0000)")
_FORM: Final = "%Y%m%d%H%M%S"


def day_ending(now: datetime) -> bytes:
    """Return the messages of the day, all of their times moved so that it ends at *now*."""
    later = now - ENDS

    def moved(found: re.Match[bytes]) -> bytes:
        told = datetime.strptime(found[0].decode(), _FORM).replace(tzinfo=now.tzinfo)
        return f"{told + later:{_FORM}}".encode()

    return _TIME.sub(moved, DAY_FILE.read_bytes())


def main() -> int:
    """Write the day as it would have been today; return the exit code."""
    name = os.environ.get("CORDWATCH_ENVIRONMENT")
    try:
        told = Environment("production" if name == "production" else "development")
        told.require_patients("the invented day")
    except NotForProduction as error:
        sys.stderr.write(f"cordwatch: {error}\n")
        return 2
    sys.stdout.buffer.write(day_ending(WallClock().now()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
