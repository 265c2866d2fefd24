"""What the library says of pictures, clips and films, as the page says it: in both languages, of its own controls."""

import re

LIBRARY_WORDS: tuple[tuple[str, str, str], ...] = (
    (
        r"(?P<name>.+) has (?P<size>\d+ x \d+) px and is moved at (?P<held>\d+ x \d+), .*",
        "{name} has {size} px and is moved at {held}, as larger films hardly play anywhere.",
        "{name} ha {size} px e si muove a {held}: filmati più grandi non si vedono quasi da nessuna parte.",
    ),
    (
        r"There are (?P<count>\d+) faces in (?P<name>.+) and the largest moves; .*",
        "There are {count} faces in {name} and the largest moves (another: Options, Which face).",
        "Ci sono {count} volti in {name} e si muove il più grande (per un altro: Opzioni, Quale volto).",
    ),
    (
        r"There is no face number (?P<face>\d+) in (?P<name>.+?): .*",
        "There is no face number {face} in {name}.",
        "Non c'è un volto numero {face} in {name}.",
    ),
    (
        r"There is no face to be found in .+; .*",
        "No face was found in this picture. Choose another, or drag the points onto the face.",
        "Non è stato trovato nessun volto. Scegli un'altra immagine o trascina i punti sul volto.",
    ),
    (
        r"The transparent parts of (?P<name>.+) are shown white; .*",
        "The transparent parts of {name} are shown white (to keep them: Options, Background).",
        "Le parti trasparenti di {name} appaiono bianche (per conservarle: Opzioni, Sfondo).",
    ),
    (
        r"(?P<name>.+) has no transparency that alpha could keep; .*",
        "{name} has no transparency to keep: choose another background in the options.",
        "{name} non ha trasparenza da conservare: scegli un altro sfondo nelle opzioni.",
    ),
    (
        r"The options alpha and side_by_side exclude each other; .*",
        "A transparent film has nothing beside it: leave one of the two out.",
        "Un filmato trasparente non ha nulla accanto: rinuncia a uno dei due.",
    ),
    (
        r"The driver's first frame, in the middle of an expression, .*",
        "The clip begins in the middle of an expression, which is lost (Options, Calm frame: found takes the calmest).",
        "Il filmato comincia nel mezzo di un'espressione, che va persa (Opzioni, Fotogramma neutro: da trovare).",
    ),
    (
        r"The driver's part begins in the middle of an expression, .*",
        "This part of the clip begins in the middle of an expression, which is lost: start where the face is at rest.",
        "Questa parte del filmato comincia nel mezzo di un'espressione, che va persa: inizia dove il volto è a riposo.",
    ),
    (
        r"The clip's first face appears at (?P<when>\S+): .*",
        "The clip's first face appears at {when}: start there, or choose another clip.",
        "Il primo volto del filmato appare a {when}: comincia da lì, o scegli un altro filmato.",
    ),
    (
        r"The face is lost at (?P<when>\S+) for longer than (?P<gap>\S+) s: .*",
        "The clip's face is lost at {when} for longer than {gap} s: set start and end around that.",
        "Nel filmato il volto si perde a {when} per più di {gap} s: imposta inizio e fine di conseguenza.",
    ),
    (
        r"The clip shows no face in its (?P<length>\S+) s: .*",
        "The clip shows no face in {length} s: choose one that does.",
        "Il filmato non mostra nessun volto in {length} s: scegline uno che lo mostri.",
    ),
    (
        r"(?P<name>.+) is over after (?P<length>\S+) s, so it cannot start at (?P<start>\S+) s\.",
        "{name} is over after {length} s, so it cannot start at {start} s.",
        "{name} finisce dopo {length} s, quindi non può cominciare a {start} s.",
    ),
    (
        r"(?P<name>.+) has no sound that can be read; .*",
        "{name} has no sound that can be read.",
        "{name} non ha un suono che si possa leggere.",
    ),
    (
        r"The picture (?P<name>.+) is damaged or incomplete .*",
        "{name} is damaged or incomplete.",
        "{name} è danneggiato o incompleto.",
    ),
    (
        r"The student animates .+ and no other face: .*",
        "The engine student knows other portraits only: choose another engine.",
        "Il motore student conosce solo altri ritratti: scegli un altro motore.",
    ),
    (
        r"This face is unlike those that the repairing network learned from, so the engine (?P<name>\S+) moves .*",
        "This face is unlike those that the repairing network learned from, so {name} moves it without repairs.",
        "Questo volto non somiglia a quelli da cui la rete ha imparato: {name} lo muove senza riparazioni.",
    ),
    (
        r"(?P<name>.+) carries plain metadata only: .*",
        "{name} says in plain tags alone that it is made by AI: such files hold no content credential.",
        "{name} dichiara solo nei suoi dati di essere fatto con l'IA: file di questo tipo non portano credenziali.",
    ),
)
"""What each sentence of the library looks like, and the page's in English and Italian."""


def retold(sentence: str, language: str) -> str | None:
    """The page's own words for a sentence of the library's; None if it has none."""
    for pattern, *told in LIBRARY_WORDS:
        if match := re.fullmatch(pattern, sentence, re.DOTALL):
            return told[language == "it"].format(**match.groupdict())
    return None
