"""The studio in a real browser: what a person sees, and what the browser asks of whom."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from drawn import picture
from open_studio import Server
from PIL import Image

from living_portraits import engines, provenance, samples

LONG = 60_000  # ms; a shared machine is slow at times

Open = Callable[..., Any]


@pytest.fixture
def opened(server: Server, browser: Any) -> Iterator[Open]:
    """Opens pages, each with a user of its own; in the end none may have complained or asked anyone else."""
    contexts, complaints = [], []

    def asked(request: Any) -> None:
        if not request.url.startswith((server.url, "data:", "blob:")):
            complaints.append(f"asked for {request.url}")

    def said(message: Any) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text}")

    def open_page(**how: Any) -> Any:
        context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **how})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LONG)
        page.on("request", asked)
        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.goto(server.url)
        language = "Dagli vita" if how.get("locale") == "it-IT" else "Bring it to life"
        page.wait_for_selector(f"#portrait-run >> text={language}")
        page.wait_for_selector("#portrait-drivers .lp-pick")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _choose(page: Any, portrait: str, driver: str, *, end: float) -> None:
    page.click(f"#portrait-portraits [data-name={portrait}]")
    page.wait_for_selector("#portrait-points-box", state="visible")
    page.click(f"#portrait-drivers [data-name={driver}]")
    _set_end(page, end)


def _set_end(page: Any, end: float) -> None:
    page.click("#options > button")
    _enter(page, "#end", end)


def _enter(page: Any, field: str, number: float) -> None:
    """Types until the number stays: a page that is being drawn may put the old one back, or take one in late."""
    entry, kept = page.locator(f"{field} input"), 0
    for _ in range(20):
        if entry.input_value() != str(number):
            entry.fill(str(number))
            entry.press("Tab")
            kept = 0
        page.wait_for_timeout(300)
        kept += entry.input_value() == str(number)
        if kept == 4:
            return
    raise AssertionError("the page does not take the number")


def _films(server: Server) -> set[Path]:
    """Finished films and unfinished ones; uploads and copies lie elsewhere."""
    return {path for path in server.folder.rglob("*.mp4*") if "_" in path.name}


FRAMES_DIFFER = """async film => {
  const at = async seconds => {
    film.pause();
    await new Promise(done => { film.onseeked = done; film.currentTime = seconds; });
    const paper = Object.assign(document.createElement('canvas'), {width: 60, height: 90});
    const ink = paper.getContext('2d');
    ink.drawImage(film, 0, 0, 60, 90);
    return ink.getImageData(0, 0, 60, 90).data;
  };
  const first = await at(0.0), last = await at(film.duration * 0.9);
  return first.reduce((sum, value, place) => sum + Math.abs(value - last[place]), 0) / first.length;
}"""


def test_the_mona_lisa_comes_to_life_is_downloaded_and_restored(opened: Open, server: Server, tmp_path: Path) -> None:
    page = opened()
    _choose(page, "mona_lisa", "laugh", end=0.6)
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-stage [role=progressbar][aria-valuenow]")
    page.wait_for_selector("#portrait-stage img.lp-preview")
    assert "frames" in page.inner_text("#portrait-stage figcaption")
    film = page.wait_for_selector("#portrait-stage figure[data-stage=done] a")
    with page.expect_download() as download:
        film.click()
    saved = tmp_path / "film.mp4"
    download.value.save_as(saved)
    assert provenance.verify(saved).intact
    assert "artwork mona_lisa" in provenance.verify(saved).claim["consent"]
    video = page.locator("#portrait-stage figure[data-stage=done] video")
    page.wait_for_function("film => film.readyState >= 2", arg=video.element_handle())
    assert video.evaluate("film => film.duration") == pytest.approx(0.6, abs=0.1)
    assert video.evaluate(FRAMES_DIFFER) > 0.25
    page.wait_for_selector("#portrait-card table")

    page.wait_for_selector("#make-gif")
    page.click("#make-gif")
    page.wait_for_selector("#portrait-files tr:has-text('.gif')")
    with page.expect_download() as download:
        page.locator("#portrait-files tr", has_text="settings").locator("a").first.click()
    settings = tmp_path / "settings.json"
    download.value.save_as(settings)
    _restored(opened, settings)


def _restored(opened: Open, settings: Path) -> None:
    """Another visit, with the settings of the first."""
    page = opened()
    page.click("#options > button")
    with page.expect_file_chooser() as chooser:
        page.click("#restore")
    chooser.value.set_files(settings)
    page.wait_for_selector("#portrait-portraits [data-name=mona_lisa][aria-pressed=true]")
    page.wait_for_selector("#portrait-drivers [data-name=laugh][aria-pressed=true]")
    assert page.locator("#end input").input_value() == "0.6"


def test_stop_really_stops_and_leaves_nothing(opened: Open, server: Server) -> None:
    page = opened()
    before = _films(server)
    _choose(page, "rembrandt", "smile", end=6)
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-stage figure[data-stage=generate]")
    page.click("#portrait-stop")
    page.wait_for_selector("#portrait-stage >> text=Stopped")
    page.wait_for_function("() => !document.querySelector('#portrait-run').disabled")
    page.click("#portrait-run")  # at once: what ends the first run must not end the second
    page.wait_for_selector("#portrait-stage figure[data-stage=generate]")
    assert page.is_visible("#portrait-stop") and page.is_disabled("#portrait-run")
    page.click("#portrait-stop")
    page.wait_for_selector("#portrait-stage >> text=Stopped")
    page.wait_for_function("() => !document.querySelector('#portrait-run').disabled")
    page.wait_for_timeout(700)
    assert not page.is_visible("#portrait-stage [data-testid=status-tracker] .error")
    assert _films(server) == before
    _ready_again(page)


def _ready_again(page: Any) -> None:
    """A short film goes through: nothing stands in its way."""
    _enter(page, "#end", 0.2)
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-stage figure[data-stage=done] video")


def test_a_film_that_is_made_stays(opened: Open) -> None:
    page = opened()
    _choose(page, "mona_lisa", "talk", end=4)
    page.click("#portrait-run")
    film = "#portrait-stage figure[data-stage=done] video"
    page.wait_for_selector(film)
    page.click("#portrait-stop")  # while it is measured
    page.wait_for_selector("#portrait-card >> text=was not measured")
    page.wait_for_function("() => !document.querySelector('#portrait-run').disabled")
    assert page.is_visible(film) and page.is_visible("#portrait-files")
    assert not page.is_visible("#portrait-stage [data-testid=status-tracker] .error")
    page.click("#portrait-drivers [data-name=talk]")
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-run-note >> text=Nothing was made: Choose at least one clip")
    assert page.is_visible(film) and page.is_visible("#portrait-files")


@pytest.mark.parametrize(("field", "number", "words"), [("#end", -1, "0 or more"), ("#turn-yaw", 30, "at most 15")])
def test_a_number_out_of_range_gets_a_sentence_and_another_try(
    opened: Open, field: str, number: float, words: str
) -> None:
    page = opened()
    _choose(page, "erasmus", "smile", end=0.2)
    page.click("#turns > button")
    _enter(page, field, number)
    page.click("#portrait-run")
    page.wait_for_selector(f"#options-note [role=alert] >> text={words}")
    page.wait_for_function("() => !document.querySelector('#portrait-run').disabled")
    _enter(page, "#turn-yaw", 0)
    _ready_again(page)


def test_a_closed_tab_frees_its_job(opened: Open, server: Server) -> None:
    page, other = opened(), opened()
    before = _films(server)
    _choose(page, "erasmus", "look_around", end=6)
    _choose(other, "erasmus", "look_around", end=0.2)
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-stage figure[data-stage=generate]")
    page.close()
    other.click("#portrait-run")
    other.wait_for_selector("#portrait-stage figure[data-stage=done] video")
    assert len(_films(server) - before) == 1


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    path = tmp_path / "nobody.png"
    Image.fromarray(picture(300, 260)).save(path)
    return path


def test_a_picture_without_a_face_gets_a_sentence_and_points_by_hand(
    opened: Open, server: Server, nobody: Path
) -> None:
    page = opened()
    page.locator("#portrait-source input[type=file]").set_input_files(nobody)
    page.wait_for_selector("#portrait-source-note [role=alert] >> text=No face was found")
    page.click("#portrait-drivers [data-name=surprise]")
    _set_end(page, 0.2)
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-consent-note [role=alert] >> text=consent")
    page.check("#portrait-consent input")
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-stage >> text=Nothing was made: No face was found")

    chin = page.locator("#portrait-points .lp-handle[data-name=chin]")
    chin.scroll_into_view_if_needed()
    where = chin.locator(".lp-dot").bounding_box()
    x, y = where["x"] + where["width"] / 2, where["y"] + where["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 6, y + 14, steps=3)
    page.mouse.up()
    page.wait_for_selector("#portrait-source-note >> text=Corrected by hand")
    page.wait_for_selector("#portrait-points polyline >> nth=5", state="attached")
    page.locator("#portrait-points .lp-handle[data-name=nose_tip]").press("ArrowUp")
    page.click("#portrait-run")
    link = page.wait_for_selector("#portrait-stage figure[data-stage=done] a")
    film = next(server.folder.rglob(link.get_attribute("download")))
    claim = provenance.verify(film).claim
    assert claim["settings"]["points"] == "points.json"
    assert claim["consent"].startswith("Stated in the studio")
    placed = json.loads((film.parent / "points.json").read_text())["points"]
    chin_point = placed[152]
    assert chin_point[0] > 130 and chin_point[1] > 150 + 0.23 * 260


def test_a_picture_that_browsers_do_not_show_is_shown(opened: Open, nobody: Path, tmp_path: Path) -> None:
    page = opened()
    Image.open(nobody).save(tmp_path / "nobody.tiff")
    page.locator("#portrait-source input[type=file]").set_input_files(tmp_path / "nobody.tiff")
    page.wait_for_selector("#portrait-source-note [role=alert] >> text=No face was found")
    page.wait_for_function("document.querySelector('#portrait-source img')?.naturalWidth === 260")


def test_consent_and_points_of_one_picture_are_none_of_the_next(opened: Open, nobody: Path, tmp_path: Path) -> None:
    page = opened()
    page.locator("#portrait-source input[type=file]").set_input_files(nobody)
    page.wait_for_selector("#portrait-points .lp-handle")
    page.check("#portrait-consent input")
    page.route("**/queue/join*", lambda asked: None)  # the next picture is not looked at yet
    other = tmp_path / "other.png"
    Image.fromarray(picture(200, 240)).save(other)
    page.locator("#portrait-source").get_by_role("button", name="Remove Image").click()
    page.locator("#portrait-source input[type=file]").set_input_files(other)
    page.wait_for_selector("#portrait-consent", state="hidden")
    page.wait_for_selector("#portrait-points-box", state="hidden")
    assert page.locator("#portrait-source-note p").count() == 0
    page.unroute("**/queue/join*")  # which lets go what was held
    page.wait_for_selector("#portrait-source-note [role=alert] >> text=No face was found")
    assert not page.is_checked("#portrait-consent input")


def test_two_users_do_not_see_each_other_and_each_reads_their_language(opened: Open, server: Server) -> None:
    english, italian = opened(), opened(locale="it-IT", viewport={"width": 390, "height": 844})
    assert italian.inner_text("#portrait-run") == "Dagli vita"
    assert english.inner_text("#portrait-run") == "Bring it to life"
    _choose(english, "carthusian", "talk", end=0.2)
    _choose(italian, "young_woman", "sing", end=0.2)
    english.click("#portrait-run")
    italian.click("#portrait-run")
    links = []
    for page in (english, italian):
        link = page.wait_for_selector("#portrait-stage figure[data-stage=done] a")
        page.wait_for_selector("#portrait-card table")
        links.append(link.get_attribute("href"))
    folders = [Path(link.split("file=")[1]).parent.name for link in links]
    assert folders[0] != folders[1] and min(map(len, folders)) > 20
    assert folders[1] not in english.content() and "young_woman_sing" not in english.content()
    assert folders[0] not in italian.content() and "carthusian_talk" not in italian.content()
    answer = italian.request.get(f"{server.url}gradio_api/file={server.folder}")
    assert answer.status == 403  # nobody can list what there is


def test_another_language_is_spoken_everywhere_at_once(opened: Open) -> None:
    page = opened()
    _choose(page, "erasmus", "surprise", end=2)
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-stage figcaption >> text=painting")
    page.get_by_role("radio", name="Italiano").check()
    page.wait_for_selector("#portrait-stage figcaption >> text=pittura")
    page.wait_for_selector("#portrait-stage figure[data-stage=done] a >> text=Scarica")
    page.wait_for_selector("#portrait-card >> text=Tremolio")
    page.get_by_role("radio", name="English").check()
    page.wait_for_selector("#portrait-stage figure[data-stage=done] a >> text=Download")
    page.wait_for_selector("#portrait-card >> text=Jitter")
    page.click("#portrait-drivers [data-name=surprise]")
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-drivers-note p")
    page.get_by_role("radio", name="Italiano").check()
    page.wait_for_selector("#portrait-drivers-note p", state="detached")


def test_a_phone_is_wide_enough_in_the_dark(opened: Open) -> None:
    page = opened(viewport={"width": 390, "height": 844}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.body.classList.contains('dark')")


CONTRASTS = """() => {
  const parts = text => {
    const numbers = text.match(/[\\d.]+/g).map(Number);
    const scale = text.startsWith('color(') ? 255 : 1;
    return [...numbers.slice(0, 3).map(number => number * scale), numbers[3] ?? 1];
  };
  const linear = value => value / 255 <= 0.03928 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour[3] > 0.9) return colour;
    }
    return [255, 255, 255, 1];
  };
  const said = element => [...element.childNodes].filter(node => node.nodeType === 3 && node.textContent.trim());
  return [...document.querySelectorAll('body *')].filter(each => each.offsetParent && said(each).length).map(each => {
    const below = ground(each), above = parts(getComputedStyle(each).color);
    let share = above[3];
    for (let one = each; one; one = one.parentElement) share *= Number(getComputedStyle(one).opacity);
    if (share < 0.1) return [21, ''];
    const seen = [0, 1, 2].map(at => above[at] * share + below[at] * (1 - share));
    const [low, high] = [light(seen), light(below)].sort((one, other) => one - other);
    return [(high + 0.05) / (low + 0.05), each.textContent.trim().slice(0, 40)];
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(opened: Open, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    _choose(page, "young_woman", "surprise", end=0.2)
    page.click("#turns > button")
    page.click("#portrait-run")
    page.wait_for_selector("#portrait-card table")
    page.wait_for_selector("#portrait-run:enabled")
    page.wait_for_timeout(700)  # colours fade in
    seen = page.evaluate(CONTRASTS)
    assert len(seen) > 60
    assert [text for contrast, text in seen if contrast < 4.5] == []


def test_the_names_of_files_are_whole_on_a_phone(opened: Open) -> None:
    page = opened(viewport={"width": 390, "height": 844})
    _choose(page, "girl_with_a_pearl_earring", "surprise", end=0.2)
    page.click("#portrait-run")
    stem = page.wait_for_selector("#portrait-files .stem")
    assert stem.inner_text() == "girl_with_a_pearl_earring_surprise"
    assert stem.evaluate(
        "stem => stem.scrollWidth <= stem.clientWidth + 1 || getComputedStyle(stem).overflow === 'visible'"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_film_is_checked_in_the_browser(opened: Open, server: Server, tmp_path: Path) -> None:
    page = opened()
    deadline = time.monotonic() + 30
    while not (films := sorted(server.folder.rglob("*_*.mp4"))) and time.monotonic() < deadline:
        time.sleep(0.1)  # those of the other tests
    changed = tmp_path / "changed.mp4"
    data = bytearray(films[0].read_bytes())
    data[-20] ^= 1
    changed.write_bytes(data)
    page.get_by_role("tab", name="Check a film").click()
    for file, verdict in ((films[0], "good"), (changed, "bad")):
        page.locator("#check-file input[type=file]").set_input_files(file)
        page.wait_for_selector(f"#check-found [data-verdict={verdict}]")
        page.get_by_role("radio", name="Italiano").check()
        page.wait_for_selector("#check-found th >> text=Motore")
        page.get_by_role("radio", name="English").check()
        page.wait_for_selector("#check-found th >> text=Engine")
        page.locator("#check-file button[aria-label=Clear]").first.click()


def test_a_dancer_dances_in_the_browser(opened: Open, server: Server) -> None:
    page = opened()
    page.get_by_role("tab", name="Dance").click()
    page.click("#dance-run")
    page.wait_for_selector("#dance-choreography-note [role=alert] >> text=Choose a choreography")
    page.click("#dance-choreographies [data-name=wave]")
    page.click("#dance-options > button")
    _enter(page, "#dance-end", 0.6)
    page.click("#dance-run")
    video = page.wait_for_selector("#dance-stage figure[data-stage=done] video")
    page.wait_for_selector("#dance-files tr:has-text('_wave')")
    page.wait_for_function("film => film.readyState >= 2", arg=video)
    assert video.evaluate("film => film.duration") == pytest.approx(0.6, abs=0.1)
    film = next(server.folder.rglob("*_wave.mp4"))
    assert provenance.verify(film).intact

    page.click("#teach > button")
    page.click("#teach-run")
    page.wait_for_selector("#teach-clip-note [role=alert] >> text=Choose a clip")
    assert page.inner_text("#teach-stage").startswith("Nobody was taught")


def test_a_dance_is_stopped_and_leaves_nothing(opened: Open, server: Server) -> None:
    page = opened()
    before = _films(server)
    page.get_by_role("tab", name="Dance").click()
    page.click("#dance-choreographies [data-name=sunrise]")
    page.click("#dance-options > button")
    _enter(page, "#dance-times", 10)  # longer than it takes to find the button
    page.click("#dance-run")
    page.wait_for_selector("#dance-stage figure[data-stage=generate]")
    page.click("#dance-stop")
    page.wait_for_selector("#dance-stage >> text=Stopped")
    page.wait_for_function("() => !document.querySelector('#dance-run').disabled")
    page.wait_for_timeout(700)
    assert _films(server) == before


def test_where_one_clip_is_filmed_the_last_choice_stands_alone(opened: Open) -> None:
    page = opened()
    page.get_by_role("tab", name="Compare").click()
    smile = page.locator("#compare-drivers [data-name=smile]")
    smile.click()
    page.get_by_role("button", name="Your own clips").click()
    own = page.locator("#compare-clips input[type=file]").first
    own.set_input_files(samples.talk)
    page.wait_for_selector("#compare-clips >> text=talk")
    page.wait_for_selector("#compare-drivers [data-name=smile][aria-pressed=false]")
    smile.click()
    page.wait_for_selector("#compare-clips >> text=talk", state="detached")
    page.wait_for_selector("#compare-drivers [data-name=smile][aria-pressed=true]")
    smile.click()
    page.wait_for_selector("#compare-drivers [data-name=smile][aria-pressed=false]")


def test_a_large_film_says_beforehand_what_it_needs(opened: Open) -> None:
    page = opened()
    page.get_by_role("tab", name="Megapixel").click()
    page.wait_for_selector("#megapixel-expected >> text=take about")
    page.click("#megapixel-portraits [data-name=rembrandt]")
    page.wait_for_selector("#megapixel-source-note >> text=gains nothing")
    page.click("#megapixel-run")
    page.wait_for_selector("#megapixel-drivers-note [role=alert] >> text=Choose at least one clip")


@pytest.mark.skipif("talking-head" not in engines.available(), reason="this copy has no talking head")
def test_somebody_who_was_learned_is_filmed_in_the_browser(opened: Open) -> None:
    page = opened()
    page.get_by_role("tab", name="Few-shot").click()
    page.click("#learn > button")
    page.click("#learn-run")
    page.wait_for_selector("#learn-pictures-note [role=alert] >> text=Choose pictures")
    assert page.inner_text("#learn-stage").startswith("Nobody was taught")
    page.click("#person-drivers [data-name=smile]")
    _enter(page, "#person-end", 0.1)
    page.click("#person-run")
    page.wait_for_selector("#person-stage figure[data-stage=done] a >> nth=1")
    assert page.locator("#person-stage figure[data-stage=done] b").all_inner_texts() == ["Before", "After"]
