"""Teaching a dancer: the clip, the name, the tick, and a lesson that can be watched and stopped."""

import gradio as gr

from living_portraits.studio import components
from living_portraits.studio.dance_film import teach
from living_portraits.studio.dance_order import LESSONS, SIZES, dancer_choices, take_lesson
from living_portraits.studio.dance_views import schooling
from living_portraits.studio.lessons import LessonPanel, Subject, buttons
from living_portraits.studio.wording import Wording, options_of

DANCER = Subject(
    take=take_lesson,
    teach=teach,
    shown=schooling,
    choices=dancer_choices,
    words={"stopped": "teach.stopped", "refused": "teach.refused"},
    endpoint="teach",
    about="Teaches a dancer from a clip and keeps them by name. Yields how far the lesson is, with the error on "
    "held-out frames at each look; ending it keeps the best so far.",
)


def lesson_panel(wording: Wording) -> LessonPanel:
    """Builds the controls, folded away."""
    with wording.put(gr.Accordion, {"label": "teach"}, open=False, elem_id="teach"):
        wording.put(gr.Markdown, {"value": "teach.help"}, elem_classes="lp-hint")
        target = wording.put(
            gr.File, {"label": "teach.clip"}, file_types=["video", ".mkv", ".avi"], height=140, elem_id="teach-clip"
        )
        notes = {"target": components.note(elem_id="teach-clip-note")}
        name = wording.put(gr.Textbox, {"label": "teach.as"}, max_lines=1, max_length=40, elem_id="teach-name")
        notes["name"] = components.note(elem_id="teach-name-note")
        with gr.Row():
            lengths = options_of(*((f"teach.{lesson}", lesson) for lesson in LESSONS))
            lesson = wording.put(gr.Radio, {"label": "teach.lesson", "choices": lengths}, value="medium", min_width=200)
            size = wording.put(
                gr.Radio, {"label": "teach.size"}, choices=list(SIZES), value=SIZES[-1], min_width=120,
                elem_id="teach-size",
            )  # fmt: skip
        consent = wording.put(gr.Checkbox, {"label": "teach.consent"}, value=False, elem_id="teach-consent")
        notes["consent"] = components.note(elem_id="teach-consent-note")
        run, stop, stage = buttons(wording, name="teach", run_key="teach.run")
    inputs = {"target": target, "name": name, "lesson": lesson, "size": size, "consent": consent}
    return LessonPanel(DANCER, inputs, notes, run, stop, stage)
