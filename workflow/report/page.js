// Players, filter, sort and keys of the report. One audio element plays whichever clip was asked for.
"use strict";

const clips = JSON.parse(document.getElementById("clips").textContent);
const audio = new Audio();
const utterances = [...document.querySelectorAll(".utterance")];
let player = null; // the .player that `audio` holds
let current = null; // the utterance that the keys act on

// ---- players -------------------------------------------------------------------------------------------------------
function source(element) {
  const text = clips[element.dataset.clip];
  if (!text) return element.dataset.wav;
  if (!element.dataset.url) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    element.dataset.url = URL.createObjectURL(new Blob([bytes], { type: "audio/mpeg" }));
  }
  return element.dataset.url;
}

function take(element) {
  if (player === element) return;
  stop();
  player = element;
  player.classList.add("used");
  audio.src = source(element);
}

function stop() {
  if (!player) return;
  audio.pause();
  show(0);
  player.classList.remove("used", "playing");
  player = null;
}

function start(element) {
  take(element);
  return audio.play().catch(() => player?.classList.add("failed"));
}

function toggle(element) {
  if (player === element && !audio.paused) audio.pause();
  else start(element);
}

function show(seconds) {
  const length = Number(player.dataset.seconds);
  player.querySelector(".playhead").style.left = `${Math.min(100, (100 * seconds) / length)}%`;
  player.querySelector(".now").textContent = seconds.toFixed(1);
  player.querySelector(".seek").value = seconds;
}

function seek(element, seconds) {
  take(element);
  const go = () => { audio.currentTime = Math.max(0, Math.min(seconds, Number(element.dataset.seconds))); };
  if (audio.readyState > 0) go();
  else audio.addEventListener("loadedmetadata", go, { once: true });
  show(seconds);
}

function follow() {
  if (!player) return;
  show(audio.currentTime);
  if (!audio.paused) requestAnimationFrame(follow);
}

audio.addEventListener("play", () => { player.classList.add("playing"); label(player, "Pause"); follow(); });
audio.addEventListener("pause", () => { if (player) { player.classList.remove("playing"); label(player, "Play"); } });
audio.addEventListener("ended", () => { if (player) { audio.currentTime = 0; show(0); } });

function label(element, verb) {
  const button = element.querySelector(".play");
  button.setAttribute("aria-label", button.getAttribute("aria-label").replace(/^\w+/, verb));
}

for (const element of document.querySelectorAll(".player")) {
  element.querySelector(".play").addEventListener("click", () => { choose(element.closest(".utterance")); toggle(element); });
  element.querySelector(".seek").addEventListener("input", (event) => seek(element, Number(event.target.value)));
  element.querySelector(".seek").addEventListener("click", () => { choose(element.closest(".utterance")); start(element); });
}

// ---- filter and sort -----------------------------------------------------------------------------------------------
const control = Object.fromEntries(["find", "kind", "sort", "descending", "suspect", "count"].map((id) => [id, document.getElementById(id)]));

function filter() {
  const words = control.find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const utterance of utterances) {
    const text = utterance.querySelector("header").textContent.toLowerCase();
    utterance.hidden = !words.every((word) => text.includes(word))
      || (control.kind.value && utterance.dataset.kind !== control.kind.value)
      || (control.suspect.checked && !("suspect" in utterance.dataset));
    shown += !utterance.hidden;
  }
  control.count.value = `${shown} of ${utterances.length}`;
}

function sort() {
  const key = control.sort.value;
  const sign = control.descending.checked ? -1 : 1;
  const value = (utterance) => (key ? JSON.parse(utterance.dataset.values)[key] : Number(utterance.dataset.order)) ?? null;
  const ordered = utterances
    .map((utterance) => [value(utterance), utterance])
    .sort(([a], [b]) => (a === null) - (b === null) || sign * (a - b)); // what has no value comes last either way
  document.getElementById("utterances").append(...ordered.map(([, utterance]) => utterance));
}

for (const name of ["find", "kind", "suspect"]) control[name].addEventListener("input", filter);
for (const name of ["sort", "descending"]) control[name].addEventListener("input", sort);
document.querySelector(".toolbar").addEventListener("submit", (event) => event.preventDefault());

// ---- keys ----------------------------------------------------------------------------------------------------------
function choose(utterance, scroll = false) {
  if (!utterance) return;
  current?.classList.remove("current");
  current = utterance;
  current.classList.add("current");
  if (scroll) { current.focus({ preventScroll: true }); current.scrollIntoView({ block: "center" }); }
}

function step(by) {
  const shown = [...document.querySelectorAll(".utterance:not([hidden])")];
  const next = current ? shown.indexOf(current) + by : 0;
  if (shown[next]) choose(shown[next], true);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not(.seek), select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "/") control.find.focus();
  else if (current && /^[1-9]$/.test(event.key)) {
    const found = current.querySelectorAll(".cell")[event.key - 1]?.querySelector(".player");
    if (found) toggle(found);
  } else if (player && event.key === " " && !event.target.matches("button, summary, a")) toggle(player);
  else if (player && event.key === "ArrowLeft") seek(player, audio.currentTime - 1);
  else if (player && event.key === "ArrowRight") seek(player, audio.currentTime + 1);
  else return;
  event.preventDefault();
}
document.addEventListener("keydown", press);

// ---- the page ------------------------------------------------------------------------------------------------------
const links = new Map([...document.querySelectorAll(".sections a")].map((link) => [link.hash.slice(1), link]));
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) links.get(entry.target.id).toggleAttribute("aria-current", entry.isIntersecting);
}, { rootMargin: "-45% 0px -50% 0px" });
document.querySelectorAll("main > section").forEach((section) => watcher.observe(section));

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((element) => { element.open = true; });
});
addEventListener("afterprint", () => opened.forEach((element) => { element.open = false; }));
