"""How much memory an engine takes: weighed in a process of its own, where nothing else has been before.

python scale.py ENGINE SIZE TRACKS
"""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

from living_portraits import memory
from living_portraits.engine import Drive, Track

MEBIBYTE = 2**20


def peak_memory(engine: str, *, size: int, source: Track, driver: Track) -> float | None:
    """MiB that making one film adds to a process, the engine's libraries and weights included, the film not.

    None where the process fails, for instance where the system has too little.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tracks"
        with path.open("wb") as file:
            pickle.dump((_held(source), _held(driver)), file)
        # As a file, not as a module of this package, whose own imports would be on the scale too.
        command = [sys.executable, "-P", __file__, engine, str(size), str(path)]
        places = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"PYTHONPATH": places}
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return float(run.stdout) if run.returncode == 0 else None


def _held(track: Track) -> Track:
    """The track with its crops in memory, so that it can travel."""
    return Track(list(track.crops), track.points, track.blendshapes, track.fps)


def weigh(name: str, size: int, path: Path) -> float:
    """The work itself: MiB of this process's peak after one film, less those before the engine was made."""
    with path.open("rb") as file:
        source, driver = pickle.load(file)  # what `peak_memory` wrote a moment ago
    from living_portraits import engines

    before = memory.peak()
    engine = engines.create(name, size=size)
    for _ in engine.generate(engine.encode_identity(source), engine.encode_motion(driver, Drive())):
        pass
    return (memory.peak() - before) / MEBIBYTE


if __name__ == "__main__":
    print(weigh(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
