// Films of one length play in step: the first leads. Portrait and clips beside them are shown on demand.
const films = () => [...element.querySelectorAll('video.lp-film')].filter(film => film.offsetParent !== null);
const like = film => films().filter(other => other !== film && Math.abs(other.duration - film.duration) < 0.1);
const DRIFT = 0.12;
let busy = false;
const together = (film, change) => {
  if (busy) return;
  busy = true;
  like(film).forEach(change);
  setTimeout(() => { busy = false; }, 60);
};
const on = (name, change) => element.addEventListener(name, event => {
  const film = event.target;
  if (film.matches?.('video.lp-film')) together(film, other => change(film, other));
}, true);
const align = (film, other) => {
  if (Math.abs(other.currentTime - film.currentTime) > DRIFT) other.currentTime = film.currentTime;
};
on('play', (film, other) => { align(film, other); other.play().catch(() => {}); });
on('pause', (film, other) => { if (!film.ended && !film.seeking) other.pause(); });
on('seeked', align);
on('timeupdate', (film, other) => { if (film === films()[0]) align(film, other); });
element.addEventListener('change', event => {
  if (!event.target.matches('.lp-beside')) return;
  element.querySelector('.lp-films').classList.toggle('lp-with-extras', event.target.checked);
  const lead = element.querySelector('figure:not(.lp-extra) video.lp-film');
  element.querySelectorAll('.lp-extra video').forEach(clip => {
    if (!event.target.checked) { clip.pause(); return; }
    clip.currentTime = lead?.currentTime || 0;
    if (!lead?.paused) clip.play().catch(() => {});
  });
});
