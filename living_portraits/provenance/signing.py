"""Writing the content credential into a finished film."""

import io
import mimetypes
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import c2pa
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from PIL import Image

from living_portraits.errors import OptionError, OutputError
from living_portraits.notices import tell
from living_portraits.provenance.claim import FILM_ASSERTION, NAME, VERSION, Claim
from living_portraits.provenance.digests import digests, frames_of
from living_portraits.provenance.library import TEST_CERTIFICATE, context, read_pem, reason

CARRIERS = {".mp4": "video/mp4", ".gif": "image/gif", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
"""Extensions that can hold a content credential, and their media types. WebM cannot."""

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class NoCredential(UserWarning):
    """The film's container cannot hold a content credential; plain metadata is all it carries."""


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
        carrier, *others = frames_of(path) or [path / "0001.png"]
        data["frames"] = digests(others)
    media_type = CARRIERS.get(carrier.suffix.lower())
    if media_type is None:
        tell(
            NoCredential(
                f"{title or path.name} carries plain metadata only: {path.suffix or 'such'} files cannot hold a "
                f"content credential; choose one of {', '.join(CARRIERS)} for one that can."
            )
        )
        return
    with _signer(certificate, key) as signer:
        _sign_in_place(carrier, media_type, claim, data, signer, title or carrier.name)


def check_signer(*, certificate: Path | None = None, key: Path | None = None) -> None:
    """Try certificate and key on a picture of one pixel, before hours of work depend on them. Raises OptionError."""
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "png")
    trial = _manifest("trial", Claim("none", (), {}, True, None, "compositeSynthetic"), {})
    with _signer(certificate, key) as signer, c2pa.Builder(trial, context=context()) as builder:
        try:
            builder.sign(signer, "image/png", pixel, io.BytesIO())
        except c2pa.C2paError as error:
            which = certificate or TEST_CERTIFICATE
            raise OptionError(f"{which} cannot sign content credentials: {reason(error)}.") from error


def _sign_in_place(
    path: Path, media_type: str, claim: Claim, data: Mapping[str, Any], signer: c2pa.Signer, title: str
) -> None:
    temporary, written = None, None
    try:
        with open(path, "rb") as film, c2pa.Builder(_manifest(title, claim, data), context=context()) as builder:
            _add_ingredients(builder, claim)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.")
            temporary, written = Path(name), _Noting(descriptor, "r+b")
            with io.BufferedRandom(written) as signed:
                builder.sign(signer, media_type, film, signed)
        shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except (c2pa.C2paError, OSError) as error:
        fault = error if written is None or written.fault is None else written.fault
        raise OutputError(f"Cannot write the content credential into {title}: {reason(fault)}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


class _Noting(io.FileIO):
    """A file that notes why it could not be written, for the C2PA library loses that."""

    fault: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.fault = error
            raise


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
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, read_pem(certificate), private_key, None))
    except c2pa.C2paError as error:
        raise OptionError(f"{certificate} and {key} cannot sign content credentials: {reason(error)}.") from error


def _read_key(path: Path) -> tuple[bytes, bytes]:
    """C2PA's name of the signature algorithm that the key is for, and the key as PKCS#8 PEM, the form it reads."""
    try:
        key = load_pem_private_key(read_pem(path), None)
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
