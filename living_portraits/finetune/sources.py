"""From files to what a person is learned from: pictures of one person, cut out and measured; motion to pose them by."""

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from living_portraits import face, video
from living_portraits.align import Box, Crop
from living_portraits.engine import Frame, Track
from living_portraits.engines.talking_head.lending import LIKE, Carrier, Shot, likeness
from living_portraits.errors import FaceError, OptionError
from living_portraits.finetune.views import motion_of
from living_portraits.nn.pixels import to_tensor
from living_portraits.notices import tell
from living_portraits.variety import apart

Embed: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Pictures in [-1, 1] and the points in them, px -> embeddings of length 1."""

STRANGERS = 0.3
"""Cosine of two faces' embeddings (MobileFaceNet) below which they are hardly one person's."""

CLIP_FPS, CLIP_SECONDS = 5.0, 120.0
"""How many of a clip's frames are looked at, and how much of it; of a short clip more."""

_SPARE = 3  # frames looked at for each that is wanted


class StrangersWarning(UserWarning):
    """Two of the pictures hardly show one person."""


class FewPicturesWarning(UserWarning):
    """A clip is shorter than the pictures that are wanted of it."""


class UnlikeWarning(UserWarning):
    """Some of the pictures show another face than the first, or something that lies over it."""


class Opened(NamedTuple):
    """Pictures of one person, cut out; `inside`: what of the first crop the picture fills."""

    track: Track
    inside: Box


def open_sources(paths: Sequence[Path], *, size: int, count: int) -> Opened:
    """The pictures as crops of `size` px; from a clip, `count` frames that differ.

    Raises:
        MediaError: a file cannot be read.
        FaceError: there is no face in one of them.
        OptionError: several clips, or a clip beside pictures.
    """
    stills = [path for path in paths if video.is_still(path)]
    if len(stills) == len(paths):
        opened = [_still(path, size) for path in paths]
        return Opened(joined([each.track for each in opened]), opened[0].inside)
    if len(paths) > 1:
        clip = next(path for path in paths if path not in stills)
        raise OptionError(f"{clip} is a clip: give it alone, or pictures alone.")
    return _clip(paths[0], size=size, count=count)


def _still(path: Path, size: int) -> Opened:
    picture = video.read_picture(path).rgb
    faces = face.find(picture)
    if not faces:
        raise FaceError(
            f"There is no face to be found in {path}: leave it out, or take one that shows the face larger."
        )
    crop, track = face.as_source(picture, faces[0], size=size)
    return Opened(track, crop.inside(picture.shape[1], picture.shape[0], track.points[0]))


def joined(tracks: Sequence[Track]) -> Track:
    """One track of several, one after another."""
    return Track(
        [crop for track in tracks for crop in track.crops],
        np.concatenate([track.points for track in tracks]),
        np.concatenate([track.blendshapes for track in tracks]),
        tracks[-1].fps,
    )


def _clip(path: Path, *, size: int, count: int) -> Opened:
    """Frames of one clip that show the face and lie far from each other in expression and pose, in one crop.

    At least one shows it, else it could not have been followed.
    """
    clip = video.probe(path)
    fps = min(max(CLIP_FPS, _SPARE * count / max(clip.duration, 1e-3)), clip.fps)
    track = face.follow(video.read_frames(path, end=CLIP_SECONDS, fps=fps), fps=fps)
    # Where no face was seen, points are bridged all the same: there is nothing of the person to learn from.
    seen = np.flatnonzero(track.detected).tolist()
    chosen = sorted(seen[number] for number in apart(motion_of(_pictureless(track).pick(seen)), count))
    crop = Crop.around(track.points[chosen[0]], size=size)
    wanted: dict[int, Frame] = {}
    inside = (0, 0, size, size)
    for number, frame in enumerate(video.read_frames(path, end=CLIP_SECONDS, fps=fps)):
        if number in chosen:
            wanted[number] = crop.take(frame)
            inside = crop.inside(frame.shape[1], frame.shape[0], crop.to_crop(track.points[chosen[0]]))
    chosen = [number for number in chosen if number in wanted]
    if len(chosen) < count:
        tell(FewPicturesWarning(f"{path.name} has {len(chosen)} pictures of the face, and not {count}; all are taken."))
    found = Track(
        [wanted[number] for number in chosen],
        np.stack([crop.to_crop(track.points[number]) for number in chosen]),
        track.blendshapes[chosen],
    )
    return Opened(found, inside)


def clips(paths: Sequence[Path]) -> list[Track]:
    """Whole clips of a face, at 10 frames a second: how they move, without their pictures. MediaError, FaceError."""
    found = []
    for path in paths:
        fps = min(2 * CLIP_FPS, video.probe(path).fps)
        track = face.follow(video.read_frames(path, fps=fps), fps=fps)
        found.append(_pictureless(track))
    return found


def _pictureless(track: face.FaceTrack) -> Track:
    """How a face moves, without its pictures."""
    return Track([], track.points, track.blendshapes, track.fps)


@torch.inference_mode()
def warn_of_strangers(pictures: Track, embed: Embed | None, names: Sequence[str]) -> None:
    """Issues StrangersWarning for the two pictures that differ most in who they show, if that is a lot."""
    if embed is None or len(pictures) < 2 or len(names) != len(pictures):
        return
    embeddings = embed(to_tensor(list(pictures.crops)), torch.from_numpy(pictures.points))
    alike = (embeddings @ embeddings.T).numpy()
    a, b = min(combinations(range(len(pictures)), 2), key=lambda pair: alike[pair])
    if alike[a, b] < STRANGERS:
        tell(
            StrangersWarning(
                f"{names[a]} and {names[b]} hardly show the same person (similarity {alike[a, b]:.2f}); "
                "leave one out if they do not."
            )
        )


def warn_of_unlike(pictures: Track, carrier: Carrier, names: Sequence[str]) -> None:
    """Issues UnlikeWarning for the pictures that will not lend their face to a film of the first."""
    if len(pictures) < 2 or len(names) != len(pictures):
        return
    first, *others = (Shot(crop, points) for crop, points in zip(pictures.crops, pictures.points, strict=True))
    unlike = [name for name, shot in zip(names[1:], others, strict=True) if likeness(carrier, first, shot) < LIKE]
    if unlike:
        tell(
            UnlikeWarning(
                f"The face in {', '.join(unlike)} looks unlike that in {names[0]}: somebody else's, or there is "
                "something before it. Films take no expressions from there; leave it out if it shows somebody else."
            )
        )
