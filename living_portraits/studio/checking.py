"""What a film says of itself, for people."""

import json
from dataclasses import dataclass
from pathlib import Path

from living_portraits import provenance
from living_portraits.studio.words import say


@dataclass(frozen=True)
class Finding:
    """What there is to say about a file.

    Attributes:
        verdict: "good" (made here, unchanged), "bad" (changed since) or "open" (nobody can tell).
        headline: one sentence.
        rows: name and value of what its credential says.
        data: the same for scripts.
    """

    verdict: str
    headline: str
    rows: tuple[tuple[str, str], ...]
    data: dict[str, object]


def check(path: Path, language: str) -> Finding:
    """Reads the credential of any file. Raises MediaError if it cannot be read at all."""
    report = provenance.verify(path)
    verdict, key = _verdict(report)
    claim = report.claim or {}
    rows = []
    if claim:
        titles = {one.get("role"): one.get("title") for one in claim.get("ingredients", [])}
        settings = {name: value for name, value in claim.get("settings", {}).items() if value not in (None, False)}
        rows = [
            (say("check.engine", language), str(claim.get("engine"))),
            (say("check.source", language), str(titles.get("source"))),
            (say("check.driver", language), str(titles.get("driver") or "–")),
            (say("check.mark", language), say("yes" if claim.get("mark_shown") else "no", language)),
            (say("check.consent", language), str(claim.get("consent") or "–")),
            (say("check.settings", language), ", ".join(f"{name} {_short(value)}" for name, value in settings.items())),
        ]
    if report.signer is not None:
        rows.append((say("check.signer", language), say(f"check.signer.{report.signer}", language)))
    data = {"made_here": report.made_here, "intact": report.intact, "signer": report.signer}
    return Finding(verdict, say(key, language), tuple(rows), data | {"sentence": report.sentence, "claim": dict(claim)})


def _verdict(report: provenance.Report) -> tuple[str, str]:
    if report.made_here:
        if report.intact is None:
            return "open", "check.ours_unsigned"
        return ("good", "check.ours_intact") if report.intact else ("bad", "check.ours_changed")
    return ("open", "check.others") if report.credential else ("open", "check.nothing")


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
