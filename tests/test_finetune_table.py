"""The table of the paper: who sits for it, and what each engine on it knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import driver

from living_portraits.commands import finetune_table as command
from living_portraits.commands.finetune_table import HELD, Shots, Sittings, main
from living_portraits.engine import Drive, Track
from living_portraits.engines.talking_head.engine import TalkingHead
from living_portraits.errors import OptionError, OutputError

SIZE = 64


@dataclass(frozen=True)
class Clip:
    """One second of somebody in a room of some brightness."""

    id: str
    identity: str
    frames: int
    light: int
    split: str = "val"
    kind: str = "video"
    size: int = SIZE


class Shelf:
    """A dataset of drawn clips."""

    def __init__(self, *clips: Clip) -> None:
        self.clips = clips

    def select(self, *, split: str | None = None, kind: str | None = None, size: int | None = None) -> list[Any]:
        return list(self.clips)

    def track(self, clip: Any, *, frames: slice | None = None) -> Track:
        whole = driver(SIZE, frames=clip.frames)
        lit = [np.full_like(crop, clip.light) for crop in whole.crops]
        for number, crop in enumerate(lit):
            crop[0, 0] = number  # tells frames apart
        made = Track(lit, whole.points, whole.blendshapes, whole.fps)
        return made.pick(range(len(made))[frames or slice(None)])


def ada(*others: Clip) -> Shelf:
    return Shelf(Clip("held", "ada", 40, 100), *others)


def lights(frames: Sequence[np.ndarray]) -> set[int]:
    return {int(frame[5, 5, 0]) for frame in frames}


def test_what_is_held_out_is_never_among_the_pictures() -> None:
    made = Sittings(ada(Clip("a", "ada", 20, 110), Clip("b", "ada", 20, 240)), size=SIZE, people=1)
    [clip] = made.clips
    held = made.track(clip)
    pictures = made.by_id["held"].pictures
    assert len(held) == HELD + 1 and lights(held.crops[1:]) == {100}
    assert lights(pictures.crops) <= {110, 240} and len(pictures) == 32
    np.testing.assert_array_equal(held.crops[0], pictures.crops[0])


def test_pictures_come_from_the_clips_that_look_like_what_is_held_out() -> None:
    clips = [Clip(f"c{light}", "ada", 20, light) for light in (240, 10, 99, 103, 120, 90)]
    pictures = Sittings(ada(*clips), size=SIZE, people=1).by_id["held"].pictures
    assert lights(pictures.crops) <= {99, 103, 90, 120}


def test_whoever_has_but_one_clip_does_not_sit() -> None:
    lonely = Clip("lonely", "eve", 40, 50)
    made = Sittings(ada(Clip("a", "ada", 20, 110), lonely), size=SIZE, people=5)
    assert [clip.identity for clip in made.clips] == ["ada"]
    with pytest.raises(OptionError, match="Nobody in the split val has two clips of 64 px"):
        Sittings(Shelf(lonely), size=SIZE, people=5)


def test_an_engine_of_eight_shots_is_given_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    made, given = Sittings(ada(Clip("a", "ada", 20, 110)), size=SIZE, people=1), []

    def embed(self: TalkingHead, source: Track) -> int:
        given.append(len(source))
        return len(source)

    monkeypatch.setattr(TalkingHead, "__init__", lambda self, **known: None)
    monkeypatch.setattr(TalkingHead, "encode_identity", embed)
    monkeypatch.setattr(TalkingHead, "encode_motion", lambda self, driver, drive: driver)
    monkeypatch.setattr(TalkingHead, "generate", lambda self, identity, motion: iter([identity] * len(motion)))
    [clip] = made.clips
    track = made.track(clip)
    for shots in (1, 8):
        engine = Shots(made, shots=shots, base=Path("base"), tuning=None)
        identity = engine.encode_identity(track.pick([0]))
        frames = list(engine.generate(identity, engine.encode_motion(track, Drive())))
        assert frames == [shots] * len(track)
    assert given == [1, 8]


def test_the_table_is_printed_whatever_becomes_of_its_files(tmp_path: Path, monkeypatch, capsys) -> None:
    """No trial is held where they cannot be written; and what was judged is not lost with them."""
    (tmp_path / "taken").write_text("a file")
    held: list[str] = []

    def unwritten(card, folder: Path) -> None:
        raise OutputError(f"The card cannot be written to {folder}.")

    for name, put in {"Dataset": Path, "judge": lambda *_, **__: held.append("a trial")}.items():
        monkeypatch.setattr(command, name, put)
    for name, put in {"markdown": lambda card: "the table", "write": unwritten}.items():
        monkeypatch.setattr(command.report, name, put)
    for folder, trials, told in (("taken", 0, ""), ("card", 1, "the table\n")):
        monkeypatch.setattr("sys.argv", ["", str(tmp_path), str(tmp_path / folder), "--identity-weights", "none"])
        assert main() == 1
        assert len(held) == trials and capsys.readouterr().out == told
