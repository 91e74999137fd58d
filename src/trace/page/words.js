/* Units and sentences. A sentence is a list of texts and links, so that no name is ever read as markup. */

const UNITS = [["h", 3600e9], ["min", 60e9], ["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];

/** A length of time in the unit that suits it: `840 ns`, `2.41 ms`, `1 h 5 min`. */
function dur(ns, digits = 3) {
  if (isNaN(ns)) return "unknown";
  if (ns <= 0) return "0";
  if (ns >= 60e9) {
    const [big, small] = ns >= 3600e9 ? [0, 1] : [1, 2];
    const whole = Math.floor(ns / UNITS[big][1]), rest = Math.floor((ns - whole * UNITS[big][1]) / UNITS[small][1]);
    return `${whole} ${UNITS[big][0]}` + (rest ? ` ${rest} ${UNITS[small][0]}` : "");
  }
  const [unit, size] = UNITS.find(([, size]) => ns >= size * 0.9995) ?? UNITS[5];
  return `${+(ns / size).toPrecision(digits)} ${unit}`;
}

/** A moment, exact enough to be found again. */
const moment = (ns) => (ns >= 60e9 ? `${dur(ns)} (${+(ns / 1e9).toFixed(9)} s)` : dur(ns, 6));
const share = (part, whole) => (whole > 0 ? `${+(100 * part / whole).toPrecision(2)} %` : "–");
const count = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
/** One line, its own reading direction kept to itself. */
const plain = (text) => `\u2068${short(text, 60).replace(/[\u0000-\u001f\u007f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, " ")}\u2069`;
const nameOf = (task) => str(T.name[task]);
const siteOf = (task) => str(T.site[task]);
/** The end of a path is what tells places apart. */
const nearSite = (site) => site.split(/[\\/]/).slice(-2).join("/").replace(/^src\//, "");

const link = (to, text) => ({ to, text });
const place = (site) => ({ code: site });
function taskLink(task) {
  return link({ task }, `task ${T.id[task]}` + (nameOf(task) ? ` “${plain(nameOf(task))}”` : ""));
}
/** A task named by its id: perhaps the recording does not have it. */
const taskById = (id) => (TASK.has(id) ? taskLink(TASK.get(id)) : `task ${id}`);
function sourceName(id) {
  const source = SOURCES.get(id);
  return (source?.thing || "socket") + ` ${id}` + (source?.address ? ` (${plain(source.address)})` : "");
}

/** What is waited for, short enough to stand on a line. */
function leafLabel(on, w = null, i = -1) {
  if (on < 0) return w?.cause[i] === CAUSE.thread ? (w.of[i] < 0 ? "a thread" : `thread ${plain(str(w.of[i]))}`) : w?.cause[i] === CAUSE.job ? "job on the pool" : "unknown";
  const [form, , n] = RAW.leaves[on];
  switch (form) {
    case LEAF.timer: return `timer ${n}`;
    case LEAF.readable: return `${SOURCES.get(n)?.thing || "socket"} ${n} readable`;
    case LEAF.writable: return `${SOURCES.get(n)?.thing || "socket"} ${n} writable`;
    case LEAF.join: return `end of task ${n}`;
    default: return str(n);
  }
}

/** What is waited for, in full. */
function leafWords(on) {
  if (on < 0) return ["something that glassloop was not told: another thread’s word, or a foreign crate’s"];
  const [form, , n, site, made] = RAW.leaves[on];
  switch (form) {
    case LEAF.timer: return [`timer ${n} made at `, place(str(site))];
    case LEAF.readable:
    case LEAF.writable: return [`${sourceName(n)} to be ${form === LEAF.readable ? "readable" : "writable"} at `, place(str(site))];
    case LEAF.join: return [taskById(n), " to end", ...(TASK.has(n) ? [] : [", spawned at ", place(str(site))])];
    default: return [`${str(n)} at `, place(str(site)), " (made at ", place(str(made)), ")"];
  }
}

/** Why a task became ready. `w` holds columns of wakes. */
function causeWords(w, i, task) {
  const of = w.of[i];
  switch (w.cause[i]) {
    case CAUSE.spawned: {
      const by = T.by[task];
      return ["it was spawned", ...(by ? [" by ", taskById(by)] : []), ...(siteOf(task) ? [" at ", place(siteOf(task))] : [])];
    }
    case CAUSE.task: {
      if (wokeItself(w, i, task)) return ["it had woken itself"];
      if (w.via[i] < 0) return [taskById(of), " woke it"];
      const [what, made] = RAW.vias[w.via[i]];
      return str(what) === "ended" ? [taskById(of), " ended"] : [taskById(of), ` ${str(what)} made at `, place(str(made))];
    }
    case CAUSE.timer: return [`timer ${of} was due`];
    case CAUSE.readable: return [`${sourceName(of)} was readable`];
    case CAUSE.writable: return [`${sourceName(of)} was writable`];
    case CAUSE.thread: return [of < 0 ? "a thread woke it" : `the thread “${plain(str(of))}” woke it`];
    case CAUSE.job: return ["its job on the pool ended"];
    case CAUSE.aborted: return ["it was aborted"];
    case CAUSE.outside: return ["the loop’s thread woke it outside of every task"];
    default: return ["of something before the recording"];
  }
}

/** What a poll was and what came of it, as one sentence. */
function pollWords(poll) {
  const task = P.task[poll], before = neighbour(poll, -1), after = neighbour(poll, 1);
  const dropped = P.on[poll] === ON.cancelled;
  if (droppedAtEnd(poll)) return ["Was dropped with its runtime."];
  const words = [dropped ? "Was dropped instead of polled, because " : "Ran because ", ...causeWords(P, poll, task)];
  if (P.again[poll]) words.push(` (and was woken ${count(P.again[poll], "more time")} before it ran)`);
  const waited = P.woken[poll] - (before < 0 ? NaN : P.end[before]);
  if (waited > 0) words.push(`; had waited ${dur(waited)} for `, ...leafWords(P.on[before]), ...releaseWords(before, poll));
  words.push(...queueWords(poll));
  if (!dropped) words.push(`; ran ${took(poll) > 0 ? dur(took(poll)) : "in no time"}`);
  return [...words, ...endWords(poll, after), "."];
}

/** From whom others got the lock meanwhile. Locks made in one place cannot be told apart, and are not. */
function releaseWords(before, poll) {
  const leaf = RAW.leaves[P.on[before]];
  if (leaf?.[1] !== CLASSES.indexOf("lock")) return [];
  const tasks = new Map();
  for (let i = lowerBound(0, P.n, (k) => P.start[k] >= P.end[before]); i < poll; i++) {
    if (P.cause[i] !== CAUSE.task || P.via[i] < 0 || RAW.vias[P.via[i]][1] !== leaf[4] || !(P.woken[i] >= P.end[before])) continue;
    tasks.set(P.of[i], (tasks.get(P.of[i]) ?? 0) + 1);
  }
  const named = [...tasks.keys()].slice(0, 3).flatMap((id) => [", ", taskById(id)]).slice(1);
  if (!tasks.size) return [];
  return [", which others got meanwhile from ", ...named, ...(tasks.size > 3 ? [` and ${count(tasks.size - 3, "other task")}`] : [])];
}

function queueWords(poll) {
  const late = delay(poll);
  if (!(late > 0)) return [];
  const [first, ...others] = ahead(poll);
  const words = [`; stood ready for ${dur(late)}`];
  if (!first || first[1] < late / 100) return words;
  words.push(first[1] > late * 0.995 ? ", all of it behind " : `, ${dur(first[1])} of it behind `, taskLink(first[0]));
  if (others.length) words.push(` (${count(others.length, "other task")} ran too)`);
  return words;
}

function endWords(poll, after) {
  switch (P.on[poll]) {
    case ON.ready: return ["; and ended"];
    case ON.panicked: return ["; and panicked"];
    case ON.cancelled: return [];
    case ON.running: return ["; and was still running when the recording ended"];
  }
  const task = P.task[poll], ready = R.at.get(task);
  const until = after >= 0 ? P.woken[after] || P.start[after] : ready !== undefined ? R.woken[ready] : SPAN;
  const length = until - P.end[poll], open = after < 0 && ready === undefined;
  if (yields(poll)) return ["; then stood ready again at once"];
  if (!(length > 0)) return ["; then waited for ", ...leafWords(P.on[poll]), ...(open ? [] : [", which came at once"])];
  return [`; then waited ${dur(length)}${open ? ", to the end of the recording," : droppedAtEnd(after) ? ", until its runtime was dropped," : ""} for `, ...leafWords(P.on[poll])];
}

/** What became of a task, as a sentence. */
function taskWords(task) {
  const words = [`A ${KIND[T.kind[task]]}${T.kind[task] === 0 ? "" : T.kind[task] === 1 ? " future" : " job"}`];
  if (!isNaN(T.spawned[task])) words.push(` spawned at `, place(siteOf(task)), ...(T.by[task] ? [" by ", taskById(T.by[task])] : []), T.spawned[task] > 0 ? `, ${dur(T.spawned[task])} from the start` : ", at the start");
  else words.push(", spawned before the recording");
  const polls = pollsOf(task).length, state = lastState(task);
  words.push(`; polled ${count(polls, "time")}, ${dur(SUMS.busy[task])} in all; stood ready for ${dur(SUMS.queued[task])}; `);
  if (state.ended) return [...words, state.name === "ended" ? "it ended" : state.name === "panicked" ? "it panicked" : "it was cancelled", ` after ${dur(T.ended[task] - (T.spawned[task] || 0))}.`];
  words.push("it never finished: ");
  if (state.name === "running") return [...words, `its poll still ran when the recording ended, after ${dur(SPAN - state.since)}.`];
  if (state.name === "ready") return [...words, `it stood ready for the last ${dur(SPAN - state.since)}, because `, ...causeWords(R, R.at.get(task), task), "."];
  if (state.name === "on the pool") return [...words, `its job had not ended.`];
  return [...words, `for the last ${dur(SPAN - state.since)} it waited for `, ...leafWords(state.on), "."];
}

/** What the loop's sleep waited for. */
function sleepWords(sleep) {
  const until = Z.until[sleep];
  const what = until > 0 ? `until timer ${until - 1} was due` : until === 0 ? "until something woke it" : "as long as its host let it";
  return [`The loop slept for ${dur(Z.end[sleep] - Z.start[sleep])}: nothing was ready. It would have slept ${what}; `,
    Z.events[sleep] ? `the kernel reported ${count(Z.events[sleep], "event")}.` : "the kernel reported nothing."];
}

const asText = (words) => words.map((part) => part.text ?? part.code ?? part).join("");
