"""Portraits and driver clips that come with the package; README.md beside them has source and licence of each.

Every sample is a `Path` and an attribute of this module: `samples.mona_lisa`, `samples.smile`.
"""

from pathlib import Path

_HERE = Path(__file__).parent

mona_lisa = _HERE / "mona_lisa.jpg"
girl_with_a_pearl_earring = _HERE / "girl_with_a_pearl_earring.jpg"
rembrandt = _HERE / "rembrandt.jpg"
erasmus = _HERE / "erasmus.jpg"
juan_de_pareja = _HERE / "juan_de_pareja.jpg"
ada_lovelace = _HERE / "ada_lovelace.jpg"
astronaut = _HERE / "astronaut.jpg"
young_woman = _HERE / "young_woman.jpg"
francesco_d_este = _HERE / "francesco_d_este.jpg"
carthusian = _HERE / "carthusian.jpg"
hermann_von_wedigh = _HERE / "hermann_von_wedigh.jpg"
moltedo = _HERE / "moltedo.jpg"
van_gogh = _HERE / "van_gogh.jpg"

smile = _HERE / "smile.mp4"
surprise = _HERE / "surprise.mp4"
talk = _HERE / "talk.mp4"
sing = _HERE / "sing.mp4"
look_around = _HERE / "look_around.mp4"
laugh = _HERE / "laugh.mp4"
sorrow = _HERE / "sorrow.mp4"
side_to_side = _HERE / "side_to_side.dance"
wave = _HERE / "wave.dance"
sunrise = _HERE / "sunrise.dance"


TITLES: dict[str, str] = {
    "mona_lisa": "Leonardo da Vinci, Mona Lisa, about 1503-1506",
    "girl_with_a_pearl_earring": "Johannes Vermeer, Girl with a Pearl Earring, about 1665",
    "rembrandt": "Rembrandt, Self-Portrait, 1660",
    "erasmus": "Hans Holbein the Younger, Erasmus of Rotterdam, about 1532",
    "juan_de_pareja": "Diego Velázquez, Juan de Pareja, 1650",
    "ada_lovelace": "Alfred Edward Chalon, Ada Lovelace, about 1840",
    "astronaut": "NASA, the astronaut Eileen Collins, photograph",
    "young_woman": "Johannes Vermeer, Study of a Young Woman, about 1665-1667",
    "francesco_d_este": "Rogier van der Weyden, Francesco d'Este, about 1460",
    "carthusian": "Petrus Christus, Portrait of a Carthusian, 1446",
    "hermann_von_wedigh": "Hans Holbein the Younger, Hermann von Wedigh III, 1532",
    "moltedo": "Jean-Auguste-Dominique Ingres, Joseph-Antoine Moltedo, about 1810",
    "van_gogh": "Vincent van Gogh, Self-Portrait with a Straw Hat, 1887",
    "smile": "Calm, then a bright smile under raised brows, and calm again",
    "surprise": "Brows go up, then the mouth falls open",
    "talk": "The mouth shapes sound after sound, the head keeps still",
    "sing": "Two long open vowels, the mouth as wide as it goes",
    "look_around": "A silent look left, right, down and up",
    "laugh": "From a first smile to laughter, with a lively head",
    "sorrow": "The eyes close, the brows knit, the head sinks",
    "side_to_side": "Hips and arms swing from side to side; a loop",
    "wave": "A wave runs from one hand through the shoulders to the other",
    "sunrise": "The arms rise, open and sink, the body bends to both sides",
}
"""One line about each sample, for galleries."""

PORTRAITS: dict[str, Path] = {
    path.stem: path
    for path in (
        mona_lisa,
        girl_with_a_pearl_earring,
        rembrandt,
        erasmus,
        juan_de_pareja,
        ada_lovelace,
        astronaut,
        young_woman,
        francesco_d_este,
        carthusian,
        hermann_von_wedigh,
        moltedo,
        van_gogh,
    )
}
"""Pictures of one face each, by name; the first is the one to begin with."""

DRIVERS: dict[str, Path] = {path.stem: path for path in (smile, surprise, talk, sing, look_around, laugh, sorrow)}
"""Silent clips of one face each, 3 to 8 s at 25 frames a second, by temperament."""

DANCES: dict[str, Path] = {path.stem: path for path in (side_to_side, wave, sunrise)}
"""Choreographies, 6 to 10 s at 25 frames a second, made by hand from joints' angles; the first is a loop."""


def place(text: str, *, beside: Path | None = None) -> Path:
    """A file as seen from a folder (default: from here), or the sample of that name where there is no such file."""
    path, known = (beside or Path()) / text, PORTRAITS | DRIVERS | DANCES
    return known[text] if text in known and not path.exists() else path
