"use strict";
/* The story as arrays: a poll, a task, a sleep is its place in them. Times are nanoseconds from the first event. */

const RAW = JSON.parse(document.getElementById("story").textContent);
const KIND = ["task", "root", "blocking", "cpu"];
const CLASSES = ["timer", "socket", "lock", "channel", "signal", "join", "pool", "other"];
const POOL = 6, OTHER = 7;
/** What a poll was woken by, as `data.rs` numbers it. */
const CAUSE = { unknown: 0, spawned: 1, task: 2, timer: 3, readable: 4, writable: 5, thread: 6, job: 7, aborted: 8, outside: 9 };
/** How a poll ended; from 0 on it is the place of the leaf that is waited for. */
const ON = { untold: -1, ready: -2, panicked: -3, cancelled: -4, running: -5 };
/** Of what form a leaf is. */
const LEAF = { timer: 0, readable: 1, writable: 2, join: 3, sync: 4 };
/** A poll this long holds the loop: the limit is asyncio's. */
const SLOW = 100e6;

const SPAN = RAW.span;
const str = (n) => (n < 0 ? "" : RAW.strings[n]);

/** The wakes of polls, and of the tasks that stand ready at the end, come in the same columns. */
function wakes(raw, start) {
  const woken = Float64Array.from(start, (at, i) => (raw.delay[i] < 0 ? NaN : at - raw.delay[i]));
  const during = Int32Array.from(raw.during);
  return { woken, during, cause: raw.cause, of: raw.of, via: raw.via, again: raw.again };
}

/** The polls, in the order in which they ran. */
const P = (() => {
  const raw = RAW.polls;
  let at = 0;
  const start = Float64Array.from(raw.start, (after) => (at += after));
  const end = start.map((from, i) => from + raw.took[i]);
  return { n: start.length, task: Int32Array.from(raw.task), start, end, on: Int32Array.from(raw.on), ...wakes(raw, start) };
})();

/** The tasks, in spawn order. */
const T = (() => {
  const raw = RAW.tasks;
  const n = raw.id.length;
  const known = (times) => Float64Array.from(times, (at) => (at < 0 ? NaN : at));
  return { n, ...raw, spawned: known(raw.spawned), ended: known(raw.ended) };
})();
const TASK = new Map(T.id.map((id, task) => [id, task]));

/** Tasks that stand ready at the end: their wakes, and by task the place of its own. */
const R = { ...wakes(RAW.ready, Float64Array.from(RAW.ready.task, () => SPAN)), at: new Map(RAW.ready.task.map((task, i) => [task, i])) };

/** The loop's sleeps. */
const Z = (() => {
  const raw = RAW.sleeps;
  let at = 0;
  const start = Float64Array.from(raw.start, (after) => (at += after));
  return { n: start.length, start, end: start.map((from, i) => from + raw.took[i]), until: raw.until, events: raw.events };
})();

const SOURCES = new Map(RAW.sources.map(([id, thing, address]) => [id, { thing: str(thing), address: str(address) }]));

/** Polls by task, and by the poll in which they were woken: those of `k` stand from `from[k]` to `from[k + 1]`. */
function groupedBy(keys, count) {
  const from = new Int32Array(count + 1);
  for (const key of keys) if (key >= 0) from[key + 1]++;
  for (let k = 0; k < count; k++) from[k + 1] += from[k];
  const next = from.slice(), list = new Int32Array(from[count]);
  keys.forEach((key, i) => { if (key >= 0) list[next[key]++] = i; });
  return { from, list };
}
const BY_TASK = groupedBy(P.task, T.n);
const WOKEN_IN = groupedBy(P.during, P.n);

const all = (n) => Array.from({ length: n }, (_, i) => i);
/** How a poll stands among its task's. */
const nth = (poll) => lowerBound(BY_TASK.from[P.task[poll]], BY_TASK.from[P.task[poll] + 1], (i) => BY_TASK.list[i] >= poll) - BY_TASK.from[P.task[poll]];
const pollsOf = (task) => BY_TASK.list.subarray(BY_TASK.from[task], BY_TASK.from[task + 1]);
/** The poll of the same task that many polls later or earlier, or -1. */
const neighbour = (poll, by) => pollsOf(P.task[poll])[nth(poll) + by] ?? -1;

/** The first place from `low` to `high` at which `holds`, which from there on holds. */
function lowerBound(low, high, holds) {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle; else low = middle + 1;
  }
  return low;
}

/** The polls each of which was woken in the next, from this one back to what no task caused. */
function chain(poll) {
  const polls = [poll];
  while (P.during[poll] >= 0 && polls.length < 1000) polls.push((poll = P.during[poll]));
  return polls;
}

const took = (poll) => P.end[poll] - P.start[poll];
/** How long a poll's task stood in the queue before it; NaN if that is not known. */
const delay = (poll) => P.start[poll] - P.woken[poll];
/** The first of the places with the largest value, or -1. */
function largest(places, value) {
  let best = -1, most = -Infinity;
  for (const place of places) if (value(place) > most) [best, most] = [place, value(place)];
  return best;
}

/** The wake that ended the wait after a poll: its columns and its place in them; none if it was never woken. */
function wakeAfter(poll) {
  const next = neighbour(poll, 1), ready = R.at.get(P.task[poll]);
  return next >= 0 ? [P, next] : ready !== undefined ? [R, ready] : [null, -1];
}
const wokeItself = (w, i, task) => w !== null && w.cause[i] === CAUSE.task && w.of[i] === T.id[task];
const yields = (poll) => P.on[poll] >= -1 && wokeItself(...wakeAfter(poll), P.task[poll]);

const SLOWEST = largest(all(P.n), took);

/** Of what kind a wait is; for the end of a pool's job it is the pool's. */
function classOf(on) {
  if (on < 0) return OTHER;
  const [form, kind, n] = RAW.leaves[on];
  if (form === LEAF.join && TASK.has(n) && T.kind[TASK.get(n)] >= 2) return POOL;
  return kind;
}
/** If no leaf told what was waited for, what ended the wait does. */
const kindOfWait = (on, w, i) => (on >= 0 || !w ? classOf(on) : classOfCause(w.cause[i]));
/** Whether a task was dropped with its runtime: that takes a turn which nothing woke it for. */
const droppedAtEnd = (poll) => P.on[poll] === ON.cancelled && P.cause[poll] === CAUSE.unknown;
const classOfCause = (cause) => [OTHER, OTHER, OTHER, 0, 1, 1, OTHER, POOL, OTHER, OTHER][cause];

/** What a task waits for when its story ends, or undefined if it does not wait. */
function lastState(task) {
  const polls = pollsOf(task), last = polls[polls.length - 1];
  if (!isNaN(T.ended[task])) return { name: ["", "ended", "panicked", "cancelled"][T.outcome[task]], ended: true, since: T.ended[task] };
  if (R.at.has(task)) return { name: "ready", since: R.woken[R.at.get(task)] };
  if (last === undefined) return { name: T.kind[task] >= 2 ? "on the pool" : "waiting", on: ON.untold, since: T.spawned[task] || 0 };
  if (P.on[last] === ON.running) return { name: "running", since: P.start[last] };
  return { name: "waiting", on: P.on[last], since: P.end[last] };
}

/** How long a task was polled, stood ready, waited; how often it was woken. */
const SUMS = (() => {
  const busy = new Float64Array(T.n), queued = new Float64Array(T.n), longest = new Float64Array(T.n), again = new Int32Array(T.n);
  for (let poll = 0; poll < P.n; poll++) {
    const task = P.task[poll];
    busy[task] += took(poll);
    queued[task] += delay(poll) || 0;
    longest[task] = Math.max(longest[task], took(poll));
    again[task] += P.again[poll];
  }
  for (const [task, i] of R.at) again[task] += 1 + R.again[i];
  return { busy, queued, longest, again, all: busy.reduce((sum, one) => sum + one, 0) };
})();

/** Who ran while a poll stood in the queue: tasks with their shares of the delay, the largest first. */
function ahead(poll) {
  const from = P.woken[poll], shares = new Map();
  for (let other = poll - 1; other >= 0 && P.end[other] > from; other--) {
    const share = P.end[other] - Math.max(P.start[other], from);
    shares.set(P.task[other], (shares.get(P.task[other]) ?? 0) + share);
  }
  return [...shares].sort((a, b) => b[1] - a[1]);
}

/* Where things stand along the axis. By time a unit is a nanosecond; by order it is a step: a poll or a sleep. Then
   polls without length, as under a virtual clock, and sleeps of hours can be read side by side. */
let X;

function byTime() {
  return withSums({
    name: "time", span: Math.max(SPAN, 1), least: 40, p0: P.start, p1: P.end, pw: P.woken, rw: R.woken, z0: Z.start, z1: Z.end,
    t0: T.spawned.map((at) => at || 0), at: (time) => time, time: (u) => u,
  });
}

function byOrder() {
  const n = P.n + Z.n, times = new Float64Array(n), ends = new Float64Array(n), WIDE = 0.9;
  const p0 = new Float64Array(P.n), z0 = new Float64Array(Z.n);
  for (let step = 0, poll = 0, sleep = 0; step < n; step++) {
    const asleep = poll === P.n || (sleep < Z.n && Z.end[sleep] <= P.start[poll] && Z.start[sleep] < P.start[poll]);
    times[step] = asleep ? Z.start[sleep] : P.start[poll];
    ends[step] = asleep ? Z.end[sleep] : P.end[poll];
    if (asleep) z0[sleep++] = step; else p0[poll++] = step;
  }
  const within = (step, time) => step + WIDE * Math.min(1, ends[step] > times[step] ? (time - times[step]) / (ends[step] - times[step]) : 1);
  const at = (time) => {
    const step = lowerBound(0, n, (i) => times[i] >= time);
    return step === 0 || (step < n && times[step] === time) ? step : within(step - 1, time);
  };
  const wokenAt = (w, last) => Float64Array.from(w.woken, (time, i) => {
    if (isNaN(time)) return NaN;
    const poll = w.during[i];
    if (poll < 0) return Math.min(at(time), last(i));
    return P.end[poll] > P.start[poll] ? within(p0[poll], time) : p0[poll] + WIDE / 2;
  });
  const time = (u) => {
    if (n === 0) return 0;
    const step = Math.min(Math.max(Math.floor(u), 0), n - 1);
    return times[step] + (ends[step] - times[step]) * Math.min(Math.max((u - step) / WIDE, 0), 1);
  };
  const pw = wokenAt(P, (poll) => p0[poll]), rw = wokenAt(R, () => n);
  const t0 = T.spawned.map((spawned, task) => {
    const first = pollsOf(task)[0];
    if (isNaN(spawned)) return 0;
    return first !== undefined && P.woken[first] === spawned ? pw[first] : at(spawned);
  });
  return withSums({
    name: "order", span: Math.max(n, 1), least: 2, p0, p1: p0.map((u) => u + WIDE), pw, rw, z0, z1: z0.map((u) => u + WIDE), t0, at, time,
  });
}

/** Adds how much of the axis polls cover, up to each of them: of all, and along `BY_TASK.list`. */
function withSums(x) {
  x.all = new Float64Array(P.n + 1);
  x.own = new Float64Array(P.n + 1);
  for (let i = 0; i < P.n; i++) {
    x.all[i + 1] = x.all[i] + x.p1[i] - x.p0[i];
    const poll = BY_TASK.list[i];
    x.own[i + 1] = x.own[i] + x.p1[poll] - x.p0[poll];
  }
  return x;
}
