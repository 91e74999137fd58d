/* What is selected, in words; and the tables. Everything is made from texts: no name can become markup. */

const $ = (id) => document.getElementById(id);

function make(tag, props = {}, ...children) {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
}

/** A sentence as nodes; what it names can be followed, and leads to the timeline. */
function nodes(words) {
  const follow = (to) => { select(to); canvas.focus({ preventScroll: true }); };
  return words.map((part) => {
    if (part.code !== undefined) return make("code", {}, part.code);
    return part.to ? make("button", { type: "button", className: "to", onclick: () => follow(part.to) }, part.text) : part;
  });
}

const pollTitle = (poll) => [`Poll ${nth(poll) + 1} of ${count(pollsOf(P.task[poll]).length, "poll").replace(/ polls?$/, "")} of `, taskLink(P.task[poll])];

function pollFacts(poll) {
  const facts = [["began", [moment(P.start[poll])]], ["ran", [dur(took(poll))]]];
  if (!isNaN(P.woken[poll])) facts.push(["stood ready", [dur(delay(poll))]]);
  const by = P.during[poll], out = wokenIn(poll), previous = neighbour(poll, -1), next = neighbour(poll, 1);
  if (by >= 0) {
    const polls = chain(poll).slice(1), first = polls[polls.length - 1], links = polls.slice(0, 6).flatMap((one) => [" ← ", link({ poll: one }, `task ${T.id[P.task[one]]}`)]).slice(1);
    facts.push(["woken by", [...links, ...(polls.length > 6 ? [` ← ${count(polls.length - 6, "more poll")}`] : []), " ← ", ...causeWords(P, first, P.task[first])]]);
  }
  if (out.length) {
    const list = [...out.slice(0, 12)].flatMap((one) => [", ", link({ poll: one }, `task ${T.id[P.task[one]]}`)]).slice(1);
    facts.push(["woke", out.length > 12 ? [...list, ` and ${count(out.length - 12, "other")}`] : list]);
  }
  const around = [previous >= 0 && link({ poll: previous }, "the one before"), next >= 0 && link({ poll: next }, "the next")].filter(Boolean);
  if (around.length) facts.push(["its polls", around.length > 1 ? [around[0], ", ", around[1]] : around]);
  return facts;
}

function taskFacts(task) {
  const polls = pollsOf(task), facts = [];
  if (polls.length) {
    const slowest = largest(polls, took), latest = largest(polls, delay);
    facts.push(["polls", [link({ poll: polls[0] }, "the first"), ", ", link({ poll: polls[polls.length - 1] }, "the last")]]);
    if (took(slowest) > 0) facts.push(["slowest", [link({ poll: slowest }, dur(took(slowest)))]]);
    if (delay(latest) > 0) facts.push(["longest in the queue", [link({ poll: latest }, dur(delay(latest)))]]);
  }
  return facts;
}

/** Shows what is selected, or what the recording is; says it to who cannot see it. */
function tell() {
  let title, words, facts = [];
  if (chosen.poll >= 0) [title, words, facts] = [pollTitle(chosen.poll), pollWords(chosen.poll), pollFacts(chosen.poll)];
  else if (chosen.sleep >= 0) [title, words, facts] = [["The loop asleep"], sleepWords(chosen.sleep), [["began", [moment(Z.start[chosen.sleep])]]]];
  else if (chosen.task >= 0) {
    const name = nameOf(chosen.task);
    [title, words, facts] = [[`Task ${T.id[chosen.task]}`, ...(name ? [" ", make("bdi", {}, name)] : [])], taskWords(chosen.task), taskFacts(chosen.task)];
  } else return $("telling").replaceChildren(make("h2", {}, P.n ? "What ran, and why" : "Nothing ran"), ...introduction());
  const list = make("dl");
  for (const [name, value] of facts) list.append(make("dt", {}, name), make("dd", {}, ...nodes(value)));
  $("telling").replaceChildren(make("h2", {}, ...nodes(title)), make("p", { id: "sentence" }, ...nodes(words)), list);
  $("telling").scrollTop = 0;
  $("say").textContent = `${chosen.poll >= 0 ? asText(title) + ". " : ""}${asText(words)}`;
}

function introduction() {
  if (!P.n) return [make("p", { className: "quiet" }, "The recording has no poll.")];
  const late = largest(all(P.n), delay), busiest = largest(all(T.n), (task) => SUMS.busy[task]);
  const words = [`The loop ran ${count(P.n, "poll")} of ${count(T.n, "task")} ${SPAN > 0 ? `in ${dur(SPAN)}; it was in use for ${share(SUMS.all, SPAN)} of that` : "while no time passed"}. `];
  if (took(SLOWEST) > 0) words.push("Its slowest poll took ", link({ poll: SLOWEST }, dur(took(SLOWEST))), ", by ", taskLink(P.task[SLOWEST]), ". ");
  if (delay(late) > 0) words.push("The longest that a task stood ready was ", link({ poll: late }, dur(delay(late))), ". ");
  if (SUMS.busy[busiest] > 0 && T.n > 1) words.push("Most of the loop’s time went to ", taskLink(busiest), `, ${share(SUMS.busy[busiest], SUMS.all)}.`);
  return [make("p", {}, ...nodes(words)), make("p", { className: "quiet" }, "Click a poll to read why it ran and what it waited for; a name, to read what became of the task.")];
}

// ---- tables

const stateText = (state) => (state.on !== undefined ? `waits for ${leafLabel(state.on)}` : state.name);
/** A column: its name, what is shown, what it sorts by, and whether it is a number. */
const text = (name, show) => ({ name, show, by: show });
const time = (name, by) => ({ name, by, show: (row) => dur(by(row)), number: true });
const number = (name, by) => ({ name, by, show: (row) => by(row).toLocaleString("en"), number: true });
const COLUMN = {
  taskOfPoll: { name: "Task", show: (poll) => asText([taskLink(P.task[poll])]).replace(/^task /, ""), by: (poll) => T.id[P.task[poll]] },
  task: { name: "Task", show: (task) => asText([taskLink(task)]).replace(/^task /, ""), by: (task) => T.id[task] },
  siteOfPoll: text("Spawned at", (poll) => nearSite(siteOf(P.task[poll]))),
  site: text("Spawned at", (task) => nearSite(siteOf(task))),
  at: time("At", (poll) => P.start[poll]),
  took: time("Ran", took),
  delay: time("Stood ready", (poll) => delay(poll) || 0),
  why: text("Because", (poll) => asText(causeWords(P, poll, P.task[poll]))),
  then: text("Then", (poll) => (P.on[poll] < -1 ? ["ended", "panicked", "was dropped", "ran on"][-2 - P.on[poll]] : yields(poll) ? "yielded" : leafLabel(P.on[poll], ...wakeAfter(poll)))),
  behind: { name: "Mostly behind", show: (poll) => { const [first] = ahead(poll); return first ? `task ${T.id[first[0]]}, ${dur(first[1])}` : "–"; } },
  wakes: number("Wakes", (task) => pollsOf(task).length + SUMS.again[task]),
  again: number("Of them in vain", (task) => SUMS.again[task]),
  polls: number("Polls", (task) => pollsOf(task).length),
  busy: time("Ran", (task) => SUMS.busy[task]),
  queued: time("Stood ready", (task) => SUMS.queued[task]),
  longest: time("Slowest poll", (task) => SUMS.longest[task]),
  state: text("At the end", (task) => stateText(lastState(task))),
  since: time("For", (task) => SPAN - lastState(task).since),
};
const TABLES = [
  { title: "Slowest polls", to: "poll", rows: () => all(P.n), columns: ["taskOfPoll", "took", "at", "delay", "why", "then"], sort: ["took", -1] },
  { title: "Longest queue delays", to: "poll", rows: () => all(P.n).filter((poll) => delay(poll) > 0), columns: ["taskOfPoll", "delay", "behind", "at", "took", "why"], sort: ["delay", -1] },
  { title: "Most woken", to: "task", rows: () => all(T.n), columns: ["task", "wakes", "again", "polls", "busy", "site"], sort: ["wakes", -1] },
  { title: "Never finished", to: "task", rows: () => all(T.n).filter((task) => isNaN(T.ended[task])), columns: ["task", "state", "since", "polls", "busy", "site"], sort: ["since", -1] },
  { title: "All tasks", to: "task", rows: () => all(T.n), columns: ["task", "site", "state", "polls", "busy", "longest", "queued"], sort: ["task", 1] },
];
let open = 0;
const MORE = 60;

function showTable(which, rowsShown = MORE) {
  open = which;
  const table = TABLES[which], [sort, way] = table.sort;
  table.list ??= table.rows();
  if (table.sorted !== `${sort} ${way}`) {
    const keys = new Map(table.list.map((row) => [row, COLUMN[sort].by(row)]));
    const order = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
    table.list.sort((a, b) => way * order(keys.get(a), keys.get(b)) || a - b);
    table.sorted = `${sort} ${way}`;
  }
  for (const [i, tab] of [...$("tabs").children].entries()) {
    tab.setAttribute("aria-selected", i === which);
    tab.tabIndex = i === which ? 0 : -1;
  }
  $("sheet").setAttribute("aria-labelledby", `tab${which}`);
  if (!table.list.length) return $("sheet").replaceChildren(make("p", {}, "None."));
  const body = make("tbody", {}, ...table.list.slice(0, rowsShown).map((row) => tableRow(table, row)));
  const parts = [make("table", {}, make("caption", {}, table.title), tableHead(table), body)];
  if (table.list.length > rowsShown) {
    const left = table.list.length - rowsShown;
    parts.push(make("button", { type: "button", className: "more", onclick: () => showTable(which, rowsShown + 200) }, `Show ${Math.min(200, left)} more of ${left.toLocaleString("en")}`));
  }
  $("sheet").replaceChildren(...parts);
  markRow();
}

function tableHead(table) {
  const head = make("tr");
  for (const key of table.columns) {
    const column = COLUMN[key], cell = make("th", { scope: "col", className: column.number ? "n" : "" });
    const again = () => {
      table.sort = [key, table.sort[0] === key ? -table.sort[1] : column.number ? -1 : 1];
      showTable(open);
      $("sheet").querySelectorAll("th")[table.columns.indexOf(key)].querySelector("button").focus();
    };
    if (table.sort[0] === key) cell.setAttribute("aria-sort", table.sort[1] > 0 ? "ascending" : "descending");
    cell.append(column.by ? make("button", { type: "button", onclick: again }, column.name) : make("button", { type: "button", disabled: true }, column.name));
    head.append(cell);
  }
  return make("thead", {}, head);
}

function tableRow(table, row) {
  const line = make("tr", { onclick: () => select({ [table.to]: row }) });
  line.dataset.row = row;
  for (const key of table.columns) {
    const column = COLUMN[key], shown = short(column.show(row), 200), cell = make("td", { className: column.number ? "n" : "", title: column.number ? "" : shown });
    cell.append(line.children.length ? shown : make("button", { type: "button", className: "to" }, shown));
    line.append(cell);
  }
  return line;
}

/** Marks the row of what is selected. */
function markRow() {
  const mine = TABLES[open].to === "poll" ? chosen.poll : chosen.task;
  for (const line of $("sheet").querySelectorAll("tbody tr")) {
    if (line.dataset.row === String(mine)) line.setAttribute("aria-current", "true"); else line.removeAttribute("aria-current");
  }
}

function makeTabs() {
  TABLES.forEach((table, i) => {
    table.list = table.rows();
    const tab = make("button", { type: "button", id: `tab${i}`, onclick: () => showTable(i) }, table.title, make("span", {}, table.list.length.toLocaleString("en")));
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", "sheet");
    tab.onkeydown = (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      showTable((i + by + TABLES.length) % TABLES.length);
      $(`tab${open}`).focus();
      event.preventDefault();
    };
    $("tabs").append(tab);
  });
}

function makeFacts() {
  const facts = [["span", dur(SPAN)], ["tasks", T.n.toLocaleString("en")], ["polls", P.n.toLocaleString("en")], ["in use", share(SUMS.all, SPAN)], ["sleeps", Z.n.toLocaleString("en")]];
  $("facts").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  $("dropped").hidden = !RAW.dropped;
  $("dropped").textContent = `The recorder was full: ${count(RAW.dropped, "older event")} dropped. What came before is not known.`;
  $("empty").hidden = P.n > 0 || T.n > 0;
  $("empty").textContent = "The recording is empty: no task was spawned or polled.";
  const used = new Set();
  for (let poll = 0; poll < P.n; poll++) if (P.on[poll] >= -1 && !yields(poll)) used.add(kindOfWait(P.on[poll], ...wakeAfter(poll)));
  if (T.kind.some((kind) => kind >= 2)) used.add(POOL);
  const item = (kind, colour, words) => { const mark = make("i", { className: kind }); mark.style.setProperty("--c", `var(--${colour})`); return make("li", {}, mark, words); };
  const names = { other: "a thread, or unknown" };
  $("legend").replaceChildren(item("bar", "poll", "poll"), ...(took(SLOWEST) >= SLOW ? [item("bar", "slow", `poll of ${dur(SLOW)} or more`)] : []), item("hatch", "queued", "ready, in the queue"),
    ...(used.size ? [make("li", {}, "waits for:")] : []), ...CLASSES.filter((_, i) => used.has(i)).map((name) => item({ 7: "dash", 2.5: "dot" }[DASHES[name]?.[0]] ?? "", name, names[name] ?? name)));
}
