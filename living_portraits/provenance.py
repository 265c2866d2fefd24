"""Says what a film is, in the film itself: a visible mark, plain metadata and a signed C2PA content credential.

Nothing here touches the network: no time stamp authority, no revocation lists, no remote manifests.
"""

import functools
import hashlib
import io
import json
import mimetypes
import mmap
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import c2pa
import numpy as np
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jaxtyping import UInt8, UInt16
from PIL import Image, ImageDraw, ImageFont

from living_portraits.errors import MediaError, OptionError, OutputError

NAME = "Living Portraits"
try:
    VERSION = version("living-portraits")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0"
GENERATOR = f"{NAME}/{VERSION}"

CARRIERS = {".mp4": "video/mp4", ".gif": "image/gif", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
"""Extensions that can hold a content credential, and their media types. WebM cannot."""

FILM_ASSERTION = "living-portraits.film"  # what C2PA has no words for: engine, settings, hashes, mark, consent
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TEST_CERTIFICATE = Path(__file__).with_name("provenance_test_certificate")
ABOUT_THE_SIGNER = {"signingCredential.untrusted", "signingCredential.expired"}  # findings that say nothing of the film

MARK_TEXT = "AI-generated"
MARK_SIZE = 0.03  # height of the mark's type, as a share of the frame's shorter side
MARK_MIN_SIZE = 11  # px; smaller type is not readable after video compression


class NoCredential(UserWarning):
    """The film's container cannot hold a content credential; plain metadata is all it carries."""


@dataclass(frozen=True)
class Ingredient:
    """A file that went into a film.

    Attributes:
        title: how to call it; the folder it lies in is never written into a film.
        path: a file, or a folder of frames.
        role: what it gave: the person, or the motion.
    """

    title: str
    path: Path
    role: Literal["source", "driver"]

    @functools.cached_property
    def sha256(self) -> str:
        """Hex digest of the file; of a folder, the digest of its files' names and digests. Raises MediaError."""
        try:
            if not self.path.is_dir():
                return _sha256(self.path)
            listing = _digests(sorted(p for p in self.path.iterdir() if p.is_file()))
        except OSError as error:
            raise MediaError(f"Cannot read {self.path} to record it in the film: {_reason(error)}.") from error
        return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


@dataclass(frozen=True)
class Claim:
    """What a film says about itself.

    Attributes:
        engine: the engine's name.
        ingredients: what it was made from.
        settings: every option that shaped it; of paths only the file's name is kept.
        mark_shown: whether the frames carry the visible mark.
        consent: who agreed to this, in the maker's words; None when nothing was stated.
        source_type: IPTC digital source type: made by a trained network, or composed by plain computation.
    """

    engine: str
    ingredients: tuple[Ingredient, ...]
    settings: Mapping[str, object]
    mark_shown: bool
    consent: str | None
    source_type: Literal["trainedAlgorithmicMedia", "compositeSynthetic"]

    def as_data(self) -> dict[str, Any]:
        """The claim as JSON-ready values, with the digests of its ingredients. Raises MediaError."""
        ingredients = [{"role": i.role, "title": i.title, "sha256": i.sha256} for i in self.ingredients]
        return {
            "engine": self.engine,
            "ingredients": ingredients,
            "settings": json.loads(json.dumps(dict(self.settings), default=_plain)),
            "mark_shown": self.mark_shown,
            "consent": self.consent,
            "source_type": self.source_type,
        }


@dataclass(frozen=True)
class Report:
    """What a file says about its making, and how far that holds.

    Attributes:
        made_here: the file says that this project made it; how much that is worth depends on `signer`.
        intact: unchanged since it was signed; None when there is no credential to tell by.
        credential: the active C2PA manifest, as the C2PA library gives it.
        signer: "test" is the project's public test certificate, "named" the one given to `verify`, "unknown" another.
        sentence: all of this for a person.
    """

    made_here: bool
    intact: bool | None
    credential: Mapping[str, Any] | None
    signer: Literal["test", "named", "unknown"] | None
    sentence: str

    @property
    def claim(self) -> Mapping[str, Any] | None:
        """The film's `Claim` as data (see `Claim.as_data`); None when it carries none. Trust it only if `intact`."""
        for assertion in (self.credential or {}).get("assertions", []):
            if assertion.get("label") == FILM_ASSERTION and isinstance(assertion.get("data"), dict):
                return dict(assertion["data"])
        return None


# The visible mark


def mark(frame: UInt8[np.ndarray, "height width channels"]) -> UInt8[np.ndarray, "height width channels"]:
    """Put the small "AI-generated" sign into the lower right corner.

    Takes uint8 `[H, W, 3]` RGB or `[H, W, 4]` RGBA (straight alpha, where the sign is opaque enough to be seen on
    nothing) and returns a new array; pixels outside the sign's box are equal to the given ones.
    """
    height, width, channels = frame.shape
    top, left, ink, cover = _stamp(height, width)
    marked = frame.copy()
    box = marked[top : top + len(ink), left : left + ink.shape[1]]
    kept = 255 - cover
    if channels == 4:
        kept = (kept * box[..., 3:] + 127) // 255
        alpha = np.maximum(cover + kept, 1)
        box[..., :3] = (ink + kept * box[..., :3] + alpha // 2) // alpha
        box[..., 3:] = cover + kept
    else:
        box[...] = (ink + kept * box + 127) // 255
    return marked


@functools.lru_cache(maxsize=8)
def _stamp(
    height: int, width: int
) -> tuple[int, int, UInt16[np.ndarray, "rows columns 3"], UInt16[np.ndarray, "rows columns 1"]]:
    """The sign for one frame size: top, left, colour times cover (0 to 65025), cover (0 to 255).

    White type on a dark translucent pill: one of the two contrasts with any picture. Narrow frames get smaller type.
    """
    widest = width / 8.6  # pill and margins are at most 8.6 times as wide as the type is high
    size = max(1, int(min(max(MARK_MIN_SIZE, round(MARK_SIZE * min(height, width))), widest)))
    font = ImageFont.load_default(size=size)
    x0, x1 = font.getbbox(MARK_TEXT)[0::2]
    columns, rows = round(x1 - x0 + 1.2 * size), round(1.6 * size)
    pill = Image.new("L", (4 * columns, 4 * rows))  # drawn large and reduced, for smooth corners
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, 4 * columns - 1, 4 * rows - 1), radius=2 * rows, fill=158)
    text = Image.new("L", (columns, rows))
    cap_top, cap_bottom = font.getbbox("A")[1::2]
    ImageDraw.Draw(text).text((round(0.6 * size - x0), round((rows - cap_top - cap_bottom) / 2)), MARK_TEXT, 245, font)
    dark, light = np.asarray(pill.reduce(4), np.uint16), np.asarray(text, np.uint16)
    cover = light + (255 - light) * dark // 255
    ink = np.repeat(255 * light[..., None], 3, axis=2)
    gap = round(0.6 * size)
    top, left = max(0, height - rows - gap), max(0, width - columns - gap)
    ink, cover = ink[: height - top, : width - left], cover[: height - top, : width - left, None]
    return top, left, ink, cover


# Plain metadata


def metadata(claim: Claim) -> dict[str, str]:
    """The claim as container tags that any player shows; unsigned. Raises MediaError if an ingredient is gone."""
    data = claim.as_data()
    made_from = "; ".join(f"{i['role']} {i['title']} (sha256 {i['sha256']})" for i in data["ingredients"])
    sign_shown = "shown" if claim.mark_shown else "turned off"
    comment = (
        f"AI-generated with {GENERATOR}, engine {claim.engine}; {claim.source_type}; {made_from}; "
        f"visible mark {sign_shown}; consent: {claim.consent or 'not stated'}; "
        f"settings {json.dumps(data['settings'], ensure_ascii=False)}"
    )
    return {"comment": comment}


# Writing the credential


def sign(
    path: Path,
    claim: Claim,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    title: str | None = None,
) -> None:
    """Write the content credential into a finished film, in place and all or nothing.

    Of a folder of PNG frames the first carries the credential, which lists the digests of the others.
    Any other container (WebM) is left as it is, with a `NoCredential` warning.

    Args:
        path: mp4, gif, png, jpg, or a folder of PNG frames.
        certificate: PEM file, the signer's certificate first, then those that vouch for it;
            None signs with the project's public test certificate.
        key: PEM file, the certificate's private key, without passphrase.
        title: what the film is to be called, where that is not the name of `path`.

    Raises:
        OutputError: the credential cannot be written; `path` is then as it was, without credential.
        OptionError: certificate or key do not serve (`check_signer` finds out beforehand).
        MediaError: an ingredient cannot be read.
    """
    data = claim.as_data()
    check_signer(certificate=certificate, key=key)
    carrier = path
    if path.is_dir():
        carrier, *others = _frames(path) or [path / "0001.png"]
        data["frames"] = _digests(others)
    media_type = CARRIERS.get(carrier.suffix.lower())
    if media_type is None:
        warnings.warn(
            f"{title or path.name} carries plain metadata only: {path.suffix or 'such'} files cannot hold a content "
            f"credential; choose one of {', '.join(CARRIERS)} for one that can.",
            NoCredential,
            stacklevel=2,
        )
        return
    with _signer(certificate, key) as signer:
        _sign_in_place(carrier, media_type, claim, data, signer, title or carrier.name)


def check_signer(*, certificate: Path | None = None, key: Path | None = None) -> None:
    """Try certificate and key on a picture of one pixel, before hours of work depend on them. Raises OptionError."""
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "png")
    trial = _manifest("trial", Claim("none", (), {}, True, None, "compositeSynthetic"), {})
    with _signer(certificate, key) as signer, c2pa.Builder(trial, context=_context()) as builder:
        try:
            builder.sign(signer, "image/png", pixel, io.BytesIO())
        except c2pa.C2paError as error:
            which = certificate or TEST_CERTIFICATE
            raise OptionError(f"{which} cannot sign content credentials: {_reason(error)}.") from error


def _sign_in_place(
    path: Path, media_type: str, claim: Claim, data: Mapping[str, Any], signer: c2pa.Signer, title: str
) -> None:
    temporary = None
    try:
        with (
            open(path, "rb") as film,
            tempfile.NamedTemporaryFile("w+b", dir=path.parent, prefix=f".{path.stem}.", delete=False) as signed,
        ):
            temporary = Path(signed.name)
            with c2pa.Builder(_manifest(title, claim, data), context=_context()) as builder:
                _add_ingredients(builder, claim)
                builder.sign(signer, media_type, film, signed)
        shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except (c2pa.C2paError, OSError) as error:
        raise OutputError(f"Cannot write the content credential into {path}: {_reason(error)}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _manifest(title: str, claim: Claim, data: Mapping[str, Any]) -> dict[str, Any]:
    agent = {"name": NAME, "version": VERSION}
    created = {
        "action": "c2pa.created",
        "softwareAgent": agent,
        "digitalSourceType": SOURCE_TYPES + claim.source_type,
        "parameters": {"ingredientIds": [f"{i.role}-{n}" for n, i in enumerate(claim.ingredients)]},
    }
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": [created]}, "created": True},
        {"label": FILM_ASSERTION, "data": data, "created": True},
    ]
    return {"claim_generator_info": [agent], "title": title, "assertions": assertions}


def _add_ingredients(builder: c2pa.Builder, claim: Claim) -> None:
    """Name what went in; an ingredient's own credential, if it has one, is carried along by the C2PA library."""
    for n, ingredient in enumerate(claim.ingredients):
        media_type = mimetypes.guess_type(ingredient.path.name)[0] or "application/octet-stream"
        description = f"{ingredient.role}, sha256:{ingredient.sha256}"
        entry = {
            "title": ingredient.title,
            "relationship": "inputTo",
            "label": f"{ingredient.role}-{n}",
            "description": description,
        }
        if ingredient.path.is_dir():
            builder.add_ingredient(entry, "application/octet-stream", io.BytesIO())
            continue
        with open(ingredient.path, "rb") as stream:
            builder.add_ingredient(entry, media_type, stream)


def _signer(certificate: Path | None, key: Path | None) -> c2pa.Signer:
    if (certificate is None) != (key is None):
        raise OptionError("A certificate and its key go together: give both, or neither for the test certificate.")
    certificate = certificate or TEST_CERTIFICATE / "certificate.pem"
    key = key or TEST_CERTIFICATE / "key.pem"
    algorithm, private_key = _read_key(key)
    try:
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, _read_pem(certificate), private_key, None))
    except c2pa.C2paError as error:
        raise OptionError(f"{certificate} and {key} cannot sign content credentials: {_reason(error)}.") from error


def _read_key(path: Path) -> tuple[bytes, bytes]:
    """C2PA's name of the signature algorithm that the key is for, and the key as PKCS#8 PEM, the form it reads."""
    try:
        key = load_pem_private_key(_read_pem(path), None)
    except TypeError as error:
        raise OptionError(f"{path} is protected by a passphrase; give a key without one.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise OptionError(f"{path} is not a private key in PEM form.") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ("secp256r1", "secp384r1", "secp521r1"):
        algorithm = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}[key.curve.name]
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = b"ed25519"
    elif isinstance(key, rsa.RSAPrivateKey):
        algorithm = b"ps256"
    else:
        raise OptionError(f"{path} is of a kind that C2PA does not know; use P-256, P-384, P-521, Ed25519 or RSA.")
    return algorithm, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read_pem(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OptionError(f"Cannot read {path}: {_reason(error)}.") from error


def _context(trusted: bytes = b"") -> c2pa.Context:
    """The C2PA library's settings: no network, no thumbnails, and `trusted` (PEM) as the only certificates to trust."""
    settings = {
        "version": 1,
        "core": {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": 16},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}, "ignore_ingredient_errors": True},
    }
    if trusted:
        settings["trust"] = {"trust_anchors": trusted.decode("ascii", "replace")}
    return c2pa.Context.from_dict(settings)


# Reading it back


def verify(path: Path, *, certificate: Path | None = None) -> Report:
    """Say whether this project made the file, by its own account, and whether it was changed since.

    Args:
        path: any file, or a folder of PNG frames.
        certificate: PEM file of the signer to expect; None expects the public test certificate.

    Raises:
        MediaError: `path` cannot be read.
        OptionError: `certificate` cannot be read.
    """
    try:
        if not path.is_dir():
            return _verify_file(path, path.name, certificate)
        frames = _frames(path)
        if not frames:
            raise MediaError(f"There are no PNG frames in {path}.")
        return _verify_frames(path, frames, certificate)
    except OSError as error:
        raise MediaError(f"Cannot read {path}: {_reason(error)}.") from error


def _verify_file(path: Path, name: str, certificate: Path | None) -> Report:
    trusted = _read_pem(certificate or TEST_CERTIFICATE / "certificate.pem")
    with open(path, "rb") as stream:
        try:
            with c2pa.Reader(stream, context=_context(trusted)) as reader:
                store = json.loads(reader.json())
            credential = store["manifests"][store["active_manifest"]]
            findings = store["validation_results"]["activeManifest"]
        except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
            return _without_credential(path, name)
        except c2pa.C2paError as error:
            return _unreadable(path, name, _reason(error))
        except KeyError:  # a flipped bit can leave a store whose parts no longer find each other
            return _unreadable(path, name, "its parts do not fit together")
    failures = {finding["code"] for finding in findings["failure"]}
    signer: Literal["test", "named", "unknown"] = "unknown"
    if any(finding["code"] == "signingCredential.trusted" for finding in findings["success"]):
        signer = "named" if certificate else "test"
    return _judge(name, credential, failures, signer)


def _judge(
    name: str, credential: Mapping[str, Any], failures: set[str], signer: Literal["test", "named", "unknown"]
) -> Report:
    generator = next(iter(credential.get("claim_generator_info") or [{}]))
    made_here = generator.get("name") == NAME
    made_by = _printable(f"{generator.get('name', 'an unnamed program')}/{generator.get('version', '?')}")
    intact = failures <= ABOUT_THE_SIGNER
    issuer = _printable(str(credential.get("signature_info", {}).get("issuer", "nobody")))
    signed = {
        "test": "the project's public test certificate, which reveals accidents but not forgery",
        "named": "the certificate that you named",
        "unknown": f'a certificate of "{issuer}" that is unknown here, so that the names prove nothing',
    }[signer]
    if "signingCredential.expired" in failures:
        signed += " and has expired since"
    whose = f"says that it was made with {made_by}" if made_here else f"was not made with {NAME} but with {made_by}"
    state = "has not been changed since it was signed" if intact else "was changed after it was signed"
    findings = "" if intact else f" ({', '.join(sorted(failures - ABOUT_THE_SIGNER))})"
    sentence = f"{name} {whose} and {state} with {signed}{findings}."
    return Report(made_here, intact, credential, signer, sentence)


def _verify_frames(folder: Path, frames: Sequence[Path], certificate: Path | None) -> Report:
    report = _verify_file(frames[0], folder.name, certificate)
    if report.claim is None or not report.intact:
        return report
    signed, found = report.claim.get("frames"), _digests(frames[1:])
    if not isinstance(signed, dict):
        sentence = (
            f"{folder.name} carries a content credential for its first frame alone, nothing is known of the others."
        )
        return replace(report, intact=None, sentence=sentence)
    if signed == found:
        return report
    differing = [name for name in sorted({*signed, *found}) if signed.get(name) != found.get(name)]
    some = ", ".join(differing[:3]) + (f" and {len(differing) - 3} more" if len(differing) > 3 else "")
    sentence = f"{folder.name} says that it was made with {NAME} and was changed after it was signed: see {some}."
    return replace(report, intact=False, sentence=sentence)


def _without_credential(path: Path, name: str) -> Report:
    found = _search(path, rb"AI-generated with (Living Portraits/[\w.+!-]+)")
    if found is None:
        sentence = f"{name} carries no content credential, and nothing in it says that it was made with {NAME}."
    else:
        sentence = (
            f"{name} carries no content credential, so nobody can tell whether it was changed; its plain metadata, "
            f"which anyone can write, says that it was made with {found.decode()}."
        )
    return Report(found is not None, None, None, None, sentence)


def _unreadable(path: Path, name: str, reason: str) -> Report:
    """A file that the C2PA library stumbles over: damaged, or never what it seems to be."""
    made_here = _search(path, rb"(living-portraits\.film|AI-generated with Living Portraits/)") is not None
    if _search(path, rb"(jumb.{4}jumdc2pa)") is None:
        sentence = f"{name} cannot be read as a film or picture ({reason}) and shows no content credential."
        return Report(made_here, None, None, None, sentence)
    sentence = f"{name} is damaged: there is a content credential in it, but it cannot be read ({reason})."
    return Report(made_here, False, None, None, sentence)


def _search(path: Path, pattern: bytes) -> bytes | None:
    """First group of the pattern's first match in the file, which is mapped and not loaded."""
    if path.stat().st_size == 0:
        return None
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = re.search(pattern, content, re.DOTALL)
        return bytes(found[1]) if found else None


def _frames(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))


def _digests(paths: Sequence[Path]) -> dict[str, str]:
    return {path.name: _sha256(path) for path in paths}


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _plain(value: object) -> object:
    """A setting as JSON can hold it; paths lose their folder, which is nobody's business."""
    if isinstance(value, Path):
        return value.name
    return value.item() if isinstance(value, np.generic) else str(value)


def _printable(text: str) -> str:
    """Words from a stranger's file, fit for a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:120])


def _reason(error: Exception) -> str:
    """What the system or the C2PA library says of a fault, on one line."""
    said = getattr(error, "strerror", None) or str(error)
    return _printable(" ".join(said.split())).rstrip(".")
