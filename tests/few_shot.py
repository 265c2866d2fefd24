"""A talking head of next to nothing, and somebody whom it was taught, for tests of what is around them."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from living_portraits import face, samples, video, weights
from living_portraits.align import Crop
from living_portraits.engine import Frame, Track
from living_portraits.engines.talking_head import engine, networks, person

SIZE = 64
TINY = networks.Shape(True, (8, 8, 16, 16), 1, (16, 16, 8), (8, 8, 16, 16, 16, 16))


def ship(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Makes an untrained network of 64 px the one that comes along; returns its file."""
    torch.manual_seed(0)
    path = folder / "tiny.safetensors"
    nets = {"head": networks.FewShot(TINY), "discriminator": networks.Discriminator(TINY, identities=3)}
    state = {f"{name}.{key}": value for name, net in nets.items() for key, value in net.state_dict().items()}
    weights.write(path, config={"recipe": engine.RECIPE, "train": {"network": "tiny"}}, state=state)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(networks.SHAPES, "tiny", TINY)
    monkeypatch.setitem(
        weights.FILES, engine.WEIGHTS, weights.WeightsFile(str(path), digest, path.stat().st_size, "none")
    )
    small = dataclasses.replace(engine.TalkingHead.spec, size=SIZE, sizes=(SIZE,))
    monkeypatch.setattr(engine.TalkingHead, "spec", small)
    monkeypatch.setattr(engine.TalkingHead, "SIDE", SIZE)
    return path


def sitter(size: int) -> Track:
    """Erasmus, cut out around his face."""
    picture = video.read_picture(samples.erasmus).rgb
    found = face.find(picture)[0]
    crop = Crop.around(found.points, size=size)
    return Track([crop.take(picture)], crop.to_crop(found.points)[None], found.blendshapes[None])


def keep(place: Path, *, base: Path, size: int, consent: str | None = "Ada agreed.") -> None:
    """Writes somebody's file, as they are before the first step."""
    source = sitter(size)
    identity = engine.TalkingHead(size=size).encode_identity(source)
    picture: Frame = source.crops[0] if size >= 256 else sitter(256).crops[0]  # large enough for a tracker
    about = {"name": place.stem, "pictures": 1, "steps": 0, "consent": consent}
    somebody = person.Person(identity.style.clone(), {}, picture=np.ascontiguousarray(picture), about=about)
    person.write(place, somebody, base=base)
