// Places of a face on its picture, moved by pointer or arrow keys.
let held = null;
const svg = () => element.querySelector('svg');
const place = event => {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg().getScreenCTM().inverse());
  const [left, top, width, height] = props.box;
  return [Math.min(Math.max(point.x, left), left + width), Math.min(Math.max(point.y, top), top + height)];
};
const move = (handle, [x, y]) => handle.setAttribute('transform', `translate(${x} ${y})`);
const commit = (name, [x, y]) => {
  const round = number => Math.round(number * 10) / 10;
  props.value = { ...props.value, places: { ...props.value.places, [name]: [round(x), round(y)] }, moved: true };
  trigger('moved');
};
element.addEventListener('pointerdown', event => {
  held = event.target.closest('.lp-handle');
  if (!held) return;
  held.setPointerCapture(event.pointerId);
  held.focus({ preventScroll: true });
  event.preventDefault();
});
element.addEventListener('pointermove', event => { if (held) move(held, place(event)); });
element.addEventListener('pointerup', event => {
  if (!held) return;
  const name = held.dataset.name;
  held = null;
  commit(name, place(event));
});
element.addEventListener('pointercancel', () => { held = null; });
element.addEventListener('keydown', event => {
  const handle = event.target.closest('.lp-handle');
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!handle || !way) return;
  event.preventDefault();
  const [x, y] = props.value.places[handle.dataset.name];
  const step = props.box[3] * (event.shiftKey ? 0.02 : 0.005);
  commit(handle.dataset.name, [x + way[0] * step, y + way[1] * step]);
});
