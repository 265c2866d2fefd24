// The browser's camera drives a portrait. Two frames are on their way at once, so that the server looks at one while it
// paints the other; each is the camera's newest when it leaves, and what comes back too late is not shown.
const LANES = 2, WIDTH = 480, QUALITY = 0.8, RECENT = 30;
let seat = null, stream = null, rest = false;
const part = name => element.querySelector(name);
const say = text => {
  const place = part('.lp-live-says');
  if (place && place.textContent !== text) place.textContent = text;
};
const end = () => {
  if (stream) stream.getTracks().forEach(track => track.stop());
  stream = null;
  seat = null;
};
const refused = why => { end(); trigger('ended', { why }); };
const median = numbers => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const nextFrame = camera => new Promise(done => {
  if (!camera.requestVideoFrameCallback) { requestAnimationFrame(() => done(performance.now())); return; }
  camera.requestVideoFrameCallback((now, about) => done(about.captureTime || now));
});

const drive = async (mine, camera) => {
  const paper = document.createElement('canvas');
  const taken = [], ages = [];
  let sent = 0, shown = 0, turn = Promise.resolve(), said = 0, state = 'searching';
  const picture = async () => {
    const at = await nextFrame(camera);
    paper.width = Math.min(WIDTH, camera.videoWidth);
    paper.height = Math.round(paper.width * camera.videoHeight / camera.videoWidth);
    paper.getContext('2d').drawImage(camera, 0, 0, paper.width, paper.height);
    sent += 1;
    return { at, number: sent, data: paper.toDataURL('image/jpeg', QUALITY) };
  };
  const tell = now => {
    if (now - said < 1000) return;
    said = now;
    const fps = ages.length > 1 ? 1000 * (taken.length - 1) / (taken[taken.length - 1] - taken[0]) : 0;
    const figures = props.words.figures.replace('%ms', Math.round(median(ages))).replace('%fps', fps.toFixed(1));
    say(state === 'live' ? `${props.words.live} ${figures}` : props.words[state]);
  };
  const lane = async () => {
    while (seat === mine) {
      turn = turn.then(picture);
      const { at, number, data } = await turn;
      if (seat !== mine) return;
      const asked = rest;
      rest = false;
      const answer = await server.frame({ seat: mine, picture: data, rest: asked });
      if (seat !== mine) return;
      if (answer.state === 'ended') { refused('seat'); return; }
      state = answer.state;
      if (number < shown) continue;
      shown = number;
      const view = part('.lp-live-picture');
      if (!view) return;
      view.src = answer.picture;
      await view.decode().catch(() => {});
      const now = performance.now();
      taken.push(now);
      ages.push(now - at);
      if (ages.length > RECENT) { ages.shift(); taken.shift(); }
      element.dataset.shown = shown;
      element.dataset.latency = Math.round(median(ages));
      element.dataset.state = state;
      tell(now);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
};

const begin = async mine => {
  seat = mine;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, facingMode: 'user' } });
  } catch { refused('camera'); return; }
  if (seat !== mine) { end(); return; }
  const camera = part('.lp-live-camera');
  camera.srcObject = stream;
  try {
    await camera.play();
    await drive(mine, camera);
  } catch { if (seat === mine) refused('lost'); }
};

watch('value', () => {
  const wanted = props.value?.seat || null;
  if (wanted === seat) return;
  const before = seat;
  end();
  if (before) server.leave(before).catch(() => {});  // when nothing asks for it any more
  if (wanted) begin(wanted);
});
element.addEventListener('click', event => { if (event.target.closest('.lp-live-rest')) rest = true; });
