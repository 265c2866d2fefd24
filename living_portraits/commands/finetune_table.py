"""The paper's table on people who were never taught: FF and FT for T = 1, 8, 32 pictures (FSTH, table 1).

python -m living_portraits.commands.finetune_table DATASET OUT --identity-weights FILE

FF draws a person with what the embedder makes of T frames of them; FT is fine-tuned on the same frames. Both then draw
a clip that was held out, from its landmarks alone. The pictures come from other clips of that person, those that look
most like the held-out one first: the paper takes both from one video, and ours are a second long.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from living_portraits import engines, report, weights
from living_portraits.data import Dataset
from living_portraits.engine import Drive, Engine, Frame, Spec, Track
from living_portraits.engines.talking_head import person as persons
from living_portraits.engines.talking_head.engine import WEIGHTS, TalkingHead, read_networks
from living_portraits.errors import LivingPortraitsError, OptionError
from living_portraits.evaluate import evaluate
from living_portraits.evaluate.trials import Clips
from living_portraits.finetune import sources
from living_portraits.finetune.learning import learned, taught
from living_portraits.finetune.tune import Lesson, TuneConfig
from living_portraits.finetune.views import motion_of
from living_portraits.variety import apart

HELD = 32
"""Frames that are held out, of each person."""

SHOTS = (1, 8, 32)
_CANDIDATES = 12  # clips of a person that pictures may come from


@dataclass(frozen=True, eq=False)
class Sitting:
    """One person: `pictures` to learn from, and what was held out, after the first of the pictures."""

    clip: Any
    pictures: Track
    held: Track


class Sittings:
    """A dataset of one clip a person, as `evaluate` asks for it: the first picture, then what was held out."""

    def __init__(self, dataset: Clips, *, size: int, people: int, most: int = max(SHOTS)) -> None:
        by_person = defaultdict(list)
        for clip in dataset.select(split="val", kind="video", size=size):
            by_person[clip.identity].append(clip)
        whole = [clips for _, clips in sorted(by_person.items()) if len(clips) > 1]
        if not whole:
            raise OptionError(f"Nobody in the split val has two clips of {size} px.")
        made = [_sitting(dataset, clips, most) for clips in whole[:people]]
        self.by_id = {sitting.clip.id: sitting for sitting in made}
        self.by_picture = {_key(sitting.pictures): sitting for sitting in made}

    @property
    def clips(self) -> Sequence[Any]:
        return [sitting.clip for sitting in self.by_id.values()]

    def select(self, *, split: str | None = None, kind: str | None = None, size: int | None = None) -> list[Any]:
        return list(self.clips)

    def track(self, clip: Any, *, frames: slice | None = None) -> Track:
        held = self.by_id[clip.id].held
        return held.pick(range(len(held))[frames or slice(None)])


def _sitting(dataset: Clips, clips: list[Any], most: int) -> Sitting:
    """The longest clip is held out; of the others, those that look like it give the pictures."""
    first, *others = sorted(clips, key=lambda clip: (-clip.frames, clip.id))
    held = dataset.track(first).pick(range(min(HELD, first.frames)))
    mean = np.mean(held.crops, axis=0)
    tracks = [dataset.track(clip) for clip in others[:_CANDIDATES]]
    tracks.sort(key=lambda track: float(np.abs(np.mean(track.crops, axis=0) - mean).mean()))
    enough = sources.joined(tracks[:4])
    pictures = enough.pick(apart(motion_of(enough), min(most, len(enough))))
    return Sitting(first, pictures, sources.joined([pictures.pick([0]), held]))


def _key(track: Track) -> bytes:
    return bytes(track.crops[0].tobytes())


class Shots:
    """Engine: the talking head that knows T pictures of whomever it is shown, fine-tuned on them or not.

    `encode_identity` is given the first picture alone and takes the others from the sittings.
    """

    def __init__(self, sittings: Sittings, *, shots: int, base: Path, tuning: TuneConfig | None) -> None:
        self.spec: Spec = replace(TalkingHead.spec, size=TalkingHead.SIDE, name=f"{'FT' if tuning else 'FF'} T={shots}")
        self.sittings, self.shots, self.base, self.tuning = sittings, shots, base, tuning

    def encode_identity(self, source: Track) -> tuple[TalkingHead, Any]:
        known = self.sittings.by_picture[_key(source)].pictures
        pictures = known.pick(range(min(self.shots, len(known))))
        if self.tuning is None:
            engine = TalkingHead(size=TalkingHead.SIDE, file=self.base)
        else:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "somebody.person"
                persons.write(path, _learned(pictures, self.base, self.tuning), base=self.base)
                engine = TalkingHead(size=TalkingHead.SIDE, file=self.base, person=path)
        return engine, engine.encode_identity(pictures)

    def encode_motion(self, driver: Track, drive: Drive) -> tuple[Track, Drive]:
        return driver, drive

    def generate(self, identity: tuple[TalkingHead, Any], motion: tuple[Track, Drive]) -> Iterator[Frame]:
        engine, known = identity
        return engine.generate(known, engine.encode_motion(*motion))


def _learned(pictures: Track, base: Path, config: TuneConfig) -> persons.Person:
    lesson = Lesson(*read_networks(base), pictures, taught(pictures, lambda heard: None), config)
    tuned = learned(lesson, lambda heard: None)
    print(f"T={len(pictures)}: {tuned.reason}, step {tuned.rule.checks[tuned.rule.best].step}", flush=True)
    return tuned.person


def judge(dataset: Clips, *, base: Path, people: int, minutes: float, identity_weights: Path) -> Any:
    """A card of FF and FT, beside the puppet, the default engine and a frozen film."""
    sittings = Sittings(dataset, size=TalkingHead.SIDE, people=people)
    tuning = TuneConfig(seconds=60 * minutes)
    made: dict[str, Engine[Any, Any]] = {
        engines.DEFAULT: engines.create(engines.DEFAULT, size=TalkingHead.SIDE),
        **{f"FF T={shots}": Shots(sittings, shots=shots, base=base, tuning=None) for shots in SHOTS},
        **{f"FT T={shots}": Shots(sittings, shots=shots, base=base, tuning=tuning) for shots in SHOTS},
    }
    size = TalkingHead.SIDE
    return evaluate(
        made, sittings, size=size, clips=people, pairs=0, frames=HELD + 1, identity_weights=identity_weights
    )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="finetune_table", description="The paper's table, on new people.")
    for name in ("dataset", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--identity-weights", type=Path, required=True)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=3.0)
    args = parser.parse_args()
    try:
        base, dataset = args.base or weights.path(WEIGHTS), Dataset(args.dataset)
        report.make_room(args.out)
        card = judge(
            dataset,
            base=base,
            people=args.people,
            minutes=args.minutes,
            identity_weights=args.identity_weights,
        )
        print(report.markdown(card))
        report.write(card, args.out)
    except LivingPortraitsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
