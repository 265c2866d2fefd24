"""Every text of the studio, in English and Italian, in one table; those of lessons lie in `lesson_words`."""

from living_portraits.studio.lesson_words import LESSON_WORDS

LANGUAGES = {"en": "English", "it": "Italiano"}

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Living Portraits", "Ritratti viventi"),
    "subtitle": (
        "Choose a portrait and somebody's face in motion. Everything happens on this computer.",
        "Scegli un ritratto e un volto in movimento. Tutto avviene su questo computer.",
    ),
    "language": ("Language", "Lingua"),
    "tab.portrait": ("Living portrait", "Ritratto vivente"),
    "tab.person": ("Few-shot", "Poche immagini"),
    "tab.megapixel": ("Megapixel", "Megapixel"),
    "tab.live": ("Live", "Dal vivo"),
    "tab.dance": ("Dance", "Danza"),
    "tab.compare": ("Compare", "Confronta"),
    "tab.check": ("Check a film", "Verifica"),
    # The source
    "source": ("1. The portrait", "1. Il ritratto"),
    "portraits": ("From the collection", "Dalla collezione"),
    "own_picture": ("Or your own: drop, paste or photograph it", "Oppure il tuo: trascina, incolla o fotografa"),
    "consent": (
        "The person in this picture has agreed to this film, or it shows no living person.",
        "La persona nell'immagine acconsente a questo filmato, oppure non si tratta di una persona vivente.",
    ),
    "consent.missing": (
        "Please tick the sentence about consent first: this picture is not one of the collection's.",
        "Prima conferma il consenso qui sotto: l'immagine non fa parte della collezione.",
    ),
    "source.missing": ("Choose a portrait first.", "Scegli prima un ritratto."),
    "source.gone": (
        "This picture is no longer kept here: choose it again.",
        "Questa immagine non è più conservata qui: sceglila di nuovo.",
    ),
    "source.unreadable": (
        "This file cannot be read as a picture: choose a photograph or a scan.",
        "Questo file non si può leggere come immagine: scegli una fotografia o una scansione.",
    ),
    "source.large": (
        "This file is too large: at most {limit} MB.",
        "Questo file è troppo grande: al massimo {limit} MB.",
    ),
    "source.no_face": (
        "No face was found in this picture. Choose another, or drag the points below onto the face.",
        "Non è stato trovato nessun volto. Scegli un'altra immagine o trascina i punti qui sotto sul volto.",
    ),
    "source.no_face.short": (
        "No face was found in this picture: choose another.",
        "Non è stato trovato nessun volto: scegli un'altra immagine.",
    ),
    "source.faces": (
        "There are {count} faces; the one with the points moves (another: Options, Which face; one that was not found: "
        "{count} there).",
        "Ci sono {count} volti; si muove quello con i punti (per un altro: Opzioni, Quale volto; per uno non trovato: "
        "{count}).",
    ),
    "source.no_such_face": ("There is no face number {face} in this picture.", "Non c'è un volto numero {face}."),
    "source.by_hand": (
        "None of the faces that were found: drag the points below onto the one that is to move.",
        "Nessuno dei volti trovati: trascina i punti qui sotto su quello che deve muoversi.",
    ),
    "points": ("Landmarks", "Punti del volto"),
    "points.help": (
        "Drag a point, or focus it and use the arrow keys, where the lines miss the face.",
        "Trascina un punto, o selezionalo e usa le frecce, dove le linee non seguono il volto.",
    ),
    "points.reset": ("Find the points again", "Ritrova i punti"),
    "points.moved": ("Corrected by hand.", "Corretti a mano."),
    "points.impossible": (
        "These points show no possible face: left and right are those of the picture.",
        "Questi punti non formano un volto possibile: destra e sinistra sono quelle dell'immagine.",
    ),
    "point.left_eye": ("left eye", "occhio a sinistra"),
    "point.right_eye": ("right eye", "occhio a destra"),
    "point.nose_tip": ("tip of the nose", "punta del naso"),
    "point.mouth_left": ("left corner of the mouth", "angolo sinistro della bocca"),
    "point.mouth_right": ("right corner of the mouth", "angolo destro della bocca"),
    "point.chin": ("chin", "mento"),
    # The drivers
    "drivers": ("2. Whose motion", "2. Il movimento"),
    "driver": ("2. Whose motion", "2. Il movimento"),
    "clips": ("From the collection: several give several films", "Dalla collezione: più scelte, più filmati"),
    "clip": ("From the collection", "Dalla collezione"),
    "own_clips": ("Your own clips", "I tuoi filmati"),
    "webcam": ("Record yourself", "Registra te stesso"),
    "driver.missing": ("Choose at least one clip.", "Scegli almeno un filmato."),
    "driver.many": ("At most {limit} clips at a time.", "Al massimo {limit} filmati alla volta."),
    "driver.unreadable": ("{name} cannot be read as a film.", "{name} non si può leggere come filmato."),
    "driver.long": (
        "{name} is {length} s long and the studio takes {limit} s at a time: set start and end in the options.",
        "{name} dura {length} s e lo studio ne accetta {limit}: imposta inizio e fine nelle opzioni.",
    ),
    "driver.no_face": (
        "No face can be followed through {name}.",
        "Non si riesce a seguire nessun volto in {name}.",
    ),
    # What a sample shows
    "sample.mona_lisa": ("Mona Lisa", "La Gioconda"),
    "sample.girl_with_a_pearl_earring": ("Girl with a Pearl Earring", "Ragazza col turbante"),
    "sample.rembrandt": ("Rembrandt", "Rembrandt"),
    "sample.erasmus": ("Erasmus", "Erasmo"),
    "sample.juan_de_pareja": ("Juan de Pareja", "Juan de Pareja"),
    "sample.ada_lovelace": ("Ada Lovelace", "Ada Lovelace"),
    "sample.young_woman": ("Young woman", "Giovane donna"),
    "sample.francesco_d_este": ("Francesco d'Este", "Francesco d'Este"),
    "sample.carthusian": ("A Carthusian", "Un certosino"),
    "sample.hermann_von_wedigh": ("Hermann von Wedigh", "Hermann von Wedigh"),
    "sample.moltedo": ("Joseph-Antoine Moltedo", "Joseph-Antoine Moltedo"),
    "sample.van_gogh": ("Vincent van Gogh", "Vincent van Gogh"),
    "sample.smile": ("Smile", "Sorriso"),
    "sample.surprise": ("Surprise", "Sorpresa"),
    "sample.talk": ("Talk", "Parlare"),
    "sample.sing": ("Sing", "Cantare"),
    "sample.look_around": ("Look around", "Guardarsi intorno"),
    "sample.laugh": ("Laugh", "Risata"),
    "sample.sorrow": ("Sorrow", "Dolore"),
    "sample.side_to_side": ("Side to side", "Da lato a lato"),
    "sample.wave": ("Wave", "Onda"),
    "sample.sunrise": ("Sunrise", "Alba"),
    # Engines and options
    "engine": ("Engine", "Motore"),
    "engine.guided": (
        "moves shoulders and hair as well, and repairs mouths and folds",
        "muove anche spalle e capelli, e ripara bocche e pieghe",
    ),
    "engine.megaportraits": (
        "as guided, but what is far from the person stands still; fine up to 1024 px",
        "come guided, ma ciò che è lontano dalla persona resta fermo; fine fino a 1024 px",
    ),
    "engine.puppet": (
        "moves the portrait's own paint: turns, expressions, gaze, mouth",
        "muove la pittura stessa del ritratto: testa, espressioni, sguardo, bocca",
    ),
    "engine.student": (
        "cheaper than its teacher; knows the portraits of the collection and no other face",
        "costa meno del suo maestro; conosce solo i ritratti della collezione",
    ),
    "engine.talking-head": (
        "draws over one picture what a few more taught it of a person, in the tab Few-shot",
        "ridisegna su un'immagine ciò che poche altre gli hanno insegnato della persona, nella scheda Poche immagini",
    ),
    "engine.still": ("repeats the picture; for comparison", "ripete l'immagine; per confronto"),
    "engine.speed": ("about {fps} frames a second here", "circa {fps} fotogrammi al secondo qui"),
    "engine.unusable": ("cannot be used here: {why}", "non utilizzabile qui: {why}"),
    "options": ("Options", "Opzioni"),
    "relative": ("Head", "Testa"),
    "relative.yes": ("keeps the portrait's pose", "mantiene la posa del ritratto"),
    "relative.no": ("takes the driver's pose", "prende la posa di chi recita"),
    "relative.frontal": ("turns to you first", "si volge prima verso di te"),
    "strength": ("Strength", "Intensità"),
    "turns": ("Turn the head, expression", "Girare la testa, espressione"),
    "turns.yaw": ("Right, degrees", "A destra, gradi"),
    "turns.pitch": ("Up, degrees", "In alto, gradi"),
    "turns.roll": ("Tilt, degrees", "Inclinata, gradi"),
    "expression": ("Expression", "Espressione"),
    "stay": ("Stays in its place", "Resta al suo posto"),
    "smoothing": ("Smoothing", "Stabilizzazione"),
    "start": ("Start, s", "Inizio, s"),
    "end": ("End, s (0: all of it)", "Fine, s (0: tutto)"),
    "size": ("Detail of the face, px", "Dettaglio del volto, px"),
    "size.fitted": ("as the picture has it", "come nell'immagine"),
    "face": ("Which face (0: the largest)", "Quale volto (0: il più grande)"),
    "neutral": ("Calm frame of the clip", "Fotogramma neutro"),
    "neutral.first": ("the first", "il primo"),
    "neutral.auto": ("found", "da trovare"),
    "sound": ("Sound", "Suono"),
    "sound.driver": ("the clip's", "del filmato"),
    "sound.none": ("none", "nessuno"),
    "sound.file": ("Another sound", "Un altro suono"),
    "framing": ("Background", "Sfondo"),
    "framing.picture": ("whole picture", "immagine intera"),
    "framing.head": ("the head alone", "solo la testa"),
    "framing.alpha": ("transparent (cut-out pictures)", "trasparente (immagini ritagliate)"),
    "beside": ("Portrait and clip beside it in the film", "Ritratto e filmato accanto, nel video"),
    "option.kind": ("{name} takes a {kind}, not {value}.", "{name} richiede un valore di tipo {kind}, non {value}."),
    "option.seconds": ("Start and end are seconds of the clip, 0 or more.", "Inizio e fine sono secondi, da 0 in su."),
    "option.order": ("The end must come after the start.", "La fine deve venire dopo l'inizio."),
    "option.face": ("Faces are counted from 0, the largest.", "I volti si contano da 0, il più grande."),
    "option.factor": ("Strength and expression go from 0 to {high}.", "Intensità ed espressione vanno da 0 a {high}."),
    "option.smoothing": ("Smoothing goes from 0 to {high}.", "La stabilizzazione va da 0 a {high}."),
    "option.degrees": (
        "A head is turned by at most {high} degrees either way.",
        "La testa si gira al massimo di {high} gradi per parte.",
    ),
    "restore": ("Restore settings from a file", "Ripristina le impostazioni da un file"),
    "restored": ("Settings restored.", "Impostazioni ripristinate."),
    "restored.but": (
        "Settings restored; add your own files again: {names}.",
        "Impostazioni ripristinate; aggiungi di nuovo i tuoi file: {names}.",
    ),
    "restore.foreign": ("This is not a settings file of the studio.", "Non è un file di impostazioni dello studio."),
    # The run
    "run": ("Bring it to life", "Dagli vita"),
    "run.compare": ("Compare the engines", "Confronta i motori"),
    "stop": ("Stop", "Ferma"),
    "stage.empty": ("Your film will appear here.", "Il filmato apparirà qui."),
    "stage.waiting": ("waiting", "in attesa"),
    "stage.track": ("reading the motion", "lettura del movimento"),
    "stage.generate": ("painting", "pittura"),
    "stage.done": ("done", "pronto"),
    "stage.frames": ("{done} of {total} frames", "{done} fotogrammi su {total}"),
    "stage.left": ("about {seconds} s left", "circa {seconds} s rimanenti"),
    "stage.stopped": ("Stopped. Nothing was kept.", "Fermato. Non è stato conservato nulla."),
    "stage.failed": (
        "Something went wrong and nothing was made; the studio's log says what it was.",
        "Qualcosa è andato storto e non è stato creato nulla; il registro dello studio dice che cosa.",
    ),
    "stage.refused": ("Nothing was made: {sentence}", "Nessun filmato: {sentence}"),
    "films": ("Films", "Filmati"),
    "film.beside": ("Show portrait and clip beside it", "Mostra accanto ritratto e filmato"),
    "film.download": ("Download", "Scarica"),
    "film.portrait": ("Portrait", "Ritratto"),
    "film.clip": ("Clip", "Filmato"),
    "film.sign": (
        "Every film says that it is made by AI: a small sign, and a content credential.",
        "Ogni filmato dichiara di essere fatto con l'IA: un piccolo segno e una credenziale.",
    ),
    "film.sign.clear": (
        "A transparent film says that it is made by AI by a small sign and in its plain tags.",
        "Un filmato trasparente dichiara di essere fatto con l'IA con un piccolo segno e nei suoi dati.",
    ),
    "files": ("Files: films, settings", "File: filmati, impostazioni"),
    "make.gif": ("Also as GIF", "Anche come GIF"),
    "make.frames": ("Also as single frames (zip)", "Anche come fotogrammi (zip)"),
    "make.first": ("Make a film first.", "Prima crea un filmato."),
    # The card
    "card": ("Report card", "Pagella"),
    "card.measuring": ("Measuring ...", "Misurazione ..."),
    "card.unmeasured": ("The film was not measured.", "Il filmato non è stato misurato."),
    "card.fps": ("Frames made in a second", "Fotogrammi fatti al secondo"),
    "card.motion": ("Motion that arrives (1: all of it)", "Movimento trasferito (1: tutto)"),
    "card.mouth": ("Mouth in step with the clip (1: exactly)", "Bocca a tempo con il filmato (1: perfetta)"),
    "card.jitter": ("Jitter (1: as in the clip)", "Tremolio (1: come nel filmato)"),
    "card.missing": ("Frames without a face", "Fotogrammi senza volto"),
    "card.identity": ("Likeness to the portrait (1: the same)", "Somiglianza al ritratto (1: identico)"),
    "card.none": ("not measured", "non misurato"),
    "card.identity.none": (
        "Likeness needs an identity network, which is not part of the package.",
        "La somiglianza richiede una rete di identità, non inclusa nel pacchetto.",
    ),
    # Films of a thousand pixels a side
    "megapixel.help": (
        "The head alone, in a film of 1024 px a side, beside the same at the usual size. It needs a large picture: of "
        "the collection, the Girl with a Pearl Earring.",
        "Solo la testa, in un filmato di 1024 px per lato, accanto allo stesso nella dimensione consueta. Serve "
        "un'immagine grande: della collezione, la Ragazza col turbante.",
    ),
    "megapixel.run": ("Make both films", "Crea i due filmati"),
    "megapixel.expected": (
        "Both films, of {frames} frames each, take about {seconds} s here.",
        "I due filmati, di {frames} fotogrammi ciascuno, richiedono circa {seconds} s qui.",
    ),
    "megapixel.small": (
        "What the film shows is {side} px across in this picture: a film of 1024 px gains nothing over that.",
        "Ciò che il filmato mostra è largo {side} px in questa immagine: a 1024 px non si guadagna nulla di più.",
    ),
    "megapixel.enough": (
        "What the film shows is {side} px across in this picture: enough for 1024.",
        "Ciò che il filmato mostra è largo {side} px in questa immagine: abbastanza per 1024.",
    ),
    "megapixel.closer": (
        "A closer look, in the middle of the films: the same part, shown at one size.",
        "Da vicino, a metà dei filmati: la stessa parte, mostrata alla stessa grandezza.",
    ),
    "megapixel.ms": ("{ms} ms a frame", "{ms} ms per fotogramma"),
    # Live
    "live.help": (
        "A portrait that moves as you do, now. The camera's pictures stay on this computer, and none is kept.",
        "Un ritratto che si muove come te, subito. Le immagini della camera restano su questo computer e non vengono "
        "conservate.",
    ),
    "live.run": ("Start the camera", "Avvia la camera"),
    "live.empty": (
        "Choose a portrait and start the camera. First look straight ahead for a second, your face at rest.",
        "Scegli un ritratto e avvia la camera. Prima guarda dritto per un secondo, con il volto a riposo.",
    ),
    "live.opening": ("Opening the camera ...", "Apertura della camera ..."),
    "live.searching": ("Looking for your face ...", "Ricerca del tuo volto ..."),
    "live.resting": (
        "Look straight ahead for a second, your face at rest ...",
        "Guarda dritto per un secondo, con il volto a riposo ...",
    ),
    "live.live": ("Live:", "Dal vivo:"),
    "live.figures": (
        "%ms ms from camera to view, %fps pictures a second",
        "%ms ms dalla camera alla vista, %fps immagini al secondo",
    ),
    "live.rest": ("This is my neutral face", "Questo è il mio volto a riposo"),
    "live.picture": ("The portrait, moving as you do; made by AI", "Il ritratto, che si muove come te; fatto con l'IA"),
    "live.ended": ("The session has ended; start the camera again.", "La sessione è finita; avvia di nuovo la camera."),
    "live.changed": (
        "Another portrait was chosen: start the camera again.",
        "È stato scelto un altro ritratto: avvia di nuovo la camera.",
    ),
    "live.camera": (
        "The browser gives no camera: allow it for this page, or plug one in.",
        "Il browser non fornisce una camera: consentila per questa pagina, o collegane una.",
    ),
    "live.full": (
        "Others are live just now; try again when they have ended.",
        "Altri sono dal vivo in questo momento; riprova quando hanno finito.",
    ),
    # Checking a film
    "check.help": (
        "Drop any film or picture: what does it say about its making, and was it changed since?",
        "Trascina un filmato o un'immagine: che cosa dichiara della sua origine? È stato modificato?",
    ),
    "check.file": ("Film or picture", "Filmato o immagine"),
    "check.ours_intact": (
        "Made with Living Portraits, and not changed since.",
        "Creato con Living Portraits, e da allora non modificato.",
    ),
    "check.ours_changed": (
        "It says that it was made with Living Portraits, but it was changed afterwards.",
        "Dichiara di essere stato creato con Living Portraits, ma è stato modificato.",
    ),
    "check.ours_unsigned": (
        "Its plain tags name Living Portraits, but it carries no credential: nobody can tell whether it was changed.",
        "I suoi dati citano Living Portraits, ma manca la credenziale: non si può dire se sia stato modificato.",
    ),
    "check.others": (
        "It carries a credential, but not of Living Portraits.",
        "Ha una credenziale, ma non di Living Portraits.",
    ),
    "check.nothing": (
        "Nothing in this file says that it was made with Living Portraits.",
        "Niente in questo file dice che sia stato creato con Living Portraits.",
    ),
    "check.engine": ("Engine", "Motore"),
    "check.source": ("Portrait", "Ritratto"),
    "check.driver": ("Clip", "Filmato"),
    "check.mark": ("Visible sign", "Segno visibile"),
    "check.consent": ("Consent", "Consenso"),
    "check.settings": ("Settings", "Impostazioni"),
    "check.signer": ("Signed with", "Firmato con"),
    "check.signer.test": (
        "the project's public test certificate, which reveals accidents but not forgery",
        "il certificato di prova pubblico del progetto, che rivela gli incidenti ma non i falsi",
    ),
    "check.signer.named": ("the certificate that was named", "il certificato indicato"),
    "check.signer.unknown": (
        "a certificate that is unknown here, so that the names prove nothing",
        "un certificato qui sconosciuto: i nomi non provano nulla",
    ),
    "yes": ("yes", "sì"),
    "no": ("no", "no"),
    "compare.help": (
        "One portrait and one clip through every engine, in step with each other.",
        "Un ritratto e un filmato con tutti i motori, in sincronia.",
    ),
    **LESSON_WORDS,
}


def say(key: str, language: str = "en", /, **values: object) -> str:
    """The text called `key`, in that language (English for one that is not known), its braces filled with `values`."""
    text = WORDS[key][1 if language == "it" else 0]
    return text.format(**values) if values else text


def known(key: str) -> bool:
    """Whether the table has that text."""
    return key in WORDS
