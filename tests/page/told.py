"""What the page tells: sentences, tables, names, and what it does not know."""

import re
from page import FOLDER, TRACES, open_page, place, same, sentence, test


@test
def every_page_opens_without_a_complaint_or_a_request(chrome):
    for name in TRACES:
        for how in ({"dark": False}, {"dark": True, "width": 390, "height": 844, "ratio": 3, "touch": True}):
            open_page(chrome, name, **how)
            chrome.js("setAxis(byOrder())")
            chrome.settle()
            same(f"complaints of {name}", chrome.complaints(), [])
            same(f"tasks of {name}", chrome.js("frame.lanes > 0"), name != "empty")
            same(f"{name} is as wide as the screen", chrome.js("document.documentElement.scrollWidth <= innerWidth"), True)


@test
def the_page_may_fetch_nothing(chrome):
    open_page(chrome, "one")
    same("fetched", chrome.js("fetch('data:text/plain,x').then(() => true, () => false)"), False)


@test
def sentences_say_what_the_story_says(chrome):
    for name in ("convoy", "kinds", "echo", "hours"):
        open_page(chrome, name)
        polls = chrome.js("Array.from({length: P.n}, (_, i) => [T.id[P.task[i]], P.start[i], took(i), delay(i), asText(pollWords(i))])")
        facts = [line.split("\t") for line in open(f"{FOLDER}/{name}.facts", encoding="utf-8").read().splitlines()]
        same(f"polls of {name}", len(polls), len(facts))
        for i, ((task, start, took, delay, said), fact) in enumerate(zip(polls, facts)):
            same(f"poll {i} of {name}", [task, start, took, delay or 0], [int(n) for n in fact[:4]])
            said = said.replace("\u2068", "").replace("\u2069", "")
            for part in expected(*fact[4:], int(fact[0])):
                assert part in said, f"poll {i} of {name}: «{said}» should hold «{part}»"


def expected(cause, via, ended, task):
    """The words that a sentence must have, from the lines that the Rust side wrote."""
    if cause == f"task {task}":
        yield "it had woken itself"
    elif via and not via.startswith("ended"):
        yield via
    elif cause.startswith("task"):
        yield f"because {cause}"
    elif cause.startswith("socket"):
        yield cause.split()[1]
        yield f"was {cause.split()[2]}"
    elif cause.startswith("timer"):
        yield f"because {cause} was due"
    elif cause.startswith("thread"):
        yield cause.split('"')[1]
    if ended.startswith("timer") or "::" in ended.split(" ")[0]:
        yield f"for {ended}"
    if ended.startswith("Done(Ready)"):
        yield "and ended."


@test
def clicking_a_poll_tells_it(chrome):
    open_page(chrome, "convoy")
    released = chrome.js("[...P.cause.keys()].find(p => P.via[p] >= 0 && str(RAW.vias[P.via[p]][0]).includes('released') && T.name[P.task[p]] >= 0 && nameOf(P.task[p]) === 'car 3')")
    chrome.click(*place(chrome, released))
    same("selected", chrome.js("chosen.poll"), released)
    site = r"tests/page/traces\.rs:\d+:\d+"
    wanted = (rf"Ran because task 3 “car 2” released the Mutex made at {site}; had waited 20 ms for Mutex::lock at {site} "
              rf"\(made at {site}\), which others got meanwhile from task 2 “car 1”; ran in no time; "
              rf"then waited 10 ms for timer 5 made at {site}\.")
    assert re.fullmatch(wanted, sentence(chrome)), sentence(chrome)
    assert "car 2" in chrome.js("$('say').textContent"), "the live region says it too"
    same("the chain of wakes", chrome.js("[...$('telling').querySelectorAll('dd')].map(fact => fact.textContent).find(fact => fact.includes('←'))"), "task 3 ← timer 3 was due")
    chrome.js("[...document.querySelectorAll('#telling dd .to')].find(link => link.textContent === 'task 3').click()")
    chrome.settle()
    same("focus", chrome.js("document.activeElement.id"), "lanes")
    same("its link leads to the poll that woke this one", chrome.js("[chosen.poll, nameOf(chosen.task)]"), [chrome.js(f"P.during[{released}]"), "car 2"])


@test
def clicking_a_name_tells_the_task(chrome):
    open_page(chrome, "kinds")
    chrome.js("go({u0: view.u0, u1: view.u1, y: 1e9})")
    chrome.settle()
    forever = chrome.js("all(T.n).find(t => nameOf(t) === 'forever')")
    x, y = chrome.js(f"(() => {{ const box = canvas.getBoundingClientRect(); return [box.left + 40, box.top + laneMiddle(laneTop(rowOf[{forever}]))]; }})()")
    chrome.click(x, y)
    assert "it never finished: for the last" in sentence(chrome), sentence(chrome)


@test
def tables_sort_and_lead_to_what_they_list(chrome):
    open_page(chrome, "kinds")
    cells = "[...document.querySelectorAll('#sheet tbody tr')].map(row => row.cells[%d].textContent)"
    rows = chrome.js("TABLES[0].list.map(took)")
    same("the slowest come first", rows, sorted(rows, reverse=True))
    assert "hog" in chrome.js(cells % 0)[0]
    same("said to be so", chrome.js("document.querySelector('th[aria-sort]').textContent + document.querySelector('th[aria-sort]').ariaSort"), "Randescending")
    chrome.js("document.querySelectorAll('#sheet th button')[2].click()")
    chrome.js("document.querySelectorAll('#sheet th button')[2].click()")
    rows = chrome.js("TABLES[0].list.map(poll => P.start[poll])")
    same("then by time", rows, sorted(rows))
    chrome.js("go({u0: SPAN * .9, u1: SPAN * .91}); document.querySelector('#sheet tbody tr').cells[3].click()")
    chrome.settle()
    same("a row jumps", chrome.js("[chosen.poll, X.p0[0] >= view.u0 && X.p0[0] <= view.u1]"), [0, True])
    same("and is marked", chrome.js("document.querySelector('tr[aria-current]').dataset.row"), "0")
    chrome.js("$('tab3').click()")
    unfinished = chrome.js(cells % 0), chrome.js(cells % 1)
    assert any("forever" in name for name in unfinished[0]), unfinished
    assert "waits for unknown" in unfinished[1], unfinished
    chrome.js("$('tab2').click()")
    rows = chrome.js("TABLES[2].list.map(task => COLUMN.wakes.by(task))")
    same("the most woken first", rows, sorted(rows, reverse=True))
    open_page(chrome, "thousand")
    chrome.js("$('tab4').click()")
    same("a long table begins short", chrome.js("document.querySelectorAll('#sheet tbody tr').length"), 60)
    chrome.js("document.querySelector('.more').click()")
    same("and grows", chrome.js("document.querySelectorAll('#sheet tbody tr').length"), 260)


@test
def names_are_text_whatever_they_hold(chrome):
    open_page(chrome, "hostile")
    same("broken", chrome.js("window.broken"), None)
    for i in range(chrome.js("T.n")):
        chrome.js(f"select({{task: {i}}})")
        same("the whole name is shown", chrome.js("document.querySelector('#telling h2 bdi')?.textContent ?? ''"), chrome.js(f"nameOf({i})"))
    for i in range(5):
        chrome.js(f"showTable({i}); select({{poll: {i}}})")
    chrome.settle()
    same("elements that a name made", chrome.js("document.querySelectorAll('img, #telling script, #sheet script').length"), 0)
    same("long names are cut", chrome.js("Math.max(...[...document.querySelectorAll('#sheet td')].map(cell => cell.textContent.length)) <= 200"), True)
    same("complaints", chrome.complaints(), [])


@test
def what_is_not_known_is_said(chrome):
    open_page(chrome, "empty")
    assert "empty" in chrome.js("$('empty').hidden || $('empty').textContent"), "an empty recording says so"
    open_page(chrome, "dropped")
    assert re.match(r"The recorder was full: [\d,]+ older events dropped\.", chrome.js("$('dropped').hidden || $('dropped').textContent"))
    unknown = chrome.js("asText(pollWords([...P.woken.keys()].find(p => isNaN(P.woken[p]))))")
    assert "before the recording" in unknown, unknown


@test
def tasks_that_were_dropped_with_their_runtime_end_there(chrome):
    open_page(chrome, "unfinished")
    chrome.js("select({poll: pollsOf(all(T.n).find(t => nameOf(t) === 'sleeper'))[0]})")
    assert "then waited 40 ms, until its runtime was dropped, for timer 1" in sentence(chrome), sentence(chrome)
    chrome.js("select({task: chosen.task})")
    assert "it was cancelled after 40 ms" in sentence(chrome), sentence(chrome)
    chrome.js("select({poll: P.n - 1})")
    same("ready, and never polled", sentence(chrome).startswith("Was dropped instead of polled, because it was spawned by task 1"), True)
    chrome.js("select({poll: P.n - 2})")
    same("waiting", sentence(chrome), "Was dropped with its runtime.")
