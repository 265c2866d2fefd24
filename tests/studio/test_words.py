"""The table of texts: whole in both languages, and in use."""

import re
from pathlib import Path
from string import Formatter

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

from living_portraits import face, samples
from living_portraits.errors import LivingPortraitsError
from living_portraits.film_options import Options
from living_portraits.portrait import open_portrait
from living_portraits.studio import library_words, words
from living_portraits.studio.converting import FORMS
from living_portraits.studio.dance_order import LESSONS
from living_portraits.studio.order import COLLECTION
from living_portraits.studio.person_order import LESSONS as PERSON_LESSONS
from living_portraits.studio.placing import HANDLES
from living_portraits.studio.views import CARD_ROWS
from living_portraits.studio.wording import preferred

SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(words.__file__).parent.glob("*.py"))
                   if not path.name.endswith("words.py"))  # fmt: skip
MADE_UP = {  # keys that are put together where they are used
    *(f"sample.{name}" for name in (*COLLECTION, *samples.DRIVERS, *samples.DANCES)),
    *(f"point.{name}" for name in HANDLES),
    *(f"card.{row}" for row in CARD_ROWS),
    *(f"make.{form}" for form in FORMS),
    *(f"stage.{stage}" for stage in ("waiting", "track", "generate", "done")),
    *(f"teach.stage.{stage}" for stage in ("track", "half", "full", "face", "done")),
    *(f"teach.{lesson}" for lesson in LESSONS),
    *(f"person.stage.{stage}" for stage in ("read", "learn", "done")),
    *(f"person.{lesson}" for lesson in PERSON_LESSONS),
    *(f"turns.{way}" for way in ("yaw", "pitch", "roll")),
    *(f"check.signer.{signer}" for signer in ("test", "named", "unknown")),
    "engine.guided",
    "engine.megaportraits",
    "engine.puppet",
    "engine.still",
    "engine.student",
    "engine.talking-head",
}


@pytest.mark.parametrize("key", sorted(words.WORDS))
def test_both_languages_say_the_same(key: str) -> None:
    english, italian = words.WORDS[key]
    assert english.strip() and italian.strip()
    assert _blanks(english) == _blanks(italian)


def _blanks(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_text_is_used_and_every_text_used_is_there() -> None:
    written = set(re.findall(r"""["']((?:[a-z_]+\.)*[a-z_]+)["']""", SOURCE))
    assert set(words.WORDS) - written - MADE_UP == set()
    asked = set(re.findall(r"""say\(\s*["']([a-z_.]+)["']""", SOURCE)) | set(
        re.findall(r'Trouble\("\w+", "([a-z_.]+)"', SOURCE)
    )
    assert (asked | MADE_UP) - set(words.WORDS) == set()


@pytest.mark.parametrize(
    ("header", "expected"),
    [("it-IT,it;q=0.9,en;q=0.8", "it"), ("de-DE,it;q=0.5", "it"), ("fr", "en"), ("", "en"), (None, "en")],
)  # fmt: skip
def test_the_browsers_language(header: str | None, expected: str) -> None:
    assert preferred(header) == expected


@pytest.mark.parametrize(("pattern", "english", "italian"), library_words.LIBRARY_WORDS)
def test_what_the_library_says_is_retold_whole(pattern: str, english: str, italian: str) -> None:
    assert _blanks(english) == _blanks(italian) <= set(re.compile(pattern).groupindex)


def test_the_librarys_sentences_are_those_that_are_retold(tmp_path: Path) -> None:
    Image.fromarray(np.full((80, 60, 3), 128, np.uint8)).save(tmp_path / "nobody.png")
    seen: list[str] = []
    for source, options in (("nobody.png", {"alpha": True}), ("nobody.png", {})):
        with pytest.raises(LivingPortraitsError) as caught:
            open_portrait(tmp_path / source, Options.of(options))
        seen.append(str(caught.value).replace(f"{tmp_path}/", ""))
    with pytest.raises(LivingPortraitsError) as caught:
        Options.of({"alpha": True, "side_by_side": True})
    seen.append(str(caught.value))
    with pytest.raises(LivingPortraitsError) as caught:
        face.follow([np.full((80, 60, 3), 128, np.uint8)] * 2, fps=10.0)
    seen.append(str(caught.value))
    with pytest.raises(LivingPortraitsError) as caught:
        open_portrait(samples.mona_lisa, Options.of({"face": 4}))
    seen.append(str(caught.value).replace(f"{samples.mona_lisa.parent}/", ""))
    for sentence in seen:
        told = [library_words.retold(sentence, language) for language in words.LANGUAGES]
        assert None not in told and told[0] != told[1], sentence
    assert library_words.retold(seen[0], "it").startswith("nobody.png non ha trasparenza")
    assert library_words.retold("Something else.", "it") is None
