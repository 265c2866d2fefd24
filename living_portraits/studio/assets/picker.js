// A shelf of pictures or clips to choose from. Clips play under the pointer or the focus.
const pick = event => event.target.closest('.lp-pick');
const play = event => {
  const clip = pick(event)?.querySelector('video');
  if (clip) { clip.muted = true; clip.play().catch(() => {}); }
};
const rest = event => {
  const button = pick(event);
  if (button && !button.contains(event.relatedTarget)) button.querySelector('video')?.pause();
};
element.addEventListener('pointerover', play);
element.addEventListener('focusin', play);
element.addEventListener('pointerout', rest);
element.addEventListener('focusout', rest);
element.addEventListener('click', event => {
  const name = pick(event)?.dataset.name;
  if (!name) return;
  const chosen = props.value || [];
  const others = props.multiple ? chosen.filter(other => other !== name) : [];
  props.value = chosen.includes(name) ? others : [...others, name];
  trigger('picked');
});
