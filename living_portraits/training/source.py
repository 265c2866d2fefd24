"""Decoded clips on the device: what is kept there, and how a step's samples are drawn from it.

Everything drawn is a function of (seed, rank, step) alone, so a run that is stopped and resumed sees the same samples.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from living_portraits.align import resized
from living_portraits.engine import Track
from living_portraits.errors import OptionError
from living_portraits.training.recipe import Batch, Source, TrainConfig

Extra: TypeAlias = Callable[[Source, Any, Track], dict[str, np.ndarray]]
_CANDIDATES = 64  # frames of a clip that "far" chooses among


def choose(source: Source, *, split: str, config: TrainConfig) -> list[Any]:
    """The clips of a split and of the recipe's kinds, at the smallest prepared size that is not below the recipe's.

    Raises:
        OptionError: there are none; the message says which there are.
    """
    kind = [clip for clip in source.clips if clip.split == split and clip.kind in config.kinds]
    sizes = sorted({clip.size for clip in kind if clip.size >= config.size})
    if not sizes:
        there = sorted({f"{clip.split} {clip.kind} {clip.size} px" for clip in source.clips}) or ["none"]
        raise OptionError(
            f"The dataset has no {split} clips of kind {' or '.join(config.kinds)} with at least {config.size} px; "
            f"there are: {', '.join(there)}."
        )
    return [clip for clip in kind if clip.size == sizes[0]]


def shares(clips: Sequence[Any], config: TrainConfig) -> dict[str, float]:
    """What part of the samples each kind that is there gets, together 1; nothing where the config leaves it open.

    Raises:
        OptionError: there are not as many shares as kinds, or those of the kinds that are there are 0.
    """
    if not config.shares:
        return {}
    if len(config.shares) != len(config.kinds):
        raise OptionError(f"There are {len(config.shares)} shares for the {len(config.kinds)} kinds of clips.")
    there = {clip.kind for clip in clips}
    found = {kind: share for kind, share in zip(config.kinds, config.shares, strict=True) if kind in there and share}
    if not found:
        raise OptionError(f"The shares leave no samples: the dataset has {', '.join(sorted(there))}.")
    return {kind: share / sum(found.values()) for kind, share in found.items()}


def pool_of_kinds(clips: Sequence[Any], parts: dict[str, float], *, frames: int, seed: Sequence[int]) -> list[Any]:
    """`pool` for each kind apart, each with its part of the frames; what one does not need goes to the others."""
    if not parts:
        return pool(clips, frames=frames, seed=seed)
    chosen, room, left = [], frames, dict(parts)
    sizes = {kind: sum(clip.frames for clip in clips if clip.kind == kind) for kind in parts}
    for kind in sorted(parts, key=lambda kind: sizes[kind] / parts[kind]):
        allowed = int(room * left[kind] / sum(left.values()))
        mine = pool([clip for clip in clips if clip.kind == kind], frames=allowed, seed=seed)
        chosen += mine
        room -= sum(clip.frames for clip in mine)
        del left[kind]
    return chosen


def pool(clips: Sequence[Any], *, frames: int, seed: Sequence[int]) -> list[Any]:
    """As many clips as hold `frames` frames together: one of each identity in turn, in an order that `seed` decides.

    All of them, in their own order, if they fit.
    """
    if sum(clip.frames for clip in clips) <= frames:
        return list(clips)
    random = np.random.default_rng(list(seed))
    people = defaultdict(list)
    for clip in clips:
        people[clip.identity].append(clip)
    queues = [[people[name][i] for i in random.permutation(len(people[name]))] for name in sorted(people)]
    queues = [queues[i] for i in random.permutation(len(queues))]
    chosen, room = [], frames
    for turn in range(max(map(len, queues))):
        for queue in queues:
            if turn < len(queue) and queue[turn].frames <= room:
                chosen.append(queue[turn])
                room -= queue[turn].frames
    if not chosen:
        shortest = min(clip.frames for clip in clips)
        raise OptionError(f"memory_gb leaves room for {frames} frames, and the shortest clip has {shortest}: raise it.")
    return chosen


def frame_bytes(size: int, extra: int) -> int:
    """Memory for one frame with its points and `extra` bytes of extras."""
    return extra + 3 * size * size + 4 * (3 * 478 + 52)


@dataclass(frozen=True)
class Store:
    """Frames of some clips, one after another, in the device's memory.

    Attributes:
        clips: whose they are. starts: the first frame of each.
        frames: uint8. points: px of the crop. blendshapes: in [0, 1].
        extra: uint8 pictures or float16 fields by name.
        looks: a few numbers a frame that tell pose and expression, on the host: distances choose far frames.
    """

    clips: tuple[Any, ...]
    starts: tuple[int, ...]
    frames: UInt8[Tensor, "total size size 3"]
    points: Float32[Tensor, "total 478 3"]
    blendshapes: Float32[Tensor, "total 52"]
    extra: dict[str, Tensor]
    looks: Float32[np.ndarray, "total numbers"]

    @classmethod
    def decode(
        cls, source: Source, clips: Sequence[Any], *, size: int, device: torch.device, extra: Extra | None = None
    ) -> "Store":
        """Decodes clips straight into the device's memory, shrunk to `size`."""
        total = sum(clip.frames for clip in clips)
        frames = torch.empty((total, size, size, 3), dtype=torch.uint8, device=device)
        points = torch.empty((total, 478, 3), device=device)
        blendshapes = torch.empty((total, 52), device=device)
        looks, extras, starts, at = [], dict[str, Tensor](), [], 0
        for track, pictures_of in _decoded(source, clips, size, extra):
            here = slice(at, at + len(track))
            frames[here] = torch.from_numpy(np.stack(track.crops)).to(device)
            points[here] = torch.from_numpy(track.points).to(device)
            blendshapes[here] = torch.from_numpy(track.blendshapes).to(device)
            for name, made in pictures_of.items():
                values = torch.from_numpy(made)
                if name not in extras:
                    extras[name] = torch.empty((total, *made.shape[1:]), dtype=values.dtype, device=device)
                extras[name][here] = values.to(device)
            looks.append(_looks(track.points))
            starts.append(at)
            at += len(track)
        return cls(tuple(clips), tuple(starts), frames, points, blendshapes, extras, np.concatenate(looks))

    def gather(self, index: Int64[np.ndarray, "batch frames"], identity: Sequence[int]) -> Batch:
        """The frames with these numbers as a batch."""
        device = self.frames.device
        places = torch.from_numpy(index).to(device, non_blocking=True)
        return Batch(
            frames=_floats(self.frames[places]),
            points=self.points[places],
            blendshapes=self.blendshapes[places],
            identity=torch.tensor(identity, dtype=torch.int64).to(device, non_blocking=True),
            extra={name: _floats(pictures[places]) for name, pictures in self.extra.items()},
        )

    def bytes(self) -> int:
        """Memory taken on the device."""
        tensors = (self.frames, self.points, self.blendshapes, *self.extra.values())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _decoded(
    source: Source, clips: Sequence[Any], size: int, extra: Extra | None
) -> Iterator[tuple[Track, dict[str, np.ndarray]]]:
    """Tracks and extras in the clips' order, made by as many threads as there are processors, a few clips ahead."""

    def decode(clip: Any) -> tuple[Track, dict[str, np.ndarray]]:
        track = resized(source.track(clip), size)
        return track, extra(source, clip, track) if extra else {}

    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as executor:
        for start in range(0, len(clips), 2 * threads):
            yield from executor.map(decode, clips[start : start + 2 * threads])


def _floats(pictures: Tensor) -> Tensor:
    """Channels before rows; uint8 becomes [-1, 1], fields stay as they are."""
    values = pictures.movedim(-1, 2).float()
    return values / 127.5 - 1.0 if pictures.dtype == torch.uint8 else values


def _looks(points: Float32[np.ndarray, "time 478 3"]) -> Float32[np.ndarray, "time numbers"]:
    """Every sixth point, less the head's place and size: turns and expressions remain."""
    some = points[:, ::6]
    centred = some - some.mean(axis=1, keepdims=True)
    size = np.linalg.norm(centred, axis=(1, 2), keepdims=True)
    return (centred / np.maximum(size, 1e-6)).reshape(len(points), -1).astype(np.float32)


class Sampler:
    """Draws the samples of each step: an identity, one of its clips, frames of it."""

    def __init__(
        self,
        source: Source,
        clips: Sequence[Any],
        config: TrainConfig,
        *,
        device: torch.device,
        budget: int,
        extra: Extra | None = None,
        extra_bytes: int = 0,
        rank: int = 0,
    ) -> None:
        """`budget` is memory for decoded frames, in bytes; `extra_bytes` of it a frame are for what `extra` makes."""
        self.source, self.clips, self.config = source, tuple(clips), config
        self.device, self.rank, self.extra = device, rank, extra
        self.room = max(int(budget // frame_bytes(config.size, extra_bytes)), 1)
        self.parts = shares(clips, config)
        self.fits = sum(clip.frames for clip in clips) <= self.room
        self.people = {name: i for i, name in enumerate(sorted({clip.identity for clip in clips}))}
        self._store: Store | None = None
        self._turn = -1

    def batch(self, step: int, *, salt: int = 0) -> Batch:
        """The samples of `step`; with another `salt` the same step draws others."""
        store = self.store(step)
        random = np.random.default_rng([self.config.seed, self.rank, step, salt])
        kinds = list(self._groups)
        chances = [self.parts[kind] for kind in kinds] if self.parts else None
        index, identity = [], []
        for _ in range(self.config.batch):
            groups = self._groups[kinds[random.choice(len(kinds), p=chances)]]
            name = groups[random.integers(len(groups))]
            number = name[random.integers(len(name))]
            clip = store.clips[number]
            start = store.starts[number]
            index.append(start + self._frames(store.looks[start : start + clip.frames], random))
            identity.append(self.people.get(clip.identity, -1))
        return store.gather(np.stack(index), identity)

    def store(self, step: int) -> Store:
        """The frames in memory at `step`; decodes another part of the dataset when its turn has come."""
        turn = 0 if self.fits else step // max(self.config.pool_steps, 1)
        if self._store is None or turn != self._turn:
            self._store = None  # before the next is there: two do not fit
            seed = (self.config.seed, self.rank, turn)
            clips = pool_of_kinds(self.clips, self.parts, frames=self.room, seed=seed)
            self._store = Store.decode(self.source, clips, size=self.config.size, device=self.device, extra=self.extra)
            self._turn = turn
            people: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
            for number, clip in enumerate(clips):
                people[clip.kind if self.parts else ""][clip.identity].append(number)
            self._groups = {kind: list(clips_of.values()) for kind, clips_of in people.items()}
        return self._store

    def _frames(self, looks: Float32[np.ndarray, "time numbers"], random: np.random.Generator) -> np.ndarray:
        """Numbers of a sample's frames within a clip."""
        length, count = len(looks), self.config.frames
        if self.config.spacing == "next":
            first = int(random.integers(max(length - count + 1, 1)))
            return np.minimum(np.arange(first, first + count), length - 1)
        if self.config.spacing == "random":
            return random.integers(length, size=count)
        first = int(random.integers(length))
        candidates = np.arange(length) if length <= _CANDIDATES else random.choice(length, _CANDIDATES, replace=False)
        distance = np.linalg.norm(looks[candidates] - looks[first], axis=1).astype(np.float64)
        total = distance.sum()
        chance = distance / total if total > 0 else np.full(len(candidates), 1 / len(candidates))
        return np.concatenate([[first], random.choice(candidates, size=count - 1, p=chance)]).astype(np.int64)


def validation_batch(
    source: Source, clips: Sequence[Any], config: TrainConfig, *, device: torch.device, extra: Extra | None = None
) -> Batch:
    """One batch that is always the same: a clip of each identity in turn, its frames apart.

    Where there are fewer clips than samples, a clip serves several times, with other frames.
    """
    chosen = _in_turn(clips)[: config.batch]
    store = Store.decode(source, chosen, size=config.size, device=device, extra=extra)
    index = []
    for sample in range(config.batch):
        turn, number = divmod(sample, len(chosen))
        times = len(range(number, config.batch, len(chosen)))  # how often this clip serves
        last = chosen[number].frames - 1
        if config.spacing == "next":
            frames = np.minimum(last * turn // times + np.arange(config.frames), last)
        else:
            frames = np.linspace(0, last, config.frames * times)[turn::times].round()
        index.append(store.starts[number] + frames.astype(np.int64))
    return store.gather(np.stack(index), [-1] * config.batch)


def _in_turn(clips: Sequence[Any]) -> list[Any]:
    """The clips, one of each identity, then another of each, and so on."""
    people = defaultdict(list)
    for clip in clips:
        people[clip.identity].append(clip)
    turns = range(max(map(len, people.values())))
    return [people[name][turn] for turn in turns for name in sorted(people) if turn < len(people[name])]
