/* What lies over and around the lanes: the axis, arrows of wakes, the cursor, the overview. */

/** The distance between ticks: 1, 2 or 5 of a power of ten; above ten seconds what clocks have. */
function tickStep(least) {
  if (X.name === "order" || least <= 10e9) {
    const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
    return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= least);
  }
  return [30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400].map((s) => s * 1e9).find((step) => step >= least) ?? 864000e9;
}

function ticks() {
  const step = tickStep((view.u1 - view.u0) / Math.max(1, (view.width - view.gutter) / 110)), list = [];
  for (let u = Math.ceil(view.u0 / step) * step; u <= view.u1 && list.length < 100; u += step) if (u >= 0 && u <= X.span * 1.001) list.push(u);
  return { step, list };
}

function drawTicks() {
  ctx.fillStyle = C.hair;
  for (const u of ticks().list) ctx.fillRect(Math.round(px(u)), top0, 1, view.height);
}

function drawAxis() {
  const { step, list } = ticks();
  ctx.fillStyle = C.ground;
  ctx.fillRect(0, 0, view.width, AXIS);
  ctx.fillStyle = C.hair;
  ctx.fillRect(0, AXIS - 1, view.width, 1);
  ctx.fillRect(view.gutter - 1, 0, 1, view.height);
  font(11);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  // Deep in, ticks would differ in their last digits alone: then they count from a moment that the corner names.
  const base = X.name === "time" && view.u0 > step * 1000 ? Math.floor(view.u0 / (step * 1000)) * step * 1000 : 0;
  const width = X.name === "time" ? dur(view.u1 - view.u0) : count(Math.round(view.u1 - view.u0), "step");
  write(base ? `${moment(base)} +` : `${width} shown`, 12, AXIS / 2, view.gutter - 18, C.dim);
  for (const u of list) {
    const x = Math.round(px(u));
    if (x < view.gutter) continue;
    ctx.fillStyle = C.hair;
    ctx.fillRect(x, AXIS - 7, 1, 6);
    const label = X.name === "time" ? (base ? "+" : "") + dur(u - base, 6) : `${u} · ${dur(X.time(u), 4)}`;
    if (x + 6 + ctx.measureText(label).width < view.width) write(label, x + 4, AXIS / 2, 104, C.dim);
  }
}

/** Where an arrow begins: in the poll that woke; else at the loop, which brings timers, sockets and threads. */
function drawArrow(poll, strong) {
  const row = rowOf[P.task[poll]], by = P.during[poll], x = px(isNaN(X.pw[poll]) ? X.p0[poll] : X.pw[poll]);
  const from = by < 0 ? -1 : rowOf[P.task[by]];
  if (row < 0 || (by >= 0 && (from < 0 || from === row)) || x < view.gutter || x > view.width || P.cause[poll] === CAUSE.unknown) return;
  const down = from < row, middle = (row) => laneMiddle(laneTop(row));
  if (from < 0 && middle(row) < top0) return;
  const y0 = from < 0 ? AXIS + LOOP - 6 : Math.max(top0, middle(from) + (down ? 8 : -8)), y1 = Math.max(top0, middle(row) + (down ? -6 : 6));
  const colour = strong ? C.accent : by < 0 ? C[CLASSES[classOfCause(P.cause[poll])]] : C.dim;
  const bow = Math.min(14, Math.abs(y1 - y0) / 8), head = strong ? 4.5 : 3.5, tip = down ? -1 : 1;
  frame.arrows++;
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.globalAlpha = strong ? 1 : 0.5;
  ctx.lineWidth = strong ? 1.8 : 1;
  ctx.beginPath();
  ctx.moveTo(x, y0);
  ctx.quadraticCurveTo(x - bow, (y0 + y1) / 2, x, y1 + tip * head);
  ctx.stroke();
  ctx.beginPath();
  ctx.moveTo(x, y1);
  ctx.lineTo(x - head, y1 + tip * head * 1.7);
  ctx.lineTo(x + head, y1 + tip * head * 1.7);
  ctx.fill();
  if (by >= 0) { ctx.beginPath(); ctx.arc(x, y0, strong ? 2.5 : 1.5, 0, 7); ctx.fill(); }
  ctx.globalAlpha = 1;
}

/** Arrows of all wakes where polls stand far enough from each other to tell them apart; always those of what is
    under the pointer, and what is selected with the whole chain of wakes that led to it. */
function drawArrows(first, last) {
  const low = lowerBound(0, P.n, (k) => X.p1[k] >= view.u0), high = lowerBound(low, P.n, (k) => X.p0[k] > view.u1);
  if (high - low < view.width) {
    for (let poll = low; poll < high; poll++) {
      if (px(X.p0[poll + 1] ?? X.span * 2) - px(X.p0[poll - 1] ?? -X.span) < 14) continue;
      const row = rowOf[P.task[poll]], by = P.during[poll] < 0 ? row : rowOf[P.task[P.during[poll]]];
      if (Math.max(row, by) >= first && Math.min(row, by) < last) drawArrow(poll, false);
    }
  }
  if (chosen.poll >= 0) for (const poll of chain(chosen.poll)) drawArrow(poll, true);
  for (const poll of new Set([chosen.poll, view.hover?.poll ?? -1])) {
    if (poll < 0) continue;
    drawArrow(poll, true);
    for (const woken of wokenIn(poll).slice(0, 200)) drawArrow(woken, true);
  }
}

const wokenIn = (poll) => WOKEN_IN.list.subarray(WOKEN_IN.from[poll], WOKEN_IN.from[poll + 1]);

function drawCursor() {
  if (view.range) {
    const [a, b] = view.range.map(px).sort((x, y) => x - y), length = Math.abs(X.time(view.range[1]) - X.time(view.range[0]));
    ctx.fillStyle = C.accent;
    ctx.globalAlpha = 0.16;
    ctx.fillRect(a, AXIS, b - a, view.height);
    ctx.globalAlpha = 1;
    tag(dur(length), (a + b) / 2);
  } else if (view.hover && view.hover.x > view.gutter) {
    ctx.fillStyle = C.accent;
    ctx.globalAlpha = 0.5;
    ctx.fillRect(view.hover.x, AXIS, 1, view.height);
    ctx.globalAlpha = 1;
    const time = X.time(unpx(view.hover.x));
    if (time >= 0 && time <= SPAN) tag(dur(time, 5), view.hover.x);
  }
}

function tag(text, x) {
  font(11, 600);
  const width = ctx.measureText(text).width + 12, left = Math.min(Math.max(x - width / 2, view.gutter), view.width - width);
  ctx.fillStyle = C.accent;
  ctx.beginPath();
  ctx.roundRect(left, 4, width, AXIS - 8, 5);
  ctx.fill();
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  ctx.fillStyle = C["on-accent"];
  ctx.fillText(text, left + 6, AXIS / 2 + 0.5);
}

function drawScrollbar() {
  const room = view.height - top0, whole = room + rest();
  if (whole <= room + 1) return;
  ctx.fillStyle = C.dim;
  ctx.globalAlpha = 0.45;
  ctx.beginPath();
  ctx.roundRect(view.width - 8, top0 + 2 + view.y / whole * room, 5, Math.max(28, room * room / whole) - 4, 2.5);
  ctx.fill();
  ctx.globalAlpha = 1;
}

/* The overview has the whole recording: how much of each pixel's time the loop polled, and how many tasks stood ready. */

const OVER_LEFT = () => view.gutter;
const overX = (u) => OVER_LEFT() + u / X.span * (overview.clientWidth - OVER_LEFT() - 1);
const overU = (x) => (x - OVER_LEFT()) / Math.max(1, overview.clientWidth - OVER_LEFT() - 1) * X.span;

/** How much of the axis up to `u` polls cover. */
function coveredTo(u) {
  const next = lowerBound(0, P.n, (k) => X.p1[k] > u);
  return X.all[next] + (next < P.n ? Math.max(0, u - X.p0[next]) : 0);
}

/** How many tasks stood ready, on average, in each of so many equal parts of the axis. */
function readyDepth(parts) {
  const depth = new Float64Array(parts + 1), steps = new Float64Array(parts + 1), scale = parts / X.span;
  for (let poll = 0; poll < P.n; poll++) {
    const from = X.pw[poll] * scale, to = X.p0[poll] * scale;
    if (!(to > from)) continue;
    const a = Math.min(parts - 1, Math.max(0, Math.floor(from))), b = Math.min(parts - 1, Math.floor(to));
    if (a === b) { depth[a] += to - from; continue; }
    depth[a] += a + 1 - from;
    depth[b] += to - b;
    steps[a + 1]++;
    steps[b]--;
  }
  for (let i = 0, open = 0; i < parts; i++) depth[i] += open += steps[i];
  return depth.subarray(0, parts);
}

function paintOverview(width, height) {
  const image = document.createElement("canvas"), pen = image.getContext("2d"), ratio = devicePixelRatio || 1;
  image.width = Math.round(width * ratio);
  image.height = Math.round(height * ratio);
  pen.scale(ratio, ratio);
  const left = OVER_LEFT(), parts = Math.max(1, Math.floor(width - left - 1)), floor = height - 4, tall = height - 10;
  pen.fillStyle = C.poll;
  for (let i = 0; i < parts; i++) {
    const use = (coveredTo((i + 1) / parts * X.span) - coveredTo(i / parts * X.span)) / X.span * parts;
    const some = use > 0 || lowerBound(0, P.n, (k) => X.p0[k] >= i / parts * X.span) < lowerBound(0, P.n, (k) => X.p0[k] >= (i + 1) / parts * X.span);
    if (some) { pen.globalAlpha = 0.6; const h = Math.max(3, Math.min(1, use) * tall); pen.fillRect(left + i, floor - h, 1, h); }
  }
  const depth = readyDepth(parts), most = Math.max(1, ...depth);
  pen.globalAlpha = 1;
  pen.fillStyle = C.queued;
  depth.forEach((deep, i) => { if (deep > 0.02) { const h = Math.max(1, deep / most * tall); pen.fillRect(left + i, floor - h, 1, 1.5); } });
  pen.font = '11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
  pen.fillStyle = C.dim;
  pen.fillText("whole run", 12, 19);
  if (left > 150) pen.fillText(`${share(SUMS.all, SPAN)} in use`, 12, 35);
  return image;
}

function drawOverview() {
  const [width, height] = fit(overview, over);
  if (!overviewImage || overviewImage.of !== `${width} ${height} ${X.name} ${view.gutter} ${devicePixelRatio}`) {
    overviewImage = paintOverview(width, height);
    overviewImage.of = `${width} ${height} ${X.name} ${view.gutter} ${devicePixelRatio}`;
  }
  over.clearRect(0, 0, width, height);
  over.drawImage(overviewImage, 0, 0, width, height);
  const a = Math.max(overX(view.u0), OVER_LEFT()), b = Math.max(a + 3, Math.min(overX(view.u1), width - 1));
  over.globalAlpha = 0.62;
  over.fillStyle = C.sheet;
  over.fillRect(OVER_LEFT(), 0, a - OVER_LEFT(), height);
  over.fillRect(b, 0, width - b, height);
  over.globalAlpha = 1;
  over.strokeStyle = C.accent;
  over.lineWidth = 1.5;
  over.strokeRect(a + 0.5, 1, b - a - 1, height - 2);
}
