"""What the user can mend gets one sentence; nothing is left behind and nothing is lost."""

import errno
import re
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from clips import write_clip
from drawn import picture
from PIL import Image
from toys import Toy, found, track_toys

import living_portraits as lp
from living_portraits import cli, engines, samples
from living_portraits.animator import Animator
from living_portraits.errors import FaceError, LivingPortraitsError, MediaError, OptionError, OutputError

PAINTING, CLIP, FILM = "painting.png", "clip.mp4", "film.mp4"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Every kind of file that a person may name, and the working folder there."""
    Image.fromarray(picture(151, 121)).save(tmp_path / PAINTING)
    Image.fromarray(picture(151, 121)).save(tmp_path / "Bild mit Größe 1.png")
    Image.fromarray(picture(151, 121)).save(tmp_path / "damaged.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "damaged.png").read_bytes()[:2000])
    write_clip(tmp_path / CLIP, frames=8)
    (tmp_path / "broken.mp4").write_bytes((tmp_path / CLIP).read_bytes()[:300])
    write_clip(tmp_path / "no_frames.mp4", frames=0)
    (tmp_path / "text.jpg").write_text("I am no picture.")
    (tmp_path / "text.mp4").write_text("I am no film.")
    (tmp_path / "text.motion").write_text("I am no motion.")
    (tmp_path / "text.json").write_text('{"format": "something else"}')
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "bomb.png").write_bytes(bomb(60000))
    (tmp_path / "empty folder").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear me")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that would unpack to gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


ROWS = {
    "no such source": ({"source": "nobody.png"}, MediaError, r"There is no file nobody.png"),
    "source is no picture": ({"source": "text.jpg"}, MediaError, r"text.jpg is not a picture that can be read"),
    "source is empty": ({"source": "empty.png"}, MediaError, r"empty.png is not a picture that can be read"),
    "source is damaged": ({"source": "damaged.png"}, MediaError, r"The picture damaged.png is damaged or incomplete"),
    "source is a folder": (
        {"source": "empty folder"},
        MediaError,
        r"empty folder is a folder without numbered pictures",
    ),
    "source is a bomb": ({"source": "bomb.png"}, MediaError, r"bomb.png has .*pixels and the limit is 80 million"),
    "no such driver": ({"driver": "nobody.mp4"}, MediaError, r"There is no file nobody.mp4"),
    "driver is no film": ({"driver": "text.mp4"}, MediaError, r"text.mp4 cannot be read as a film"),
    "driver is a dance": ({"driver": samples.DANCES["wave"]}, MediaError, r"wave.dance is the motion of a body"),
    "driver is empty": ({"driver": "empty.mp4"}, MediaError, r"empty.mp4 cannot be read as a film"),
    "driver breaks off in its header": ({"driver": "broken.mp4"}, MediaError, r"broken.mp4 cannot be read as a film"),
    "driver has no frames": ({"driver": "no_frames.mp4"}, MediaError, r"no_frames.mp4 holds (not one frame|no moving)"),
    "driver is a picture": ({"driver": PAINTING}, MediaError, r"painting.png is a single picture and moves nobody"),
    "driver is no motion": ({"driver": "text.motion"}, MediaError, r"text.motion is not a motion file"),
    "no such motion": ({"driver": "nobody.motion"}, MediaError, r"nobody.motion cannot be read"),
    "driver is over": ({"start": 9}, MediaError, r"clip.mp4 is over after 0.32 s, so it cannot start at 9 s"),
    "no face of that number": ({"face": 2}, FaceError, r"There is no face number 2 in painting.png: it has one face"),
    "an unknown extension": ({"out": "film.avi"}, OutputError, r"film.avi; end its name in .mp4, .webm, .gif"),
    "no such folder": ({"out": "nowhere/film.mp4"}, OutputError, r"There is no folder .*nowhere for film.mp4"),
    "out is a folder of other things": ({"out": "full"}, OutputError, r"The folder full holds other things than PNG"),
    "out is the source": ({"out": PAINTING}, OptionError, r"painting.png is read to make the film"),
    "out is the driver": ({"out": CLIP}, OptionError, r"clip.mp4 is read to make the film"),
    "out is the driver by another name": ({"out": "full/../clip.mp4"}, OptionError, r"is read to make the film"),
    "the manifest is the film": ({"manifest": "film.mp4"}, OptionError, r"film.mp4 is to be written twice"),
    "motion by another ending": ({"save_motion": "a.mp4"}, OptionError, r"a name that ends in .motion"),
    "the manifest is a folder": ({"manifest": "full"}, OutputError, r"full is a folder; choose another name"),
    "no folder for the manifest": ({"manifest": "nowhere/a.json"}, OutputError, r"no folder nowhere for a.json"),
    "no folder for the motion": ({"save_motion": "nowhere/a.motion"}, OutputError, r"no folder nowhere for a.motion"),
    "no alpha in mp4": (
        {"source": "cutout.png", "alpha": True},
        OutputError,
        r".mp4 holds no transparency; take .webm",
    ),
    "no alpha in the source": ({"alpha": True, "out": "film.webm"}, OptionError, r"painting.png has no transparency"),
    "the sound has no sound": ({"sound": CLIP}, MediaError, r"clip.mp4 has no sound"),
    "no such sound": ({"sound": "nobody.mp3"}, MediaError, r"There is no file nobody.mp3"),
    "no such certificate": ({"certificate": "a.pem", "key": "b.pem"}, OptionError, r"Cannot read [ab].pem"),
    "a key without a certificate": ({"key": "b.pem"}, OptionError, r"A certificate and its key go together"),
    "no such points": ({"points": "nobody.json"}, LivingPortraitsError, r"points file nobody.json|no .*nobody.json"),
    "no points": ({"points": "text.json"}, FaceError, r"The points file text.json names format: it may name"),
    "an unknown option": (
        {"strenght": 1},
        OptionError,
        r"There is no option 'strenght'; choose from relative, .*strength",
    ),
    "too strong": ({"strength": 9}, OptionError, r"The option strength takes a number from 0 to 3, not 9"),
    "not a number": ({"strength": "much"}, OptionError, r"strength takes a number from 0 to 3, not 'much'"),
    "no number at all": ({"strength": float("nan")}, OptionError, r"strength takes a number from 0 to 3, not nan"),
    "an endless clip": ({"end": float("inf")}, OptionError, r"end takes seconds"),
    "a film of no size": ({"largest": 10}, OptionError, r"largest takes a whole number from 64, not 10"),
    "half a face": ({"face": 0.5}, OptionError, r"face takes a whole number from 0, not 0.5"),
    "a negative face": ({"face": -1}, OptionError, r"face takes a whole number from 0, not -1"),
    "before the start": ({"start": -1}, OptionError, r"start takes seconds, 0 or more, not -1"),
    "the end before the start": (
        {"start": 2, "end": 1},
        OptionError,
        r"The end \(1 s\) must come after the start \(2 s\)",
    ),
    "no frames a second": ({"fps": 0}, OptionError, r"fps takes a number from 0.01 to 240, not 0"),
    "hardly a frame a second": ({"fps": 1e-4}, OptionError, r"fps takes a number from 0.01 to 240, not 0.0001"),
    "no such neutral frame": ({"neutral_frame": 8}, OptionError, r"no frame 8 .* choose from 0 to 7, or auto"),
    "a wrong word for auto": ({"neutral_frame": "best"}, OptionError, r"neutral_frame takes a frame's number or auto"),
    "text for a switch": ({"alpha": "yes"}, OptionError, r"alpha takes True or False, not 'yes'"),
    "all and one face": ({"all_faces": True, "face": 1}, OptionError, r"all_faces and face exclude each other"),
    "all faces in one crop": ({"all_faces": True, "crop_only": True}, OptionError, r"all_faces and crop_only exclude"),
    "empty consent": ({"consent": " "}, OptionError, r"consent takes a few words"),
}


@pytest.mark.parametrize(("change", "kind", "sentence"), ROWS.values(), ids=ROWS)
def test_a_mistake_gets_its_sentence(monkeypatch, folder, change, kind, sentence):
    Image.fromarray(np.dstack([picture(151, 121), picture(151, 121)[:, :, 0]])).save(folder / "cutout.png")
    track_toys(monkeypatch, found())
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(kind, match=sentence) as caught:
        Animator(Toy()).animate(**{"source": PAINTING, "driver": CLIP, "out": FILM} | change)
    assert str(caught.value).count("\n") == 0 and str(caught.value).endswith(".")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_no_face(monkeypatch, folder):
    track_toys(monkeypatch)
    with pytest.raises(
        FaceError, match=r"There is no face to be found in painting.png; take .* or place its landmarks"
    ):
        Animator(Toy()).animate(PAINTING, CLIP, FILM)
    assert not (folder / FILM).exists()


def test_an_unwritable_folder(monkeypatch, folder):
    """Simulated, since nothing is unwritable to a container's root user."""

    def refuse(*place, **names):
        raise PermissionError(errno.EACCES, "Permission denied")

    track_toys(monkeypatch, found())
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(OutputError, match=r"The folder .* may not be written to; choose another for film.mp4"):
        Animator(Toy()).animate(PAINTING, CLIP, FILM)


@pytest.mark.parametrize("out", ["film.mp4", "film.webm", "film.gif", "frames"])
@pytest.mark.filterwarnings("ignore::living_portraits.provenance.NoCredential")
def test_a_full_disk(monkeypatch, folder, out):
    """A limit on the size of files stands for the full disk: the same writes fail in the same way."""
    resource = pytest.importorskip("resource")
    track_toys(monkeypatch, found())
    before = sorted(folder.iterdir())
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, unlimited[1]))
    try:
        with pytest.raises(OutputError, match=rf"The disk is full at .*{folder.name}.* and {out} was not written"):
            Animator(Toy()).animate(PAINTING, CLIP, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert sorted(folder.iterdir()) == before


def test_a_truncated_clip_is_used_as_far_as_it_goes(monkeypatch, folder):
    track_toys(monkeypatch, found())
    pictures = [picture(64, 96, seed=number) for number in range(60)]
    write_clip(folder / "whole.mp4", pictures=pictures, options={"movflags": "+faststart"})
    whole = (folder / "whole.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) * 3 // 5])
    with pytest.warns(lp.video.TruncatedClip, match=r"cut.mp4"):
        result = Animator(Toy()).animate(PAINTING, "cut.mp4", FILM)
    assert 10 < result.frames < 60


def test_names_with_spaces_and_letters_of_all_alphabets(monkeypatch, folder):
    track_toys(monkeypatch, found())
    shutil.copy(folder / CLIP, folder / "фильм 電影.mp4")
    result = Animator(Toy()).animate("Bild mit Größe 1.png", "фильм 電影.mp4", "résultat final.mp4")
    assert result.path.is_file()
    assert lp.provenance.verify(result.path).intact


COMMANDS = {
    "nothing": ("", r"following arguments are required: COMMAND"),
    "an unknown command": ("anmiate", r"invalid choice: 'anmiate' \(choose from '?animate"),
    "an unknown option": ("animate --sorce a", r"There is no option --sorce for animate; choose from: .*--source"),
    "an abbreviation": ("animate --sour a", r"There is no option --sour for animate"),
    "an unknown engine": (
        "animate --source painting.png --driver clip.mp4 --out film.mp4 --engine pupet",
        rf"There is no engine 'pupet'; choose from {', '.join(engines.available())}\.",
    ),
    "an absurd size": (
        "animate --source painting.png --driver clip.mp4 --out film.mp4 --engine still --size 99999",
        r"does not work at size 99999; choose a multiple of 16 from 64 to 2048",
    ),
    "a size in words": ("animate --source a --driver b --out c --size big", r"size takes a whole number .* not 'big'"),
    "no source": ("animate --driver clip.mp4 --out film.mp4", r"--source, --driver and --out, .*: --source is missing"),
    "no such manifest": ("animate --from nobody.json", r"The manifest nobody.json cannot be read"),
    "no manifest": ("animate --from text.json", r"text.json is not the manifest of a film"),
    "a value that is none": (
        "animate --source painting.png --driver clip.mp4 --out film.mp4 --engine still --strength much",
        r"strength takes a number from 0 to 3, not 'much'",
    ),
    "verify nothing": ("verify nobody.mp4", r"Cannot read nobody.mp4"),
    "info on nothing": ("info nobody.mp4", r"There is no file nobody.mp4"),
    "an argument too many": ("engines please", r"There is no option please for engines"),
    "an unknown engine in the demo": ("demo --engine pupet", r"There is no engine 'pupet'"),
    "a demo in a file": ("demo --out painting.png --engine still", r"The folder painting.png cannot be made"),
}


@pytest.mark.parametrize(("command", "sentence"), COMMANDS.values(), ids=COMMANDS)
def test_a_wrong_command_gets_its_sentence_and_exit_code_2(folder, capsys, command, sentence):
    assert cli.main(command.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("living-portraits: ")
    assert said.count("\n") == 1 and "Traceback" not in said
    assert re.search(sentence, said), said


def test_a_changed_source_is_not_taken_for_the_one_in_the_manifest(monkeypatch, folder):
    track_toys(monkeypatch, found())
    Animator(Toy()).animate(PAINTING, CLIP, FILM, manifest="film.json")
    Image.fromarray(picture(151, 121, seed=5)).save(PAINTING)
    with pytest.raises(MediaError, match=r"painting.png is not the source that film.json was written for"):
        lp.manifest.read_manifest(Path("film.json"))
