"""What a dataset holds, in figures, and what did not become a clip."""

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from living_portraits.data.dataset import FAILURES, SHARDS, SUMMARY, Clip
from living_portraits.data.footage import Failure


@dataclass(frozen=True)
class Summary:
    """What a dataset holds. Counts of clips and frames by "split kind size", failures by cause."""

    out: Path
    clips: Mapping[str, int]
    frames: Mapping[str, int]
    identities: Mapping[str, int]
    failures: Mapping[str, int]
    megabytes: float

    def __str__(self) -> str:
        rows = [f"{self.out}: {sum(self.clips.values())} clips, {self.megabytes:.0f} MB"]
        rows += [f"  {name}: {count} clips, {self.frames[name]} frames" for name, count in self.clips.items()]
        rows += [f"  {split}: {count} identities" for split, count in self.identities.items()]
        rows += [f"  left out, {cause}: {count}" for cause, count in self.failures.items()]
        return "\n".join([*rows, f"  reasons: {self.out / FAILURES}"])


def summarise(out: Path, clips: Sequence[Clip], failures: Sequence[Failure]) -> Summary:
    """Counts."""
    names = [f"{clip.split} {clip.kind} {clip.size}" for clip in clips]
    frames: Counter[str] = Counter()
    for name, clip in zip(names, clips, strict=True):
        frames[name] += clip.frames
    people = {(clip.split, clip.identity) for clip in clips}
    return Summary(
        out,
        clips=dict(sorted(Counter(names).items())),
        frames=dict(sorted(frames.items())),
        identities=dict(sorted(Counter(split for split, _ in people).items())),
        failures=dict(sorted(Counter(failure.cause for failure in failures).items())),
        megabytes=round(sum(path.stat().st_size for path in (out / SHARDS).iterdir()) / 1e6, 1),
    )


def write_summary(summary: Summary, fingerprint: Sequence[str]) -> None:
    """Writes the figures, and the names of the pieces that the footage became."""
    facts = {name: value for name, value in dataclasses.asdict(summary).items() if name != "out"}
    facts["fingerprint"] = list(fingerprint)
    write_text(summary.out / SUMMARY, json.dumps(facts, ensure_ascii=False, indent=1) + "\n")


def read_fingerprint(out: Path) -> list[str] | None:
    """The names of the pieces that the dataset was made of; None where there is no summary."""
    try:
        return [str(name) for name in json.loads((out / SUMMARY).read_text(encoding="utf-8"))["fingerprint"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_failures(out: Path, failures: Sequence[Failure]) -> None:
    """One JSON object a failure, in their order."""
    lines = [json.dumps(dataclasses.asdict(failure), ensure_ascii=False) for failure in failures]
    write_text(out / FAILURES, "".join(f"{line}\n" for line in lines))


def read_failures(out: Path) -> list[Failure]:
    """What `write_failures` wrote; none where there is no such file."""
    path = out / FAILURES
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [Failure(**json.loads(line)) for line in lines]


def write_text(path: Path, text: str) -> None:
    """The whole text or, where that is interrupted, none of it."""
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
