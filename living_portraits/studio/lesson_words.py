"""The texts of those tabs in which somebody is taught: dancing, and a few pictures."""

LESSON_WORDS: dict[str, tuple[str, str]] = {
    # Dancing
    "dance.help": (
        "A person who was learned from a clip dances what somebody else dances.",
        "Una persona appresa da un filmato balla ciò che balla un'altra.",
    ),
    "dancer": ("1. The dancer", "1. Chi balla"),
    "dancer.who": ("Who dances", "Chi balla"),
    "dancer.bundled": ("the dancer that comes along", "la persona inclusa"),
    "dancer.nobody": (
        "There is no dancer here yet: teach one below, from a clip of a minute.",
        "Qui non balla ancora nessuno: insegna a qualcuno qui sotto, da un filmato di un minuto.",
    ),
    "dancer.unknown": (
        "There is no dancer called {name}; there are: {known}.",
        "Nessuno che balla si chiama {name}; ci sono: {known}.",
    ),
    "dance.steps": ("2. The choreography", "2. La coreografia"),
    "dance.clip": ("Or a clip of anybody dancing", "Oppure un filmato di chiunque balli"),
    "dance.missing": ("Choose a choreography first.", "Scegli prima una coreografia."),
    "dance.times": ("How many times", "Quante volte"),
    "dance.times.wrong": (
        "A choreography is danced from 1 to {most} times, a whole number.",
        "Una coreografia si balla da 1 a {most} volte, un numero intero.",
    ),
    "dance.beside": ("The skeleton beside it in the film", "Lo scheletro accanto, nel video"),
    "dance.film.beside": ("Show the clip beside it", "Mostra accanto il filmato"),
    "dance.files": ("Files", "File"),
    "dance.run": ("Make them dance", "Fai ballare"),
    "sound.choreography": ("the clip's", "del filmato"),
    "teach": ("Teach a new dancer", "Insegna a una nuova persona"),
    "teach.help": (
        "One person, whole to the feet, filmed by a camera that stands still; a minute is good. Stop keeps the best so "
        "far.",
        "Una persona intera, fino ai piedi, ripresa da una camera ferma; un minuto va bene. Ferma conserva il meglio.",
    ),
    "teach.clip": ("The clip", "Il filmato"),
    "teach.as": ("What to call them", "Come chiamarla"),
    "teach.lesson": ("Lesson, at most", "Lezione, al massimo"),
    "teach.short": ("3 minutes", "3 minuti"),
    "teach.medium": ("10 minutes", "10 minuti"),
    "teach.long": ("20 minutes", "20 minuti"),
    "teach.size": ("Size, px", "Dimensione, px"),
    "teach.consent": (
        "The person in this clip has agreed to be learned, and to films of them.",
        "La persona nel filmato acconsente a essere appresa, e ai filmati che la mostrano.",
    ),
    "teach.run": ("Teach", "Insegna"),
    "teach.missing": ("Choose a clip to learn from first.", "Scegli prima il filmato da cui imparare."),
    "teach.name": (
        "Give them a name of up to {most} letters, digits, spaces, - and _.",
        "Dai un nome fatto di al massimo {most} lettere, cifre, spazi, - e _.",
    ),
    "teach.known": (
        "There is a dancer called {name} already: choose another name.",
        "C'è già qualcuno che si chiama {name}: scegli un altro nome.",
    ),
    "teach.consent.missing": (
        "Please tick the sentence about consent first.",
        "Prima conferma il consenso qui sotto.",
    ),
    "teach.long_clip": (
        "{name} is {length} s long and a dancer is taught from {limit} s at most: cut it.",
        "{name} dura {length} s e si impara da {limit} s al massimo: accorcialo.",
    ),
    "teach.stage.track": ("reading the clip", "lettura del filmato"),
    "teach.stage.half": ("the body, roughly", "il corpo, a grandi linee"),
    "teach.stage.full": ("the body, finely", "il corpo, nei dettagli"),
    "teach.stage.face": ("the face", "il volto"),
    "teach.stage.done": ("{name} can dance now.", "Ora {name} sa ballare."),
    "teach.error": ("Error on what was never shown: {error}", "Errore su ciò che non è stato mostrato: {error}"),
    "teach.preview": (
        "Poses, what is painted of them, and the clip itself",
        "Pose, come vengono dipinte, e il filmato stesso",
    ),
    "teach.stopped": (
        "Stopped. What was learned so far is kept, if there was time for a first look at it.",
        "Fermato. Ciò che è stato appreso è conservato, se c'è stato il tempo per un primo sguardo.",
    ),
    "teach.refused": ("Nobody was taught: {sentence}", "Nessuna lezione: {sentence}"),
    # Learning somebody from a few pictures
    "person.help": (
        "A network learns to draw one person, from 1 to 32 pictures or one clip, and then moves them as anybody moves.",
        "Una rete impara a disegnare una persona, da 1 a 32 immagini o da un filmato, e poi la muove come chiunque.",
    ),
    "person": ("1. The person", "1. La persona"),
    "person.who": ("Who is filmed", "Chi si filma"),
    "person.nobody": (
        "Nobody was learned here yet: begin below, with a few pictures.",
        "Qui non è ancora stato appreso nessuno: comincia qui sotto, con poche immagini.",
    ),
    "person.unknown": (
        "Nobody called {name} was learned; there are: {known}.",
        "Nessuno di nome {name} è stato appreso; ci sono: {known}.",
    ),
    "person.learn": ("Learn a new person", "Impara una nuova persona"),
    "person.learn.help": (
        "Faces that look into the camera, as different as you have them. One picture will do, eight are better. Stop "
        "keeps the best so far.",
        "Volti che guardano verso la camera, il più possibile diversi. Un'immagine basta per cominciare, otto sono "
        "meglio. Ferma conserva il meglio.",
    ),
    "person.pictures": (
        "1 to 32 pictures of one person, or one clip",
        "Da 1 a 32 immagini di una persona, o un filmato",
    ),
    "person.artwork": ("Or an artwork of the collection", "Oppure un'opera della collezione"),
    "person.short": ("2.5 minutes", "2,5 minuti"),
    "person.medium": ("5 minutes", "5 minuti"),
    "person.long": ("15 minutes", "15 minuti"),
    "person.consent": (
        "The person in these pictures has agreed to be learned, and to films of them; or it is no living person.",
        "La persona nelle immagini acconsente a essere appresa, e ai filmati che la mostrano; o non è vivente.",
    ),
    "person.learn.run": ("Learn", "Impara"),
    "person.missing": ("Choose pictures to learn from first.", "Scegli prima le immagini da cui imparare."),
    "person.many": ("At most {most} pictures of one person.", "Al massimo {most} immagini di una persona."),
    "person.unreadable": (
        "{name} cannot be read, neither as a picture nor as a film.",
        "{name} non si può leggere, né come immagine né come filmato.",
    ),
    "person.mixed": (
        "{name} is a clip: give it alone, or pictures alone.",
        "{name} è un filmato: dallo da solo, oppure solo immagini.",
    ),
    "person.long_clip": (
        "{name} is {length} s long and somebody is learned from {limit} s at most: cut it.",
        "{name} dura {length} s e si impara da {limit} s al massimo: accorcialo.",
    ),
    "person.known": (
        "Somebody called {name} is kept already: choose another name.",
        "C'è già qualcuno che si chiama {name}: scegli un altro nome.",
    ),
    "person.stage.read": ("reading the pictures and motions to learn from", "lettura delle immagini e dei movimenti"),
    "person.stage.learn": ("learning", "apprendimento"),
    "person.stage.done": ("{name} is learned and kept.", "{name}: appreso e conservato."),
    "person.preview": (
        "From left to right: a picture, the same as it is drawn, and positions that are never shown.",
        "Da sinistra a destra: un'immagine, la stessa disegnata, e posizioni mai mostrate.",
    ),
    "person.before": ("Before", "Prima"),
    "person.now": ("Now", "Ora"),
    "person.after": ("After", "Dopo"),
    "person.error": (
        "Error of the likeness: {first} before, {now} now, {best} at best",
        "Errore di somiglianza: {first} prima, {now} ora, {best} al meglio",
    ),
    "person.stopped": (
        "Stopped. What was learned so far is kept, if there was time for a first look at it.",
        "Fermato. Ciò che è stato appreso è conservato, se c'è stato il tempo per un primo sguardo.",
    ),
    "person.before.film": (
        "Beside it, the same film as it was before they were learned",
        "Accanto, lo stesso filmato com'era prima dell'apprendimento",
    ),
    "person.run": ("Make the film", "Crea il filmato"),
}
