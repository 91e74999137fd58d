/* Draws the timeline. What is smaller than a pixel is drawn together, so that a frame costs what the screen holds and
   not what the recording does. */

const stage = document.getElementById("stage"), canvas = document.getElementById("lanes"), ctx = canvas.getContext("2d");
const overview = document.getElementById("overview"), over = overview.getContext("2d");
const AXIS = 26, LOOP = 34;
/** What is shown: from where to where of the axis, and how far the lanes are scrolled. */
const view = { u0: 0, u1: 1, y: 0, gutter: 200, width: 0, height: 0, row: 34, hover: null, range: null };
/** What is selected, and which tasks the search found. */
const chosen = { poll: -1, task: -1, sleep: -1 };
const search = { text: "", hits: [], set: new Set(), at: -1, only: false };
/** Waits whose colours alone would not tell them apart for everybody. */
const DASHES = { channel: [7, 4], signal: [7, 4], pool: [2.5, 2.5], other: [2.5, 2.5] };
/** The tasks that have a lane, from the top, and by task the place of its lane. */
let shown = [], rowOf = new Int32Array(0);
/** What the last frame took: tests hold it bounded. */
const frame = { rects: 0, arrows: 0, lanes: 0, took: 0 };
let C = {}, hatch, overviewImage;

const px = (u) => view.gutter + (u - view.u0) / (view.u1 - view.u0) * (view.width - view.gutter);
const unpx = (x) => view.u0 + (x - view.gutter) / (view.width - view.gutter) * (view.u1 - view.u0);
const top0 = AXIS + LOOP;
const laneTop = (row) => top0 + row * view.row - view.y;
const laneMiddle = (top) => top + view.row / 2 + (view.row > 30 ? 3 : 0);
const laneAt = (y) => shown[Math.floor((y - top0 + view.y) / view.row)] ?? -1;
const rest = () => Math.max(0, shown.length * view.row + 12 - (view.height - top0));

/** Reads the theme's colours from the style sheet, their one place. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ground", "sheet", "ink", "dim", "hair", "lane", "chosen", "accent", "on-accent", "poll", "poll-text", "slow", "queued", "parked", "parked-ink", "mark", ...CLASSES])
    C[name] = style.getPropertyValue("--" + name).trim();
  const tile = document.createElement("canvas"), pen = tile.getContext("2d");
  tile.width = tile.height = 12;
  pen.strokeStyle = C.queued;
  pen.lineWidth = 3;
  for (const x of [-12, 0, 12]) { pen.moveTo(x - 2, 14); pen.lineTo(x + 14, -2); }
  pen.stroke();
  hatch = ctx.createPattern(tile, "repeat");
  hatch.setTransform(new DOMMatrix().scale(0.5));
  overviewImage = null;
}

function fit(canvas, pen) {
  const ratio = devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [width, height];
}

function rect(x, y, width, height) {
  frame.rects++;
  ctx.fillRect(x, y, width, height);
}

let due = 0;
const redraw = () => { due ||= requestAnimationFrame(draw); };

function draw() {
  due = 0;
  const began = performance.now();
  [view.width, view.height] = fit(canvas, ctx);
  view.gutter = view.width < 620 ? 104 : 216;
  view.row = shown.length > 400 ? 22 : 34;
  view.y = Math.min(Math.max(view.y, 0), rest());
  Object.assign(frame, { rects: 0, arrows: 0, lanes: 0 });
  ctx.fillStyle = C.sheet;
  ctx.fillRect(0, 0, view.width, view.height);
  const first = Math.max(0, Math.floor(view.y / view.row)), last = Math.min(shown.length, Math.ceil((view.y + view.height - top0) / view.row));
  clipped(0, top0, view.width, view.height, () => {
    for (let row = first; row < last; row++) drawGround(row);
    drawTicks();
    clipped(view.gutter, top0, view.width, view.height, () => {
      for (let row = first; row < last; row++) drawLane(shown[row], laneTop(row));
    });
    clipped(0, top0, view.gutter - 6, view.height, () => {
      for (let row = first; row < last; row++) drawName(shown[row], laneTop(row));
    });
  });
  frame.lanes = last - first;
  drawLoop();
  drawAxis();
  clipped(view.gutter, AXIS, view.width, view.height, () => drawArrows(first, last));
  drawCursor();
  drawScrollbar();
  drawOverview();
  frame.took = performance.now() - began;
}

function clipped(x, y, right, bottom, paint) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, right - x, bottom - y);
  ctx.clip();
  paint();
  ctx.restore();
}

const font = (size, weight = 400) => { ctx.font = `${weight} ${size}px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`; };
/** Draws text if it has room, cut to it if need be; but not if it ends with a number, which would be another one then.
    Six pixels a letter are a guess that saves measuring. */
function write(text, x, y, room, colour) {
  if (room < 18) return;
  ctx.fillStyle = colour;
  if (text.length * 6 > room && ctx.measureText(text).width > room) {
    if (/\d( [a-zµ]+)?$/.test(text) && !text.includes("/")) return;
    const most = Math.max(1, Math.floor(text.length * room / ctx.measureText(text).width) - 1);
    text = text.slice(0, most) + (text.includes("\u2068") ? "\u2069…" : "…");
  }
  ctx.fillText(text, x, y);
}

/** Whether the search has found others. */
const faded = (task) => search.set.size > 0 && !search.set.has(task);

function drawGround(row) {
  const task = shown[row], top = laneTop(row), found = search.set.has(task);
  ctx.fillStyle = task === chosen.task ? C.chosen : row % 2 ? C.lane : C.sheet;
  rect(0, top, view.width, view.row);
  if (found) { ctx.fillStyle = C.mark; rect(0, top, view.gutter, view.row); }
}

function drawName(task, top) {
  const small = view.row < 30, name = nameOf(task), id = String(T.id[task]), site = nearSite(siteOf(task)), room = view.gutter - 20;
  ctx.globalAlpha = faded(task) ? 0.45 : 1;
  ctx.textBaseline = "alphabetic";
  ctx.textAlign = "left";
  font(12, 600);
  const idWidth = ctx.measureText(id).width, y = top + 15;
  write(id, 12, y, room, C.accent);
  const label = name ? plain(name) : T.kind[task] ? KIND[T.kind[task]] : small ? site : "task";
  font(12, name ? 600 : 400);
  write(label, 12 + idWidth + 7, y, room - idWidth - 7, name ? C.ink : C.dim);
  if (!small) {
    font(11);
    write(site || "spawned before", 12, top + 28, room, C.dim);
  }
  ctx.globalAlpha = 1;
}

/** The first after `i` that does not end in the pixel of `a` as well: all before it make one mark, as dark as the pixel
    is full. What begins there and is longer stands for itself. */
const pixelEnd = (i, high, a, end) => lowerBound(i + 1, high, (k) => end(k) >= unpx(Math.floor(a) + 1));

/** One lane: before each poll what the task waited for and how long it stood ready, and after the last what it awaits. */
function drawLane(task, top) {
  const low = BY_TASK.from[task], high = BY_TASK.from[task + 1], list = BY_TASK.list, mid = laneMiddle(top);
  ctx.globalAlpha = faded(task) ? 0.3 : 1;
  const born = px(X.t0[task]);
  if (!isNaN(T.spawned[task]) && born > view.gutter - 4 && born < view.width) { ctx.fillStyle = C.dim; rect(born - 0.5, mid - 8, 1, 16); }
  let i = lowerBound(low, high, (k) => X.p1[list[k]] >= view.u0);
  let before = i > low ? X.p1[list[i - 1]] : X.t0[task], on = i > low ? P.on[list[i - 1]] : ON.untold;
  while (i < high && before <= view.u1) {
    const poll = list[i], ready = Math.max(isNaN(X.pw[poll]) ? X.p0[poll] : X.pw[poll], before);
    if (i > low || T.kind[task] >= 2 || isNaN(T.spawned[task])) drawWait(task, on, P, poll, before, ready, mid, i === low && T.kind[task] >= 2);
    drawQueued(ready, X.p0[poll], mid);
    const a = px(X.p0[poll]), b = px(X.p1[poll]);
    const next = pixelEnd(i, high, a, (k) => X.p1[list[k]]);
    if (next - i > 1) drawBundle(Math.floor(a), X.own[next] - X.own[i], mid);
    else drawPoll(poll, a, b, mid);
    before = X.p1[list[next - 1]];
    on = P.on[list[next - 1]];
    i = next;
  }
  if (i === high && before <= view.u1) drawTail(task, on, before, mid);
  if (task === chosen.task && chosen.poll >= 0) drawPoll(chosen.poll, px(X.p0[chosen.poll]), px(X.p1[chosen.poll]), mid);
  ctx.globalAlpha = 1;
}

/** What follows the last poll. */
function drawTail(task, on, before, mid) {
  if (on <= ON.ready) return drawEnd(on, px(before), mid);
  const ready = R.at.get(task), at = ready === undefined ? X.span : Math.max(before, X.rw[ready]);
  drawWait(task, on, ready === undefined ? null : R, ready ?? -1, before, at, mid, T.kind[task] >= 2 && !pollsOf(task).length);
  drawQueued(at, X.span, mid);
}

function drawWait(task, on, w, i, from, to, mid, job) {
  const a = Math.max(px(from), view.gutter), b = Math.min(px(to), view.width);
  if (b - a < 0.7 || wokeItself(w, i, task)) return;
  const kind = CLASSES[job ? POOL : kindOfWait(on, w, i)];
  ctx.fillStyle = ctx.strokeStyle = C[kind];
  if (!DASHES[kind] || b - a < 16) rect(a, mid - 1, b - a, 2.5);
  else {
    frame.rects++;
    ctx.lineWidth = 2.5;
    ctx.setLineDash(DASHES[kind]);
    ctx.lineDashOffset = Math.min(a - px(from), 1e6); // dashes go along when the lane is panned
    ctx.beginPath();
    ctx.moveTo(a, mid + 0.25);
    ctx.lineTo(b, mid + 0.25);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  if (b - a < 56 || view.row < 30) return;
  font(10.5);
  ctx.textBaseline = "alphabetic";
  write(job ? "job on the pool" : leafLabel(on, w, i), a + 5, mid - 4, b - a - 8, C.dim);
}

function drawQueued(from, to, mid) {
  const a = Math.max(px(from), view.gutter), b = Math.min(px(to), view.width);
  if (b - a < 0.7) return;
  ctx.fillStyle = b - a < 4 ? C.queued : hatch;
  rect(a, mid - 4, b - a, 8);
  if (b - a < 8) return;
  ctx.strokeStyle = C.queued;
  ctx.lineWidth = 1;
  ctx.strokeRect(a + 0.5, mid - 3.5, b - a - 1, 7);
}

function drawBundle(x, covered, mid) {
  const full = Math.min(1, covered / (view.u1 - view.u0) * (view.width - view.gutter)), height = view.row > 30 ? 14 : 12;
  const alpha = ctx.globalAlpha;
  ctx.globalAlpha = alpha * (0.45 + 0.55 * full);
  ctx.fillStyle = C.poll;
  rect(x, mid - height / 2, 1, height);
  ctx.globalAlpha = alpha;
}

function drawPoll(poll, a, b, mid) {
  const height = view.row > 30 ? 16 : 12, width = Math.max(b - a, 2), left = Math.max(a, view.gutter - 9), right = Math.min(a + width, view.width + 9);
  if (right < view.gutter - 6 || left > view.width) return;
  ctx.fillStyle = took(poll) >= SLOW ? C.slow : C.poll;
  if (width < 5) rect(left, mid - height / 2, right - left, height);
  else { frame.rects++; ctx.beginPath(); ctx.roundRect(left, mid - height / 2, right - left, height, 3); ctx.fill(); }
  if (poll === chosen.poll) {
    ctx.strokeStyle = C.accent;
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.roundRect(left - 2.5, mid - height / 2 - 2.5, right - left + 5, height + 5, 5);
    ctx.stroke();
  }
  if (right - left > 40) {
    font(11, 600);
    ctx.textBaseline = "middle";
    const from = Math.max(left, view.gutter) + 6;
    write(dur(took(poll)), from, mid + 0.5, right - from - 4, took(poll) >= SLOW ? C.sheet : C["poll-text"]);
  }
}

/** How a task ended: a cap, or a cross for a panic, or a ring for a cancellation. */
function drawEnd(on, x, mid) {
  if (on === ON.running || x < view.gutter - 12 || x > view.width + 12) return;
  ctx.lineWidth = 2;
  ctx.strokeStyle = on === ON.panicked ? C.slow : C.dim;
  ctx.beginPath();
  if (on === ON.panicked) { ctx.moveTo(x + 5, mid - 4); ctx.lineTo(x + 13, mid + 4); ctx.moveTo(x + 13, mid - 4); ctx.lineTo(x + 5, mid + 4); }
  else if (on === ON.cancelled) { ctx.arc(x + 9, mid, 4, 0, 7); ctx.moveTo(x + 6, mid + 3); ctx.lineTo(x + 12, mid - 3); }
  else { ctx.arc(x + 5, mid, 1.5, 0, 7); }
  ctx.stroke();
}

/** The loop's own lane: it polls, or it sleeps. */
function drawLoop() {
  const mid = AXIS + LOOP / 2;
  ctx.fillStyle = C.ground;
  ctx.fillRect(0, AXIS, view.width, LOOP);
  clipped(view.gutter, AXIS, view.width, AXIS + LOOP, () => { drawSleeps(mid); drawUse(mid); });
  font(12, 600);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  write("the loop", 12, mid, view.gutter - 16, C.ink);
  ctx.fillStyle = C.hair;
  ctx.fillRect(0, AXIS + LOOP - 1, view.width, 1);
}

function drawSleeps(mid) {
  let i = lowerBound(0, Z.n, (k) => X.z1[k] >= view.u0);
  while (i < Z.n && X.z0[i] <= view.u1) {
    const a = px(X.z0[i]), b = px(X.z1[i]), width = Math.max(b - a, 1);
    ctx.fillStyle = i === chosen.sleep ? C.chosen : C.parked;
    rect(Math.max(a, view.gutter), mid - 9, Math.min(b, view.width) - Math.max(a, view.gutter) || 1, 18);
    if (i === chosen.sleep) { ctx.strokeStyle = C.accent; ctx.lineWidth = 2; ctx.strokeRect(a, mid - 9, width, 18); }
    const from = Math.max(a, view.gutter) + 7;
    if (width > 60) { font(11); ctx.textBaseline = "middle"; write(`asleep ${dur(Z.end[i] - Z.start[i])}`, from, mid, Math.min(b, view.width) - from - 4, C["parked-ink"]); }
    i = pixelEnd(i, Z.n, a, (k) => X.z1[k]);
  }
}

function drawUse(mid) {
  let i = lowerBound(0, P.n, (k) => X.p1[k] >= view.u0);
  while (i < P.n && X.p0[i] <= view.u1) {
    const a = px(X.p0[i]), b = px(X.p1[i]);
    const next = pixelEnd(i, P.n, a, (k) => X.p1[k]);
    if (next - i > 1) drawBundle(Math.floor(a), X.all[next] - X.all[i], mid);
    else {
      ctx.fillStyle = took(i) >= SLOW ? C.slow : C.poll;
      rect(a, mid - 7, Math.max(b - a - (b - a > 4 ? 1 : 0), 1), 14);
      if (b - a > 36) { font(11); ctx.textBaseline = "middle"; const from = Math.max(a, view.gutter) + 6; write(String(T.id[P.task[i]]), from, mid + 0.5, b - from - 4, C["poll-text"]); }
    }
    i = next;
  }
}
