"""Reading back what a file says about its making, and whether that still holds."""

import json
import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import c2pa

from living_portraits.errors import MediaError
from living_portraits.provenance.claim import FILM_ASSERTION, NAME
from living_portraits.provenance.digests import digests, frames_of
from living_portraits.provenance.library import TEST_CERTIFICATE, context, printable, read_certificates, reason

ABOUT_THE_SIGNER = {"signingCredential.untrusted", "signingCredential.expired"}  # findings that say nothing of the film


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
        frames = frames_of(path)
        if not frames:
            raise MediaError(f"There are no PNG frames in {path}.")
        return _verify_frames(path, frames, certificate)
    except OSError as error:
        raise MediaError(f"Cannot read {path}: {reason(error)}.") from error


def _verify_file(path: Path, name: str, certificate: Path | None) -> Report:
    trusted = read_certificates(certificate or TEST_CERTIFICATE / "certificate.pem")
    with open(path, "rb") as stream:
        try:
            with c2pa.Reader(stream, context=context(trusted)) as reader:
                store = json.loads(reader.json())
            credential = store["manifests"][store["active_manifest"]]
            findings = store["validation_results"]["activeManifest"]
        except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
            return _without_credential(path, name)
        except c2pa.C2paError as error:
            return _unreadable(path, name, reason(error))
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
    made_by = printable(f"{generator.get('name', 'an unnamed program')}/{generator.get('version', '?')}")
    intact = failures <= ABOUT_THE_SIGNER
    issuer = printable(str(credential.get("signature_info", {}).get("issuer", "nobody")))
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
    signed, found = report.claim.get("frames"), digests(frames[1:])
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
