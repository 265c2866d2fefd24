"""What a film says about itself must be written whole, read back truly, and fail when anything was changed."""

import datetime
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image, PngImagePlugin

from living_portraits import provenance
from living_portraits.cli import main
from living_portraits.errors import LivingPortraitsError, MediaError, OptionError, OutputError
from living_portraits.provenance import (
    Claim,
    Ingredient,
    NoCredential,
    check_signer,
    digests,
    mark,
    metadata,
    reading,
    sign,
    signing,
    verify,
)

SIZE = 64


def write_film(path: Path, *, comment: str = "") -> Path:
    """A film of six frames of noise; noise, so that the coded pictures fill most of the file."""
    codec, pixels = {".mp4": ("libx264", "yuv420p"), ".gif": ("gif", "rgb8"), ".webm": ("libvpx-vp9", "yuv420p")}[
        path.suffix
    ]
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = comment
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, pixels
        for _ in range(6):
            picture = random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_picture(path: Path, seed: int = 0) -> Path:
    picture = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    Image.fromarray(picture).save(path)
    return path


def write_frames(folder: Path, count: int = 4) -> Path:
    folder.mkdir()
    for n in range(count):
        write_picture(folder / f"{n + 1:04}.png", n)
    return folder


WRITERS: dict[str, Callable[[Path], Path]] = {
    "film.mp4": write_film,
    "film.gif": write_film,
    "film.png": write_picture,
    "film.jpg": write_picture,
    "frames": write_frames,
}


def certificate_chain(
    folder: Path, *, kind: str = "P-256", organisation: str = "Someone Else", purpose: bool = True
) -> tuple[Path, Path]:
    """A signer's certificate with its root, and its key: the recipe of the bundled test certificate."""

    def name(common: str) -> x509.Name:
        parts = ((NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])

    def usage(**on: bool) -> x509.KeyUsage:
        names = "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
        names += " key_cert_sign crl_sign encipher_only decipher_only"
        return x509.KeyUsage(**{n: on.get(n, False) for n in names.split()})

    def certificate(subject: str, key: Any, authority: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(issuer_name=name("Root"), subject_name=name(subject), public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2020, 1, 1))
            .not_valid_after(datetime.datetime(2070, 1, 1))
            .add_extension(x509.BasicConstraints(authority, 0 if authority else None), critical=True)
            .add_extension(usage(key_cert_sign=authority, digital_signature=not authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )

    root_key = ec.generate_private_key(ec.SECP256R1())
    key: Any = {
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
    }[kind]()
    leaf = certificate("Signer", key, False)
    if purpose:
        leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    chain = [leaf.sign(root_key, hashes.SHA256()), certificate("Root", root_key, True).sign(root_key, hashes.SHA256())]
    folder.mkdir(parents=True, exist_ok=True)
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(b"".join(c.public_bytes(pem) for c in chain))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    folder = tmp_path / "private folder"
    folder.mkdir()
    source, driver = write_picture(folder / "Gioconda è.png", 7), write_film(folder / "smile.mp4")
    return Claim(
        engine="puppet",
        ingredients=(Ingredient("Mona Lisa", source, "source"), Ingredient("smile", driver, "driver")),
        settings={"strength": 1.5, "size": np.int64(512), "points": folder / "points.json", "start": None},
        mark_shown=True,
        consent="painted before 1519",
        source_type="compositeSynthetic",
    )


# Writing and reading back


@pytest.mark.parametrize("name", WRITERS)
def test_signed_film_is_ours_and_intact(name: str, tmp_path: Path, claim: Claim) -> None:
    film = WRITERS[name](tmp_path / name)
    sign(film, claim)
    report = verify(film)
    assert (report.made_here, report.intact, report.signer) == (True, True, "test")
    assert f"made with {provenance.GENERATOR}" in report.sentence
    assert "has not been changed" in report.sentence and "not forgery" in report.sentence
    assert report.sentence.startswith(name)


@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "film.png"])
def test_signing_leaves_the_pictures_alone(name: str, tmp_path: Path, claim: Claim) -> None:
    def pictures() -> list[bytes]:
        with av.open(str(film)) as container:
            return [frame.to_ndarray(format="rgb24").tobytes() for frame in container.decode(video=0)]

    film = WRITERS[name](tmp_path / name)
    before = pictures()
    sign(film, claim)
    assert pictures() == before


def test_credential_states_the_claim(tmp_path: Path, claim: Claim) -> None:
    film = write_film(tmp_path / "film.mp4")
    sign(film, claim)
    report = verify(film)
    source, driver = claim.ingredients
    assert report.claim == {
        "engine": "puppet",
        "ingredients": [
            {"role": "source", "title": "Mona Lisa", "sha256": digests.digest(source.path)},
            {"role": "driver", "title": "smile", "sha256": digests.digest(driver.path)},
        ],
        "settings": {"strength": 1.5, "size": 512, "points": "points.json", "start": None},
        "mark_shown": True,
        "consent": "painted before 1519",
        "source_type": "compositeSynthetic",
    }
    assert report.credential is not None
    titles = [(i["title"], i["relationship"], i["description"]) for i in report.credential["ingredients"]]
    assert titles == [
        ("Mona Lisa", "inputTo", f"source, sha256:{source.sha256}"),
        ("smile", "inputTo", f"driver, sha256:{driver.sha256}"),
    ]
    assert report.credential["title"] == "film.mp4"
    assert b"private folder" not in film.read_bytes()


@pytest.mark.parametrize("source_type", ["compositeSynthetic", "trainedAlgorithmicMedia"])
def test_created_action_names_agent_type_and_ingredients(source_type: Any, tmp_path: Path, claim: Claim) -> None:
    film = write_picture(tmp_path / "film.png")
    sign(film, replace(claim, source_type=source_type))
    credential = verify(film).credential
    assert credential is not None
    (actions,) = (a["data"]["actions"] for a in credential["assertions"] if a["label"] == "c2pa.actions.v2")
    assert [action["action"] for action in actions] == ["c2pa.created"]
    assert all(a["created"] for a in credential["assertions"] if not a["label"].startswith("c2pa.hash"))
    assert actions[0]["digitalSourceType"] == f"http://cv.iptc.org/newscodes/digitalsourcetype/{source_type}"
    assert actions[0]["softwareAgent"] == {"name": "Living Portraits", "version": provenance.VERSION}
    assert len(actions[0]["parameters"]["ingredients"]) == 2


def test_missing_mark_and_missing_consent_are_on_record(tmp_path: Path, claim: Claim) -> None:
    film = write_picture(tmp_path / "film.png")
    silent = replace(claim, mark_shown=False, consent=None)
    sign(film, silent)
    recorded = verify(film).claim
    assert recorded is not None and recorded["mark_shown"] is False and recorded["consent"] is None
    assert "visible mark turned off" in metadata(silent)["comment"]
    assert "consent: not stated" in metadata(silent)["comment"]
    assert "visible mark shown" in metadata(claim)["comment"]


def test_metadata_tells_it_in_words(claim: Claim) -> None:
    comment = metadata(claim)["comment"]
    expected = [f"AI-generated with {provenance.GENERATOR}", "engine puppet", "compositeSynthetic", '"strength": 1.5']
    expected += ["source Mona Lisa", claim.ingredients[0].sha256, "driver smile", claim.ingredients[1].sha256]
    assert [words for words in expected if words not in comment] == []
    assert "private folder" not in comment


def test_a_credential_of_the_source_is_carried_along(tmp_path: Path, claim: Claim) -> None:
    sign(claim.ingredients[0].path, replace(claim, ingredients=()))
    film = write_film(tmp_path / "film.mp4")
    sign(film, replace(claim, ingredients=(replace(claim.ingredients[0]), claim.ingredients[1])))
    report = verify(film)
    assert report.intact and report.credential is not None
    assert ["active_manifest" in ingredient for ingredient in report.credential["ingredients"]] == [True, False]


@pytest.mark.parametrize("content", [b"", b"no picture at all"])
@pytest.mark.parametrize("name", ["driver.png", "driver.mp4", "driver.webm", "driver.motion"])
def test_any_ingredient_will_do(name: str, content: bytes, tmp_path: Path, claim: Claim) -> None:
    (tmp_path / name).write_bytes(content)
    film = write_picture(tmp_path / "film.png")
    sign(film, replace(claim, ingredients=(Ingredient("driver", tmp_path / name, "driver"),)))
    assert verify(film).intact


def test_a_folder_of_frames_is_an_ingredient_too(tmp_path: Path, claim: Claim) -> None:
    folder = write_frames(tmp_path / "driver")
    before = Ingredient("driver", folder, "driver").sha256
    film = write_picture(tmp_path / "film.png")
    sign(film, replace(claim, ingredients=(Ingredient("driver", folder, "driver"),)))
    assert verify(film).intact
    write_picture(folder / "0003.png", 99)
    assert Ingredient("driver", folder, "driver").sha256 != before


# Changes must show


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


CHANGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a bit of the pictures": (lambda d: flip(d, len(d) - 700), "was changed after it was signed"),
    "the claim": (lambda d: d.replace(b"puppet", b"poppet"), "was changed after it was signed"),
    "the consent": (lambda d: d.replace(b"before 1519", b"before 1520"), "was changed after it was signed"),
    "every name of the credential": (lambda d: d.replace(b"urn:c2pa:", b"urn:c2pb:"), "was signed"),
    "the shape of the claim": (lambda d: d.replace(b"jmark_shown", b"kmark_shown"), "is damaged"),
    "a byte more": (lambda d: d + b"x", "was changed after it was signed"),
    "cut inside the credential": (lambda d: d[:2500], "is damaged"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "film.png"])
def test_changed_after_signing(name: str, change: str, tmp_path: Path, claim: Claim) -> None:
    film = WRITERS[name](tmp_path / name)
    sign(film, claim)
    edit, expected = CHANGES[change]
    signed = film.read_bytes()
    film.write_bytes(edit(signed))
    assert film.read_bytes() != signed
    report = verify(film)
    assert (report.made_here, report.intact) == (True, False)
    assert expected in report.sentence


@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_truncated_film_was_changed(name: str, tmp_path: Path, claim: Claim) -> None:
    film = WRITERS[name](tmp_path / name)
    sign(film, claim)
    film.write_bytes(film.read_bytes()[:-2000])
    assert verify(film).intact is False


def test_no_bit_of_the_credential_can_be_flipped_to_tell_another_story(tmp_path: Path, claim: Claim) -> None:
    """The padding behind the signature is nobody's, so a flip there may pass; what is then read must be as signed."""
    film = write_film(tmp_path / "film.mp4")
    sign(film, claim)
    signed, told = film.read_bytes(), verify(film).claim
    altered, seen = [], 0
    for position in range(signed.index(b"jumb"), signed.index(b"moov"), 101):
        film.write_bytes(flip(signed, position))
        report = verify(film)
        seen += not report.intact
        altered += [position] if report.intact and report.claim != told else []
    assert altered == [] and seen > 20


def test_no_bit_of_the_pictures_can_be_flipped_unseen(tmp_path: Path, claim: Claim) -> None:
    film = write_film(tmp_path / "film.mp4")
    sign(film, claim)
    signed = film.read_bytes()
    start = signed.rindex(b"mdat") + 4
    unseen = []
    for position in range(start, len(signed), 1999):
        film.write_bytes(flip(signed, position))
        unseen += [position] if verify(film).intact is not False else []
    assert unseen == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda f: write_picture(f / "0003.png", 50), "0003.png"),
        (lambda f: (f / "0004.png").unlink(), "0004.png"),
        (lambda f: write_picture(f / "0005.png", 51), "0005.png"),
        (lambda f: os.replace(f / "0002.png", f / "0003.png"), "0002.png, 0003.png"),
        (lambda f: [write_picture(f / f"{n:04}.png", n) for n in range(10, 18)], "0012.png and 5 more"),
        (lambda f: (f / "0001.png").write_bytes(flip((f / "0001.png").read_bytes(), -30)), "assertion.dataHash"),
    ],
)
def test_changed_frames_are_named(change: Callable[[Path], object], named: str, tmp_path: Path, claim: Claim) -> None:
    folder = write_frames(tmp_path / "frames")
    sign(folder, claim)
    change(folder)
    report = verify(folder)
    assert (report.made_here, report.intact) == (True, False)
    assert named in report.sentence


def test_only_the_first_frame_is_rewritten(tmp_path: Path, claim: Claim) -> None:
    folder = write_frames(tmp_path / "frames")
    write_picture(folder / "10000.png", 9)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    sign(folder, claim)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert [name for name in sorted(after) if after[name] != before.get(name)] == ["0001.png"]
    assert verify(folder).intact and verify(folder / "0001.png").intact


def test_frames_signed_one_by_one_say_nothing_of_each_other(tmp_path: Path, claim: Claim) -> None:
    folder = write_frames(tmp_path / "frames")
    sign(folder / "0001.png", claim)
    report = verify(folder)
    assert (report.made_here, report.intact) == (True, None)
    assert "first frame alone" in report.sentence


# Files without a credential, and files of others


def test_webm_keeps_plain_metadata_only_and_says_so(tmp_path: Path, claim: Claim) -> None:
    film = write_film(tmp_path / "film.webm", comment=metadata(claim)["comment"])
    before = film.read_bytes()
    with pytest.warns(NoCredential, match=r"film\.webm carries plain metadata only.*\.mp4"):
        sign(film, claim)
    assert film.read_bytes() == before
    report = verify(film)
    assert (report.made_here, report.intact, report.credential, report.claim) == (True, None, None, None)
    assert (
        f"plain metadata, which anyone can write, says that it was made with {provenance.GENERATOR}." in report.sentence
    )


@pytest.mark.parametrize("keep", [True, False])
def test_reencoded_film_has_lost_its_credential(keep: bool, tmp_path: Path, claim: Claim) -> None:
    film = write_film(tmp_path / "film.mp4", comment=metadata(claim)["comment"])
    sign(film, claim)
    copy = tmp_path / "copy.mp4"
    with av.open(str(film)) as old, av.open(str(copy), "w") as new:
        if keep:
            new.metadata["comment"] = old.metadata["comment"]
        stream = new.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, "yuv420p"
        for frame in old.decode(video=0):
            frame.pts = None
            new.mux(stream.encode(frame))
        new.mux(stream.encode(None))
    report = verify(copy)
    assert (report.made_here, report.intact, report.credential) == (keep, None, None)
    assert "carries no content credential" in report.sentence


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("words.txt", b"made of words"),
        ("broken.png", b"\x89PNG\r\n\x1a\nbroken"),
        ("film.mp4", None),
        ("film.gif", None),
        ("film.webm", None),
        ("film.png", None),
    ],
)
def test_foreign_file_is_not_ours(name: str, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is None:
        write_picture(path) if path.suffix == ".png" else write_film(path, comment="my holiday")
    else:
        path.write_bytes(content)
    report = verify(path)
    assert (report.made_here, report.intact, report.credential, report.signer) == (False, None, None, None)
    assert name in report.sentence and "no content credential" in report.sentence


def test_foreign_credential_is_not_ours(tmp_path: Path, claim: Claim) -> None:
    film = write_film(tmp_path / "film.mp4")
    created = {"action": "c2pa.created", "digitalSourceType": f"{provenance.SOURCE_TYPES}digitalCapture"}
    manifest = {
        "claim_generator_info": [{"name": "Other\x1b[31m Tool", "version": "9"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
    signed = io.BytesIO()
    with signing._signer(*certificate_chain(tmp_path)) as signer, c2pa.Builder(manifest) as builder:
        builder.sign(signer, "video/mp4", io.BytesIO(film.read_bytes()), signed)
    film.write_bytes(signed.getvalue())
    report = verify(film)
    assert (report.made_here, report.intact, report.signer, report.claim) == (False, True, "unknown", None)
    assert "was not made with Living Portraits but with Other?[31m Tool/9" in report.sentence


@pytest.mark.parametrize("organisation", ["Someone Else", "Living Portraits"])
def test_unknown_signer_is_called_unknown_whatever_the_name(organisation: str, tmp_path: Path, claim: Claim) -> None:
    film = write_film(tmp_path / "film.mp4")
    certificate, key = certificate_chain(tmp_path / "certificate", organisation=organisation)
    sign(film, claim, certificate=certificate, key=key)
    report = verify(film)
    assert (report.made_here, report.intact, report.signer) == (True, True, "unknown")
    assert f'"{organisation}" that is unknown here' in report.sentence
    named = verify(film, certificate=certificate)
    assert (named.intact, named.signer) == (True, "named")
    assert "the certificate that you named" in named.sentence


def test_a_file_that_holds_no_certificate_is_said_and_not_taken_for_another_signer(
    tmp_path: Path, claim: Claim
) -> None:
    film = write_film(tmp_path / "film.mp4")
    sign(film, claim)
    key = certificate_chain(tmp_path / "certificate")[1]
    with pytest.raises(OptionError, match="holds no certificate"):
        verify(film, certificate=key)


def test_test_certificate_does_not_pass_for_the_named_one(tmp_path: Path, claim: Claim) -> None:
    film = write_film(tmp_path / "film.mp4")
    sign(film, claim)
    certificate, _ = certificate_chain(tmp_path / "certificate")
    assert main(["verify", str(film)]) == 0
    assert main(["verify", str(film), "--certificate", str(certificate)]) == 1, "another signer than was expected"
    assert verify(film, certificate=certificate).signer == "unknown"


@pytest.mark.parametrize(
    ("failures", "intact", "words"),
    [
        (set(), True, "has not been changed"),
        ({"signingCredential.untrusted"}, True, "has not been changed"),
        ({"signingCredential.untrusted", "signingCredential.expired"}, True, "has expired since"),
        ({"claimSignature.mismatch"}, False, "was changed"),
        ({"signingCredential.expired", "assertion.dataHash.mismatch"}, False, "(assertion.dataHash.mismatch)"),
        ({"signingCredential.invalid"}, False, "(signingCredential.invalid)"),
    ],
)
def test_an_old_certificate_is_no_change(failures: set[str], intact: bool, words: str) -> None:
    report = reading._judge("film.mp4", {"claim_generator_info": [{"name": "X"}]}, failures, "unknown")
    assert report.intact is intact and words in report.sentence


# Certificates


@pytest.mark.parametrize("kind", ["P-256", "P-384", "Ed25519", "RSA"])
def test_every_common_key_signs(kind: str, tmp_path: Path, claim: Claim) -> None:
    certificate, key = certificate_chain(tmp_path / "certificate", kind=kind)
    check_signer(certificate=certificate, key=key)
    film = write_picture(tmp_path / "film.png")
    sign(film, claim, certificate=certificate, key=key)
    assert verify(film, certificate=certificate).signer == "named"


def passphrase(folder: Path) -> tuple[Path, Path]:
    certificate, key = certificate_chain(folder)
    locked = serialization.load_pem_private_key(key.read_bytes(), None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    key.write_bytes(locked)
    return certificate, key


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (lambda f: (certificate_chain(f)[0], None), "go together"),
        (lambda f: (None, certificate_chain(f)[1]), "go together"),
        (lambda f: (f / "nowhere.pem", certificate_chain(f)[1]), "Cannot read .*nowhere.pem"),
        (lambda f: (certificate_chain(f)[0], f / "nowhere.pem"), "Cannot read .*nowhere.pem"),
        (lambda f: (certificate_chain(f)[0],) * 2, "not a private key"),
        (lambda f: (certificate_chain(f)[1],) * 2, "cannot sign"),
        (lambda f: (certificate_chain(f)[0], certificate_chain(f / "b")[1]), "cannot sign"),
        (lambda f: certificate_chain(f, purpose=False), "cannot sign"),
        (lambda f: certificate_chain(f, kind="secp256k1"), "kind that C2PA does not know"),
        (passphrase, "passphrase"),
    ],
)
def test_unfit_certificates_are_refused(
    pair: Callable[[Path], tuple[Path | None, Path | None]], message: str, tmp_path: Path, claim: Claim
) -> None:
    certificate, key = pair(tmp_path / "certificate")
    film = write_picture(tmp_path / "film.png")
    before = film.read_bytes()
    for attempt in (check_signer, lambda **options: sign(film, claim, **options)):
        with pytest.raises(OptionError, match=message):
            attempt(certificate=certificate, key=key)
    assert film.read_bytes() == before


def test_bundled_certificate_outlives_this_decade() -> None:
    pem = (provenance.TEST_CERTIFICATE / "certificate.pem").read_bytes()
    for certificate in x509.load_pem_x509_certificates(pem):
        assert certificate.not_valid_after_utc.year >= 2070
        assert "TEST" in str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


# All or nothing


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def fill_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("fault", "error"), [(interrupt, KeyboardInterrupt), (fill_disk, OutputError)], ids=["ctrl-c", "disk full"]
)
def test_a_fault_leaves_the_film_as_it_was(
    fault: Callable[..., None],
    error: type[BaseException],
    tmp_path: Path,
    claim: Claim,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = write_film(tmp_path / "film.mp4")
    before, beside = film.read_bytes(), sorted(tmp_path.iterdir())
    monkeypatch.setattr(os, "replace", fault)
    with pytest.raises(error):
        sign(film, claim)
    assert film.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == beside


def test_a_disk_that_fills_while_writing_is_an_output_error(tmp_path: Path, claim: Claim) -> None:
    resource = pytest.importorskip("resource", reason="no file size limits on this system")
    film = write_film(tmp_path / "film.mp4")
    before, beside = film.read_bytes(), sorted(tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"Cannot write the content credential into film\.mp4: File too large\.$"):
            sign(film, claim)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert film.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == beside


@pytest.mark.parametrize("name", ["part-0.mp4", "part-1", "part-2.webm"])
def test_film_under_a_working_name_goes_by_its_title(name: str, tmp_path: Path, claim: Claim) -> None:
    film = tmp_path / name
    if film.suffix == ".webm":
        with pytest.warns(NoCredential, match=r"^Mona Lisa\.x carries plain metadata only"):
            sign(write_film(film), claim, title="Mona Lisa.x")
        return
    sign(write_film(film) if film.suffix else write_frames(film), claim, title="Mona Lisa.x")
    credential = verify(film).credential
    assert credential is not None and credential["title"] == "Mona Lisa.x"


def test_signing_keeps_the_file_mode(tmp_path: Path, claim: Claim) -> None:
    film = write_picture(tmp_path / "film è 1.png")
    film.chmod(0o640)
    sign(film, claim)
    assert film.stat().st_mode & 0o777 == 0o640
    assert verify(film).intact


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f, c: verify(f / "none.mp4"), MediaError, r"none\.mp4"),
        (lambda f, c: verify(f / "empty"), MediaError, "no PNG frames"),
        (lambda f, c: verify(f / "film.png", certificate=f / "none.pem"), OptionError, r"none\.pem"),
        (lambda f, c: sign(f / "none.mp4", c), OutputError, r"none\.mp4: No such file"),
        (lambda f, c: sign(f / "empty", c), OutputError, "No such file"),
        (lambda f, c: sign(f / "words.mp4", c), OutputError, r"words\.mp4"),
        (
            lambda f, c: sign(f / "film.png", replace(c, ingredients=(Ingredient("x", f / "none.png", "source"),))),
            MediaError,
            r"none\.png",
        ),
    ],
)
def test_what_cannot_be_read_or_written_gets_a_sentence(
    call: Callable[[Path, Claim], object],
    error: type[LivingPortraitsError],
    message: str,
    tmp_path: Path,
    claim: Claim,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "words.mp4").write_bytes(b"words, words, words")
    write_picture(tmp_path / "film.png")
    with pytest.raises(error, match=message) as caught:
        call(tmp_path, claim)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.fixture
def visited() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine: its address, and what was asked of it."""
    asked: list[str] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/remote.c2pa", asked
        server.shutdown()


def test_a_link_to_a_remote_credential_is_not_followed(
    visited: tuple[str, list[str]], tmp_path: Path, claim: Claim
) -> None:
    address, asked = visited
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" '
        f'dcterms:provenance="{address}"></rdf:Description></rdf:RDF></x:xmpmeta>'
    )
    notes = PngImagePlugin.PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", packet)
    linked = tmp_path / "linked.png"
    Image.new("RGB", (8, 8)).save(linked, pnginfo=notes)
    report = verify(linked)
    sign(write_film(tmp_path / "film.mp4"), replace(claim, ingredients=(Ingredient("linked", linked, "source"),)))
    assert asked == []
    assert report.credential is None


# The visible mark


def changed_box(before: np.ndarray, after: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((before != after).any(axis=2))
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def luminance(value: float) -> float:
    """Relative luminance of a grey level as WCAG 2 has it."""
    level = value / 255
    return float(level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(("height", "width"), [(256, 256), (512, 512), (1600, 1080), (720, 1280), (4096, 3000)])
def test_mark_is_small_and_sits_in_the_lower_right_corner(height: int, width: int) -> None:
    frame = np.full((height, width, 3), 200, np.uint8)
    marked = mark(frame)
    assert (frame == 200).all() and marked.shape == frame.shape and marked.dtype == np.uint8
    top, left, bottom, right = changed_box(frame, marked)
    side = min(height, width)
    assert max(17, 0.045 * side) <= bottom - top <= max(19, 0.055 * side)
    assert right - left < 0.36 * width
    assert 4 <= height - bottom == width - right < 0.04 * max(side, 256)


@pytest.mark.parametrize("size", [256, 512, 1080])
@pytest.mark.parametrize("ground", [0, 60, 128, 200, 255])
def test_mark_can_be_read_on_any_ground(ground: int, size: int) -> None:
    frame = np.full((size, size, 3), ground, np.uint8)
    top, left, bottom, right = changed_box(frame, mark(frame))
    box = mark(frame)[top:bottom, left:right, 0].astype(float)
    pill, ink = float(np.median(box)), float(np.percentile(box, 99))
    assert (luminance(ink) + 0.05) / (luminance(pill) + 0.05) >= 4.5
    assert 0.04 < (box > (pill + ink) / 2).mean() < 0.4  # strokes: neither a speck nor a slab


def test_mark_lets_the_picture_through_and_touches_nothing_else() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    marked = mark(frame)
    top, left, bottom, right = changed_box(frame, marked)
    outside = np.ones(frame.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert outside.mean() > 0.95 and (marked[outside] == frame[outside]).all()
    assert np.unique(marked[(top + bottom) // 2, left : left + 5].reshape(-1)).size > 5


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 300), (300, 2), (5, 5), (20, 20), (64, 64), (90, 160)])
def test_tiny_frames_keep_their_shape(height: int, width: int) -> None:
    frame = np.full((height, width, 3), 255, np.uint8)
    marked = mark(frame)
    assert marked.shape == frame.shape
    if min(height, width) >= 20:  # the whole sign is there, with a margin on its left
        assert (marked[:, 0] == 255).all() and (marked[:, width // 2] < 255).any()


def test_mark_is_the_same_with_alpha_and_shows_on_nothing() -> None:
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (128, 200, 3), dtype=np.uint8)
    opaque = np.dstack([rgb, np.full((128, 200), 255, np.uint8)])
    assert np.abs(mark(opaque)[..., :3].astype(int) - mark(rgb)).max() <= 1
    assert (mark(opaque)[..., 3] == 255).all()
    nothing = mark(np.zeros((128, 200, 4), np.uint8))
    top, left, bottom, right = changed_box(np.zeros((128, 200, 4), np.uint8), nothing)
    over_white = nothing[..., :3] * (nothing[..., 3:] / 255) + 255 - nothing[..., 3:]
    expected = mark(np.full((128, 200, 3), 255, np.uint8))
    assert np.abs(over_white - expected)[top:bottom, left:right].max() <= 2


def test_credential_is_json_all_through(tmp_path: Path, claim: Claim) -> None:
    film = write_picture(tmp_path / "film.png")
    sign(film, claim)
    report = verify(film)
    assert json.loads(json.dumps(report.credential)) == report.credential
