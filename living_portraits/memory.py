"""How much memory this process has held, from nothing but the standard library, so that asking weighs nothing."""

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in what getrusage counts


def peak() -> int:
    """Bytes that this process has held at most since its program began; 0 where the system does not say."""
    if STATUS.is_file():  # getrusage would count what the process before exec held
        lines = STATUS.read_text().splitlines()
        if known := [line for line in lines if line.startswith("VmHWM:")]:
            return int(known[0].split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
