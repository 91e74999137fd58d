/* Wires the page together. */

const KEYS = [
  ["Wheel, pinch", "zoom where the pointer is; if there are more lanes than fit, the plain wheel scrolls them and Ctrl+wheel zooms"],
  ["Drag, two fingers", "pan; with Shift, choose a stretch to zoom to"],
  ["← → or A D", "pan"],
  ["+ − or W S", "zoom"],
  ["↑ ↓, Page up, Page down", "scroll the lanes"],
  ["0", "show everything"],
  ["Enter", "select a poll; once more, zoom to it"],
  ["Tab, Shift+Tab", "with a poll selected: to the poll that ran next, or before"],
  ["[ ]", "to the previous or next poll of the same task"],
  ["Escape", "let go of what is selected"],
  ["/", "search; Enter goes to the next match"],
  ["O", "polls by time, or one after the other"],
  ["T", "dark or light"],
];

/** Keeps the moment in the middle where it was. */
function setAxis(scale) {
  const times = [X.time(view.u0), X.time(view.u1)], whole = view.u1 - view.u0 >= X.span;
  X = scale;
  $("axis").setAttribute("aria-pressed", X.name === "order");
  if (whole) go({ u0: -X.span * 0.02, u1: X.span * 1.02 }); else go({ u0: X.at(times[0]), u1: X.at(times[1]) });
  if (chosen.poll >= 0 || chosen.sleep >= 0) bringIntoView();
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").setAttribute("aria-label", name === "dark" ? "Switch to light" : "Switch to dark");
  readColours();
  redraw();
}
const otherTheme = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");

/** Walks the polls in the order in which they ran; false at either end, where Tab leaves the timeline. */
function walk(by) {
  const to = chosen.poll + by;
  if (chosen.poll < 0 || to < 0 || to >= P.n) return false;
  select({ poll: to });
  return true;
}

function enter() {
  if (chosen.poll >= 0) return focusOn();
  if (!P.n) return;
  if (chosen.task >= 0 && pollsOf(chosen.task).length) return select({ poll: pollsOf(chosen.task)[0] });
  select({ poll: Math.min(P.n - 1, lowerBound(0, P.n, (poll) => X.p1[poll] >= Math.max(view.u0, 0))) });
}

const besides = (by) => { const to = chosen.poll >= 0 ? neighbour(chosen.poll, by) : -1; if (to >= 0) select({ poll: to }); };
const scroll = (by) => glide({ u0: view.u0, u1: view.u1, y: view.y + by });
const LANE_KEYS = {
  ArrowLeft: () => pan(-0.15, glide), ArrowRight: () => pan(0.15, glide), a: () => pan(-0.15, glide), d: () => pan(0.15, glide),
  w: () => zoom(0.6, view.hover?.x, glide), s: () => zoom(1 / 0.6, view.hover?.x, glide),
  ArrowUp: () => scroll(-view.row * 2), ArrowDown: () => scroll(view.row * 2),
  PageUp: () => scroll(top0 - view.height), PageDown: () => scroll(view.height - top0),
  Home: () => pan(-(view.u0 / (view.u1 - view.u0)), glide), End: () => pan((X.span - view.u1) / (view.u1 - view.u0), glide),
  Enter: enter,
};
const PAGE_KEYS = {
  "+": () => zoom(0.6, undefined, glide), "=": () => zoom(0.6, undefined, glide), "-": () => zoom(1 / 0.6, undefined, glide), "0": fitAll,
  "[": () => besides(-1), "]": () => besides(1), "/": () => { $("find").focus(); $("find").select(); }, "?": () => $("help").showModal(),
  o: () => $("axis").click(), t: otherTheme, Escape: () => { $("tip").hidden = true; select({}, false); },
};

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open || event.target.matches("input")) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key, atLanes = event.target === canvas;
  if (name === "Tab" && atLanes) { if (walk(event.shiftKey ? -1 : 1)) event.preventDefault(); return; }
  const act = PAGE_KEYS[name] ?? (atLanes || event.target === document.body ? LANE_KEYS[name] : null);
  if (!act) return;
  event.preventDefault();
  act();
}

function wire() {
  for (const one of [canvas, overview]) one.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("pointerdown", pointerDown);
  canvas.addEventListener("pointermove", pointerMove);
  canvas.addEventListener("pointerup", pointerUp);
  canvas.addEventListener("pointercancel", pointerUp);
  canvas.addEventListener("pointerleave", () => { view.hover = null; $("tip").hidden = true; redraw(); });
  canvas.addEventListener("dblclick", () => (chosen.poll >= 0 ? focusOn() : 0));
  for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) overview.addEventListener(kind, overviewDrag);
  document.addEventListener("keydown", key);
  $("in").onclick = () => zoom(0.6, undefined, glide);
  $("out").onclick = () => zoom(1 / 0.6, undefined, glide);
  $("fit").onclick = fitAll;
  $("axis").onclick = () => setAxis(X.name === "time" ? byOrder() : byTime());
  $("only").onclick = () => { search.only = !search.only; layOut(); bringIntoView(); };
  $("theme").onclick = otherTheme;
  $("keys").onclick = PAGE_KEYS["?"];
  $("search").onsubmit = (event) => event.preventDefault();
  $("find").oninput = (event) => find(event.target.value);
  $("find").onkeydown = (event) => {
    if (event.key === "Enter") nextHit(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") { event.target.value = ""; find(""); canvas.focus(); }
  };
  new ResizeObserver(redraw).observe(stage);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  setTheme(dark.matches ? "dark" : "light");
}

function main() {
  const keys = make("dl");
  for (const [name, does] of KEYS) keys.append(make("dt", {}, make("kbd", {}, name)), make("dd", {}, does));
  $("help").append(make("h2", {}, "Keys and gestures"), keys, make("form", { method: "dialog" }, make("button", {}, "Close")));
  // Where no time passes, as under a virtual clock that never jumps, only the order can be shown.
  X = SPAN > 0 ? byTime() : byOrder();
  $("axis").setAttribute("aria-pressed", X.name === "order");
  Object.assign(view, { u0: -X.span * 0.02, u1: X.span * 1.02 });
  makeFacts();
  makeTabs();
  wire();
  layOut();
  tell();
  showTable(0);
}
main();
