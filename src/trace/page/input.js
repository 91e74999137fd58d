/* Moves the view: wheel, drag, touch, keys; and the search. */

const calm = matchMedia("(prefers-reduced-motion: reduce)");
let flight = 0;

function clampView(to) {
  const most = X.span * 1.04, size = Math.min(Math.max(to.u1 - to.u0, X.least), most), middle = (to.u0 + to.u1) / 2;
  let u0 = to.u1 - to.u0 === size ? to.u0 : middle - size / 2;
  u0 = Math.min(Math.max(u0, -X.span * 0.02 - size * 0.02), X.span * 1.02 - size + size * 0.02);
  if (size === most) u0 = -X.span * 0.02;
  return { u0, u1: u0 + size, y: Math.min(Math.max(to.y ?? view.y, 0), rest()) };
}

function go(to) {
  cancelAnimationFrame(flight);
  flight = 0;
  Object.assign(view, clampView(to));
  redraw();
}

/** Goes there over some frames, unless motion is unwanted. */
function glide(to) {
  const from = { u0: view.u0, u1: view.u1, y: view.y }, goal = clampView(to), start = performance.now(), LONG = 170;
  cancelAnimationFrame(flight);
  if (calm.matches) return go(goal);
  const step = (now) => {
    const part = Math.min(1, Math.max(0, now - start) / LONG), ease = 1 - (1 - part) ** 3;
    for (const key of ["u0", "u1", "y"]) view[key] = part === 1 ? goal[key] : from[key] + (goal[key] - from[key]) * ease;
    flight = part < 1 ? requestAnimationFrame(step) : 0;
    redraw();
  };
  flight = requestAnimationFrame(step);
}

const fitAll = () => glide({ u0: -X.span * 0.02, u1: X.span * 1.02 });
/** Zooms so that what is at `x` stays there. */
function zoom(factor, x = view.gutter + (view.width - view.gutter) / 2, by = go) {
  const at = unpx(Math.max(x, view.gutter)), size = Math.min(Math.max((view.u1 - view.u0) * factor, X.least), X.span * 1.04);
  const part = (at - view.u0) / (view.u1 - view.u0);
  by({ u0: at - part * size, u1: at + (1 - part) * size });
}
const pan = (part, by = go) => by({ u0: view.u0 + part * (view.u1 - view.u0), u1: view.u1 + part * (view.u1 - view.u0) });

/** Selects a poll, a task or a sleep, and brings it into view. */
function select(what, jump = true) {
  chosen.poll = what.poll ?? -1;
  chosen.sleep = what.sleep ?? -1;
  chosen.task = what.task ?? (chosen.poll >= 0 ? P.task[chosen.poll] : -1);
  if (chosen.task >= 0 && rowOf[chosen.task] < 0) { search.only = false; layOut(); }
  tell();
  markRow();
  if (jump) bringIntoView();
  redraw();
}

function bringIntoView() {
  stage.scrollIntoView({ block: "nearest" });
  const room = view.height - top0, to = { u0: view.u0, u1: view.u1, y: view.y };
  if (chosen.task >= 0) {
    const top = rowOf[chosen.task] * view.row;
    if (top < view.y || top + view.row > view.y + room) to.y = top - room / 2 + view.row / 2;
  }
  const [a, b] = chosen.poll >= 0 ? [X.p0[chosen.poll], X.p1[chosen.poll]] : chosen.sleep >= 0 ? [X.z0[chosen.sleep], X.z1[chosen.sleep]] : [NaN, NaN];
  const size = view.u1 - view.u0;
  if (a < view.u0 + size * 0.03 || b > view.u1 - size * 0.03) {
    const wide = Math.max(size, (b - a) * 1.6);
    Object.assign(to, { u0: (a + b) / 2 - wide / 2, u1: (a + b) / 2 + wide / 2 });
  }
  glide(to);
}

/** Shows what is selected as large as it can be read, with its wake. */
function focusOn() {
  const poll = chosen.poll;
  if (poll < 0) return;
  const from = Math.min(X.p0[poll], X.pw[poll] || X.p0[poll]), size = Math.max(X.p1[poll] - from, X.least / 4);
  glide({ u0: from - size, u1: from + size * 2 });
}

/** What is under a point: a poll of the loop's or its sleep; in a lane the poll that is nearest, else the gap before one. */
function under(x, y) {
  if (y < AXIS || (y < top0 && x < view.gutter)) return {};
  if (y < top0) {
    const poll = lowerBound(0, P.n, (k) => X.p1[k] >= unpx(x - 2)), sleep = lowerBound(0, Z.n, (k) => X.z1[k] >= unpx(x - 1));
    if (poll < P.n && px(X.p0[poll]) <= x + 2) return { poll };
    return sleep < Z.n && px(X.z0[sleep]) <= x + 1 ? { sleep } : {};
  }
  const task = laneAt(y);
  if (task < 0) return {};
  if (x < view.gutter) return { task };
  const polls = pollsOf(task), gap = lowerBound(0, polls.length, (k) => X.p1[polls[k]] >= unpx(x));
  const apart = (k) => Math.max(px(X.p0[polls[k]]) - x, x - px(X.p1[polls[k]]) - 2, 0);
  const near = largest([gap - 1, gap].filter((k) => k in polls && apart(k) <= 5), (k) => -apart(k));
  return near >= 0 ? { task, poll: polls[near] } : { task, gap };
}

function showTip(hit, x, y) {
  const tip = $("tip"), words = tipWords(hit);
  tip.hidden = !words;
  if (!words) return;
  tip.replaceChildren(make("b", {}, words[0]), make("br"), words[1]);
  const left = x + 16 + tip.offsetWidth > view.width ? x - 12 - tip.offsetWidth : x + 16;
  tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.min(y + 16, view.height - tip.offsetHeight - 6)}px)`;
}

/** A title and a line on what is under the pointer. */
function tipWords({ poll = -1, sleep = -1, task = -1, gap }) {
  if (poll >= 0) return [`${taskLink(P.task[poll]).text} ran ${dur(took(poll))}`, short(asText(["because ", ...causeWords(P, poll, P.task[poll])]), 160)];
  if (sleep >= 0) return [`asleep for ${dur(Z.end[sleep] - Z.start[sleep])}`, count(Z.events[sleep], "event") + " from the kernel"];
  if (task < 0) return null;
  const name = taskLink(task).text;
  if (gap === undefined) return [name, siteOf(task) || "spawned before the recording"];
  const polls = pollsOf(task), last = polls[gap - 1] ?? -1, next = polls[gap] ?? -1, u = unpx(view.hover.x);
  const [w, i] = next >= 0 ? [P, next] : R.at.has(task) ? [R, R.at.get(task)] : [null, -1];
  if (u < X.t0[task] || (next < 0 && !isNaN(T.ended[task])) || (last < 0 && isNaN(T.spawned[task]))) return null;
  if (w && u >= (w === P ? X.pw : X.rw)[i]) return [`${name} stands ready`, next >= 0 ? `for ${dur(delay(next))}` : "to the end of the recording"];
  if (last < 0) return [`${name} has not been polled`, KIND[T.kind[task]]];
  return [`${name} waits ${dur((w ? w.woken[i] || P.start[i] : SPAN) - P.end[last])}`, short(asText(["for ", ...leafWords(P.on[last])]), 160)];
}

const pointers = new Map();
let pressed = null;

const placeOf = (event) => { const box = canvas.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };

function pointerDown(event) {
  if (event.button > 0) return;
  const at = placeOf(event);
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, at);
  pressed = { ...at, u0: view.u0, u1: view.u1, vy: view.y, moved: pressed?.moved && pointers.size > 1, range: event.shiftKey && at.x > view.gutter ? unpx(at.x) : null };
  canvas.focus({ preventScroll: true });
}

function pointerMove(event) {
  const at = placeOf(event);
  if (!pointers.has(event.pointerId)) return hover(at, event);
  const before = pointers.get(event.pointerId);
  pointers.set(event.pointerId, at);
  $("tip").hidden = true;
  if (pointers.size > 1) return pinch(event.pointerId, before, at);
  if (Math.hypot(at.x - pressed.x, at.y - pressed.y) > 4) pressed.moved = true;
  if (!pressed.moved) return;
  if (pressed.range !== null) { view.range = [pressed.range, unpx(at.x)]; return redraw(); }
  canvas.classList.add("held");
  const shift = (pressed.x - at.x) / (view.width - view.gutter) * (pressed.u1 - pressed.u0);
  go({ u0: pressed.u0 + shift, u1: pressed.u1 + shift, y: pressed.vy + pressed.y - at.y });
}

/** Two fingers: what lies under each stays under it. */
function pinch(id, before, at) {
  const other = [...pointers].find(([one]) => one !== id)[1];
  const grown = Math.max(24, Math.abs(before.x - other.x)) / Math.max(24, Math.abs(at.x - other.x));
  zoom(grown, (at.x + other.x) / 2);
  pan((before.x - at.x) / 2 / (view.width - view.gutter));
  pressed.moved = true;
}

function pointerUp(event) {
  const at = placeOf(event), was = pointers.delete(event.pointerId);
  canvas.classList.remove("held");
  if (view.range) { const [a, b] = view.range.sort((x, y) => x - y); view.range = null; if (event.type === "pointerup") glide({ u0: a, u1: b }); }
  if (was && event.type === "pointerup" && !pressed.moved && pointers.size === 0) { const hit = under(at.x, at.y); select(hit.poll >= 0 ? { poll: hit.poll } : hit, false); }
  if (pointers.size === 1) { const [rest] = pointers.values(); pressed = { ...rest, u0: view.u0, u1: view.u1, vy: view.y, moved: true, range: null }; }
  redraw();
}

function hover(at, event) {
  if (event.pointerType === "touch") return;
  const hit = under(at.x, at.y);
  view.hover = { ...at, poll: hit.poll ?? -1 };
  canvas.classList.toggle("link", hit.poll >= 0 || hit.sleep >= 0 || (at.x < view.gutter && hit.task >= 0));
  showTip(hit, at.x, at.y);
  redraw();
}

/** With ctrl, as a pinch on a touchpad sends it, the wheel zooms; plain, it scrolls the lanes, or zooms if all are seen. */
function wheel(event) {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 200 : 1, dx = event.deltaX * unit, dy = event.deltaY * unit;
  const x = event.clientX - canvas.getBoundingClientRect().left;
  if (event.ctrlKey || event.metaKey) return zoom(Math.exp(Math.max(-60, Math.min(60, dy)) * 0.01), x);
  if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) return pan((event.shiftKey ? dx || dy : dx) / (view.width - view.gutter));
  if (event.currentTarget === overview || rest() === 0 || placeOf(event).y < top0) return zoom(Math.exp(Math.max(-200, Math.min(200, dy)) * 0.002), x);
  go({ u0: view.u0, u1: view.u1, y: view.y + dy });
}

function overviewDrag(event) {
  if (event.type === "pointerdown") { overview.setPointerCapture(event.pointerId); overview.classList.add("held"); }
  if (event.type === "pointerup" || event.type === "pointercancel") return overview.classList.remove("held");
  if (!overview.classList.contains("held")) return;
  const middle = overU(event.clientX - overview.getBoundingClientRect().left), size = view.u1 - view.u0;
  go({ u0: middle - size / 2, u1: middle + size / 2 });
}

// ---- the search

function find(value) {
  search.text = value.trim().toLowerCase();
  const id = search.text.replace(/^(task\s+|#)/, "");
  search.hits = search.text ? all(T.n).filter((task) => String(T.id[task]) === id || nameOf(task).toLowerCase().includes(search.text) || siteOf(task).toLowerCase().includes(search.text)) : [];
  search.set = new Set(search.hits);
  search.at = search.hits.findIndex((task) => String(T.id[task]) === id);
  if (search.at < 0) search.at = search.hits.length ? 0 : -1;
  if (!search.text) search.only = false;
  $("only").hidden = !search.hits.length;
  layOut();
  showHit();
}

function showHit() {
  $("found").textContent = !search.text ? "" : search.hits.length ? `${search.at + 1} of ${search.hits.length}` : "none";
  if (search.at >= 0) select({ task: search.hits[search.at] });
  redraw();
}

function nextHit(by) {
  if (!search.hits.length) return;
  search.at = (search.at + by + search.hits.length) % search.hits.length;
  showHit();
}

/** Gives each task that is shown its lane. */
function layOut() {
  shown = search.only && search.hits.length ? search.hits : all(T.n);
  rowOf = new Int32Array(T.n).fill(-1);
  shown.forEach((task, row) => (rowOf[task] = row));
  $("only").setAttribute("aria-pressed", search.only);
  redraw();
}
