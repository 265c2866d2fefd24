"""The C2PA library, set up to keep to itself, and words for what it says."""

from pathlib import Path

import c2pa

from living_portraits.errors import OptionError

TEST_CERTIFICATE = Path(__file__).with_name("test_certificate")


def context(trusted: bytes = b"") -> c2pa.Context:
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


def read_pem(path: Path) -> bytes:
    """What a certificate's or a key's file holds. Raises OptionError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise OptionError(f"Cannot read {path}: {reason(error)}.") from error


def read_certificates(path: Path) -> bytes:
    """What a file of certificates holds. Raises OptionError, also where there is none in it: it would trust nobody."""
    content = read_pem(path)
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise OptionError(f"{path} holds no certificate in PEM format (-----BEGIN CERTIFICATE-----).")
    return content


def printable(text: str) -> str:
    """Words from a stranger's file, fit for a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:120])


def reason(error: Exception) -> str:
    """What the system or the C2PA library says of a fault, on one line."""
    said = getattr(error, "strerror", None) or str(error)
    return printable(" ".join(said.split())).rstrip(".")
