"""The studio for scripts: the same films through `gradio_client`."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

import gradio_client as client
import httpx
from open_studio import ROOT, Server
from PIL import Image

from living_portraits import engines, motion_file, provenance, samples, video

MOMENT = {"start": 0.0, "end": 0.12, "size": 256}

Connect = Callable[[], Any]


@pytest.fixture
def connect(server: Server, tmp_path: Path) -> Connect:
    return lambda: client.Client(server.url, verbose=False, download_files=str(tmp_path))


@pytest.fixture(scope="session")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames of a motion that was measured before: nothing has to be tracked."""
    import drawn

    track = drawn.driver(frames=3)
    path = tmp_path_factory.mktemp("motion") / "nod.motion"
    motion_file.save_motion(path, track.points, track.blendshapes, track.fps)
    return path


def test_films_their_other_forms_and_their_figures(connect: Connect) -> None:
    job = connect().submit(
        source=client.handle_file(samples.rembrandt), drivers=["talk", "smile"], also=["gif", "frames"], **MOMENT,
        api_name="/animate",
    )  # fmt: skip
    files, report = job.result(timeout=180)
    names = sorted(Path(file).name for file in files)
    films = ["rembrandt_smile", "rembrandt_talk"]
    assert names == sorted(
        [f"{film}.{form}" for film in films for form in ("mp4", "gif", "zip", "motion")] + ["settings.json"]
    )
    for file in files:
        if Path(file).suffix in (".mp4", ".gif"):
            assert provenance.verify(Path(file)).intact, file
    assert [film["stage"] for film in report["films"]] == ["done", "done"]
    assert report["films"][0]["missing"] == 0.0 and report["films"][0]["fps"] > 0
    stages = {film["stage"] for _, shown in job.outputs() for film in shown["films"]}
    assert {"waiting", "done"} < stages  # it says how far it is


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"drivers": ["smile"], "source": samples.astronaut}, "tick the sentence about consent"),
        ({"drivers": []}, "at least one clip"),
        ({"drivers": ["smile"], "start": 100.0, "end": 101.0}, "smile.mp4"),
        ({"drivers": ["smile"], "face": 5}, "no face number 5"),
        ({"drivers": ["smile"], "points": {"places": {"chin": "here"}, "moved": True}}, "no possible face"),
        ({"drivers": ["smile"], "language": "it", "source": samples.astronaut}, "consenso"),
    ],
)
def test_what_cannot_be_filmed_gets_one_sentence(connect: Connect, given: dict[str, Any], words: str) -> None:
    given = MOMENT | {"source": samples.mona_lisa} | given
    given["source"] = client.handle_file(given["source"])
    with pytest.raises(client.exceptions.AppError, match=words) as error:
        connect().predict(**given, api_name="/animate")
    assert "/" not in str(error.value)  # nobody's folders are told


def test_landmarks_and_compare_and_check(connect: Connect, motion: Path) -> None:
    user = connect()
    source = client.handle_file(samples.erasmus)
    found = user.predict(source=source, face=0, api_name="/landmarks")
    assert found["faces"] == 1 and len(found["lines"]) == 9
    x, y = found["places"]["chin"]
    moved = {"places": found["places"] | {"chin": [x + 5, y]}, "moved": True}
    assert user.predict(source=source, face=0, points=moved, api_name="/landmarks")["places"]["chin"][0] > x + 4
    files, report = user.predict(
        source=source, clips=[client.handle_file(motion)], end=0.12, api_name="/compare"
    )  # fmt: skip
    assert {film["engine"] for film in report["films"]} == set(engines.available()) > {"guided", "student", "puppet"}
    said = user.predict(file=client.handle_file(files[0]), api_name="/check_film")
    assert said["made_here"] and said["intact"] and said["claim"]["engine"] == "guided"


def test_comparing_leaves_out_an_engine_that_does_not_know_the_portrait(
    connect: Connect, motion: Path, tmp_path: Path
) -> None:
    mirrored = tmp_path / "mirrored.png"
    Image.open(samples.astronaut).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored)
    order = {"source": client.handle_file(mirrored), "clips": [client.handle_file(motion)], "consent": True}
    _, report = connect().predict(**order, end=0.08, api_name="/compare")
    assert {film["engine"] for film in report["films"]} == set(engines.available()) - {"student"}
    assert all(film["stage"] == "done" for film in report["films"])


def test_a_large_film_stands_beside_one_of_the_usual_size(connect: Connect, motion: Path) -> None:
    order = {"portraits": ["girl_with_a_pearl_earring"], "clips": [client.handle_file(motion)]}
    files, report = connect().predict(**order, api_name="/megapixel")
    films = [file for file in map(Path, files) if file.suffix == ".mp4"]
    shapes = [(video.probe(film).width, video.probe(film).height) for film in films]
    assert [height for _, height in shapes] == [512, 1024]
    assert [width for width, _ in shapes] == pytest.approx(
        [490, 980], abs=3
    )  # the picture ends a little before the square
    small, large = report["films"]
    assert (small["size"], large["size"], large["version"]) == (512, 1024, "1024 px")
    assert small["ms"] > 0 and large["ms"] > 0  # one run on a busy machine cannot tell which is quicker
    with pytest.raises(client.exceptions.AppError, match="tick the sentence about consent"):
        connect().predict(
            source=client.handle_file(samples.astronaut), drivers=["smile"], end=0.1, api_name="/megapixel"
        )


@pytest.mark.skipif("talking-head" not in engines.available(), reason="this copy has no talking head")
def test_somebody_who_was_learned_is_filmed_for_a_script(connect: Connect, motion: Path) -> None:
    user = connect()
    assert "ada" in user.predict(api_name="/people")
    files, report = user.predict(person="ada", clips=[client.handle_file(motion)], api_name="/person")
    assert [film["version"] for film in report["films"]] == ["before", "after"]
    film = next(Path(file) for file in files if Path(file).name == "ada_after.mp4")
    found = provenance.verify(film)
    assert found.intact and found.claim["consent"] == "Ada agreed."
    pictures = [client.handle_file(samples.mona_lisa)]
    for given, words in (
        ({"name": "ada", "pictures": pictures}, "called ada is kept already"),
        ({"name": "bert"}, "Choose pictures"),
        ({"name": "bert", "pictures": [client.handle_file(samples.astronaut)]}, "tick the sentence"),
    ):
        with pytest.raises(client.exceptions.AppError, match=words):
            user.predict(**given, api_name="/learn")


def test_a_dancer_dances_for_a_script(connect: Connect, tmp_path: Path) -> None:
    user = connect()
    assert "anna" in user.predict(api_name="/dancers")
    job = user.submit(dancer="anna", choreography=["wave"], end=0.2, times=2, api_name="/dance")
    (film,), report = job.result(timeout=180)
    assert Path(film).name == "anna_wave.mp4" and report["stage"] == "done" and report["total"] == 10
    assert provenance.verify(Path(film)).intact
    with pytest.raises(client.exceptions.AppError, match="no dancer called bert; there are"):
        user.predict(dancer="bert", choreography=["wave"], api_name="/dance")


def test_who_cannot_be_taught_gets_one_sentence(connect: Connect) -> None:
    given = {"target": client.handle_file(samples.smile), "name": "bert", "consent": True, "size": 128}
    for changes, words in ((given | {"name": "anna"}, "called anna already"), (given, "The dancer's|shows nobody")):
        with pytest.raises(client.exceptions.AppError, match=words) as error:
            connect().predict(**changes, api_name="/teach")
        assert "/" not in str(error.value)


def test_run_can_be_pressed_again_after_any_end(server: Server) -> None:
    events = httpx.get(f"{server.url}config", trust_env=False).json()["dependencies"]
    runs = {run for event in events for run in event["cancels"]}
    assert len(runs) >= 5
    for run in runs:
        after = {event["trigger_only_on_failure"] for event in events if event["trigger_after"] == run}
        assert after == {True, False}  # an error, and every other end


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux tells how often a process wakes up")
def test_a_studio_without_work_rests(server: Server) -> None:
    def woken() -> int:
        tasks = Path(f"/proc/{server.process}/task").iterdir()
        lines = [line for task in tasks for line in (task / "status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))

    before = woken()
    time.sleep(2)
    assert woken() - before < 2 * 500  # Gradio's own pace is a thousand times a second


def test_the_tenth_in_the_queue_is_served(connect: Connect, motion: Path) -> None:
    source, clips = client.handle_file(samples.erasmus), [client.handle_file(motion)] * 2
    users = [connect() for _ in range(2)]
    jobs = [
        users[number % 2].submit(source=source, clips=clips, engine="puppet", size=1024, api_name="/animate")
        for number in range(10)
    ]
    ranks = set()
    while not jobs[-1].done():
        ranks |= {job.status().rank for job in jobs}  # the last one's film alone may be over before it is told
        time.sleep(0.01)
    folders = {Path(job.result()[0][0]).parent for job in jobs}
    assert len(folders) == 10
    assert max(rank or 0 for rank in ranks) >= 1  # it did stand in the queue, and was told where


@pytest.mark.parametrize(
    ("endpoint", "after"), [("check_film", []), ("landmarks", [0, None])], ids=["a file", "a picture"]
)
def test_files_that_were_not_uploaded_are_refused(server: Server, endpoint: str, after: list[Any]) -> None:
    own = samples.mona_lisa.parent.parent / "geometry.py"  # on the server's machine, and nobody's upload
    stranger = {"path": str(own), "meta": {"_type": "gradio.FileData"}}
    call = f"{server.url}gradio_api/call/{endpoint}"
    event = httpx.post(call, json={"data": [stranger, *after]}, trust_env=False).json()["event_id"]
    answer = httpx.get(f"{call}/{event}", timeout=60, trust_env=False).text
    assert "event: error" in answer and "event: complete" not in answer


def test_a_script_that_leaves_stops_its_film(connect: Connect, server: Server, motion: Path) -> None:
    before = set(server.folder.rglob("juan_de_pareja_smile*.mp4"))
    job = connect().submit(
        source=client.handle_file(samples.juan_de_pareja), drivers=["smile"], size=768, api_name="/animate"
    )
    while not job.outputs():
        time.sleep(0.02)
    job.cancel()
    files, _ = connect().predict(
        source=client.handle_file(samples.erasmus), clips=[client.handle_file(motion)], engine="still", size=256,
        api_name="/animate",
    )  # fmt: skip
    assert files
    assert set(server.folder.rglob("juan_de_pareja_smile*.mp4")) == before


def test_the_examples_of_the_documentation_run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "studio.md").read_text(encoding="utf-8")
    example = "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    shown: list[Any] = []
    exec(example.replace("http://127.0.0.1:7860/", server.url), {"print": lambda *words: shown.extend(words)})
    assert any("mona_lisa_smile.mp4" in str(words) for words in shown)
    assert any(str(words).endswith("_wave.mp4") for words in shown)
