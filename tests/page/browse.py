"""Reads the recorded pages in a browser as a person would, and checks what they show. `.ci/page` runs it."""

import os, re, sys, time
from chrome import Chrome

FOLDER = sys.argv[1]
TRACES = sorted(name[:-5] for name in os.listdir(FOLDER) if name.endswith(".html"))
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def open_page(chrome, name, **how):
    chrome.open(f"{FOLDER}/{name}.html", **how)


def sentence(chrome):
    return chrome.js("document.querySelector('#sentence')?.textContent").translate({0x2068: None, 0x2069: None})


def place(chrome, poll):
    """Where a poll is on the screen."""
    return chrome.js(f"(() => {{ const box = canvas.getBoundingClientRect(); const p = {poll};"
                     "return [box.left + (px(X.p0[p]) + px(X.p1[p])) / 2, box.top + laneMiddle(laneTop(rowOf[P.task[p]]))]; })()")


def same(what, was, should):
    assert was == should, f"{what}: {was!r}, and should be {should!r}"


def near(what, was, should, by=1e-6):
    assert abs(was - should) <= by * max(1, abs(should)), f"{what}: {was!r}, and should be {should!r}"


def shown(chrome):
    return chrome.js("[view.u0, view.u1, view.y]")


def width(chrome):
    return chrome.js("view.u1 - view.u0")


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
def what_is_under_the_pointer_is_told(chrome):
    tip = "$('tip').hidden ? null : $('tip').innerText.replace(/[\u2068\u2069]/g, '')"
    open_page(chrome, "convoy")
    poll = chrome.js("pollsOf(4)[1]")
    x, y = place(chrome, poll)
    chrome.mouse("mouseMoved", x, y)
    chrome.settle()
    assert re.fullmatch(r"task 5 “car 4” ran 0\nbecause task 4 “car 3” released the Mutex made at .*", chrome.js(tip)), chrome.js(tip)
    chrome.mouse("mouseMoved", x - 25, y)
    chrome.settle()
    assert re.fullmatch(r"task 5 “car 4” waits 30 ms\nfor Mutex::lock at .*", chrome.js(tip)), chrome.js(tip)
    top = chrome.js("canvas.getBoundingClientRect().top + AXIS + LOOP / 2")
    chrome.mouse("mouseMoved", chrome.js("px((X.z0[3] + X.z1[3]) / 2)"), top)
    chrome.settle()
    assert chrome.js(tip).startswith("asleep for 5 ms"), chrome.js(tip)
    chrome.mouse("mouseMoved", 600, 780)
    chrome.settle()
    same("away from the lanes", chrome.js(tip), None)


@test
def the_wheel_zooms_where_the_pointer_is_and_scrolls_where_lanes_overflow(chrome):
    open_page(chrome, "convoy")
    before, at = width(chrome), chrome.js("unpx(700)")
    chrome.wheel(700, 300, dy=-240)
    assert width(chrome) < before * 0.7, "the plain wheel zooms in"
    near("what is under the pointer", chrome.js("unpx(700)"), at)
    chrome.wheel(700, 300, dy=20, ctrl=True)
    assert before * 0.7 < width(chrome) <= before, "with ctrl it zooms out"
    left = shown(chrome)[0]
    chrome.wheel(700, 300, dx=12)
    assert shown(chrome)[0] > left, "sideways it pans"
    open_page(chrome, "thousand")
    before = width(chrome)
    chrome.wheel(700, 300, dy=240)
    same("scrolled", shown(chrome)[2] > 0, True)
    near("not zoomed", width(chrome), before)
    chrome.wheel(700, 70, dy=-240)
    assert width(chrome) < before, "over the overview the wheel zooms"


@test
def dragging_pans_and_with_shift_chooses_a_stretch(chrome):
    open_page(chrome, "convoy")
    chrome.js("go({u0: SPAN * .3, u1: SPAN * .6})")
    chrome.settle()
    at = chrome.js("unpx(800)")
    chrome.drag(800, 300, 600, 300)
    near("what was taken hold of", chrome.js("unpx(600)"), at, 1e-4)
    a, b = chrome.js("[unpx(500), unpx(700)]")
    chrome.mouse("mousePressed", 500, 300, button="left", clickCount=1, modifiers=8)
    chrome.mouse("mouseMoved", 700, 300, button="left", buttons=1, modifiers=8)
    chrome.mouse("mouseReleased", 700, 300, button="left", clickCount=1, modifiers=8)
    chrome.settle()
    near("from", shown(chrome)[0], a, 1e-3)
    near("to", shown(chrome)[1], b, 1e-3)
    chrome.drag(300, 70, 900, 70)
    near("the overview's window follows", chrome.js("overU(900)"), chrome.js("(view.u0 + view.u1) / 2"), 1e-3)


@test
def fingers_pinch_pan_and_tap(chrome):
    open_page(chrome, "convoy", width=390, height=844, ratio=3, touch=True)
    before, middle = width(chrome), chrome.js("unpx(250)")
    chrome.touch([(220, 350), (280, 350)], [(200, 350), (300, 350)], [(160, 350), (340, 350)])
    assert width(chrome) < before / 2, "two fingers zoom in"
    near("what is between them stays", chrome.js("unpx(250)"), middle, 0.02)
    at = chrome.js("unpx(300)")
    chrome.touch([(300, 350)], [(260, 350)], [(220, 350)])
    near("what is under the finger stays", chrome.js("unpx(220)"), at, 0.01)
    chrome.js("fitAll()")
    chrome.settle()
    poll = chrome.js("pollsOf(3)[1]")
    chrome.touch([tuple(place(chrome, poll))])
    same("tapped", chrome.js("P.task[chosen.poll]"), 3)


@test
def keys_zoom_pan_and_walk(chrome):
    open_page(chrome, "convoy")
    whole = width(chrome)
    chrome.js("canvas.focus()")
    chrome.key("+")
    chrome.key("w")
    near("zoomed in twice", width(chrome), whole * 0.36)
    left = shown(chrome)[0]
    chrome.key("d")
    chrome.key("ArrowRight")
    near("panned", shown(chrome)[0], left + 0.3 * width(chrome))
    chrome.key("a")
    chrome.key("ArrowLeft")
    near("and back", shown(chrome)[0], left)
    chrome.key("-")
    near("zoomed out", width(chrome), whole * 0.6)
    chrome.key("0")
    near("all is shown", width(chrome), whole)
    chrome.js("select({poll: pollsOf(2)[1]})")
    chrome.key("]")
    same("the task's next poll", chrome.js("chosen.poll === pollsOf(2)[2]"), True)
    chrome.key("[")
    chrome.key("[")
    same("its first", chrome.js("chosen.poll === pollsOf(2)[0]"), True)
    chrome.key("Enter")
    assert width(chrome) < whole / 100, "Enter zooms to what is selected"
    chrome.key("o")
    same("by order", chrome.js("X.name"), "order")
    chrome.key("?")
    same("help", chrome.js("$('help').open"), True)


@test
def everything_is_reached_by_keys_alone(chrome):
    open_page(chrome, "kinds")
    reached = []
    for _ in range(12):
        chrome.key("Tab")
        reached.append(chrome.js("document.activeElement.id"))
        assert chrome.js("getComputedStyle(document.activeElement).outlineStyle") != "none", f"{reached[-1]} shows its focus"
        if reached[-1] == "lanes":
            break
    same("on the way", reached, ["find", "out", "in", "fit", "axis", "theme", "keys", "lanes"])
    chrome.key("Enter")
    same("the first poll", chrome.js("chosen.poll"), 0)
    chrome.key("Tab")
    chrome.key("Tab")
    chrome.key("Tab", shift=True)
    same("the second", chrome.js("chosen.poll"), 1)
    same("it is told", chrome.js("$('say').textContent.startsWith('Poll 1 of')"), True)
    chrome.key("Escape")
    same("let go", chrome.js("[chosen.poll, document.activeElement.id]"), [-1, "lanes"])
    while chrome.js("document.activeElement.role") != "tab":
        chrome.key("Tab")
    chrome.key("ArrowRight")
    same("the next table", chrome.js("document.activeElement.textContent.startsWith('Longest queue')"), True)
    while chrome.js("document.activeElement.tagName + document.activeElement.className") != "BUTTONto":
        chrome.key("Tab")
    chrome.key("Enter")
    same("a row leads to its poll", chrome.js("chosen.poll === TABLES[1].list[0]"), True)


@test
def the_search_finds_names_ids_and_places(chrome):
    open_page(chrome, "convoy")
    chrome.key("/")
    same("focus", chrome.js("document.activeElement.id"), "find")
    chrome.type("car")
    same("found", chrome.js("$('found').textContent"), "1 of 8")
    chrome.key("Enter")
    same("the next", chrome.js("[$('found').textContent, nameOf(chosen.task)]"), ["2 of 8", "car 2"])
    for text, name in (("CAR 5", "car 5"), ("#4", "car 3"), ("7", "car 6")):
        chrome.js("$('find').select()")
        chrome.type(text)
        same(text, chrome.js("nameOf(chosen.task)"), name)
    chrome.js("$('find').select()")
    chrome.type("traces.rs")
    same("by place", chrome.js("$('found').textContent"), "1 of 9")
    chrome.js("$('find').select()")
    chrome.type("car 7")
    chrome.js("$('only').click()")
    chrome.settle()
    same("lanes", chrome.js("[frame.lanes, nameOf(shown[0])]"), [1, "car 7"])
    chrome.js("$('find').select()")
    chrome.type("nobody")
    same("none", chrome.js("[$('found').textContent, shown.length]"), ["none", 9])
    chrome.js("$('find').focus()")
    chrome.key("Escape")
    same("left", chrome.js("[$('find').value, search.set.size, document.activeElement.id]"), ["", 0, "lanes"])
    open_page(chrome, "thousand")
    chrome.key("/")
    chrome.type("900")
    same("its lane is on the screen", chrome.js("laneTop(rowOf[chosen.task]) > top0 && laneTop(rowOf[chosen.task]) < view.height"), True)


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


@test
def arrows_are_drawn_where_they_can_be_told_apart(chrome):
    arrows = "frame.arrows"
    open_page(chrome, "convoy")
    chrome.js("setAxis(byOrder())")
    chrome.settle()
    assert chrome.js(arrows) > 40, "each wake has its arrow"
    open_page(chrome, "large")
    same("all of a hundred thousand events", chrome.js(arrows), 0)
    chrome.js("select({poll: [...P.during.keys()].find(p => P.during[p] >= 0 && P.task[P.during[p]] !== P.task[p])}, false)")
    chrome.settle()
    assert chrome.js(arrows) >= 1, "but those of the selected poll"


@test
def hours_and_nanoseconds_are_read_side_by_side(chrome):
    open_page(chrome, "hours")
    assert "5 h" in chrome.js("$('facts').textContent")
    chrome.js("select({poll: pollsOf(2)[1]}, false); focusOn()")
    chrome.settle()
    assert width(chrome) < 1000, "zoomed to below a microsecond"
    near("and drawn where it is", chrome.js("px(X.p0[chosen.poll])"), chrome.js("view.gutter + (view.width - view.gutter) / 3"), 0.1)
    chrome.js("setAxis(byOrder()); fitAll()")
    chrome.settle()
    widths = chrome.js("[...P.start.keys()].map(p => px(X.p1[p]) - px(X.p0[p]))")
    near("by order all polls are as wide", min(widths), max(widths))


# How people see who lack one kind of cone (Machado, Oliveira and Fernandes, 2009), in linear light.
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
WAITS = ("timer", "socket", "lock", "channel", "signal", "join", "pool", "other")


def linear(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def contrast(a, b):
    """As the accessibility guidelines (WCAG 2) count it."""
    a, b = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(a), linear(b)))
    return (b + 0.05) / (a + 0.05)


def lab(r, g, b):
    xyz = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b, (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def themes(chrome):
    for dark in (False, True):
        open_page(chrome, "tour", dark=dark)
        yield chrome.js("document.documentElement.dataset.theme"), chrome.js("C")


@test
def dark_and_light_can_be_read(chrome):
    for theme, C in themes(chrome):
        text = [(ink, ground) for ink in ("ink", "dim") for ground in ("sheet", "ground", "lane", "chosen")]
        text += [("accent", "sheet"), ("accent", "chosen"), ("poll-text", "poll"), ("sheet", "slow"), ("on-accent", "accent"), ("parked-ink", "parked"), ("ink", "mark")]
        for ink, ground in text:
            assert contrast(C[ink], C[ground]) >= 4.5, f"{theme}: {ink} on {ground} has {contrast(C[ink], C[ground]):.2f}"
        for line in (*WAITS, "poll", "slow", "queued"):
            for ground in ("sheet", "lane"):
                assert contrast(C[line], C[ground]) >= 3, f"{theme}: {line} on {ground} has {contrast(C[line], C[ground]):.2f}"
        chrome.key("t")
        assert chrome.js("C.sheet") != C["sheet"], f"T leaves {theme}"


@test
def the_colour_blind_can_tell_waits_apart(chrome):
    for theme, C in themes(chrome):
        dashes = chrome.js("DASHES")
        for name, eye in EYES.items():
            seen = {}
            for wait in WAITS:
                light = [min(1, max(0, sum(part * cone for part, cone in zip(linear(C[wait]), row)))) for row in eye]
                seen[wait] = lab(*light)
            for a in WAITS:
                for b in WAITS:
                    if a < b and dashes.get(a) == dashes.get(b):
                        far = sum((p - q) ** 2 for p, q in zip(seen[a], seen[b])) ** 0.5
                        assert far >= 20, f"{theme}, {name}: {a} and {b} are {far:.0f} apart"


@test
def motion_is_left_out_for_who_wants_none(chrome):
    for calm in (True, False):
        open_page(chrome, "convoy", calm=calm)
        flies = chrome.js("(() => { zoom(0.5, undefined, glide); return flight > 0; })()")
        same("there is a flight", flies, not calm)


@test
def a_hundred_thousand_events_are_smooth(chrome):
    start = time.monotonic()
    open_page(chrome, "large")
    loaded = time.monotonic() - start
    nodes, most = chrome.js("document.querySelectorAll('*').length"), 0
    assert nodes < 1500, f"{nodes} elements"
    took = []
    for step in range(24):
        chrome.wheel(400 + 20 * step, 300, dy=-60 if step < 12 else 60, ctrl=True)
        took.append(chrome.js("frame.took"))
        most = max(most, chrome.js("frame.rects"))
    pixels = chrome.js("(view.width - view.gutter) * (frame.lanes + 1)")
    assert most < pixels, f"{most} rectangles in a frame of {pixels} pixels"
    took.sort()
    print(f"    {chrome.js('P.n'):,} polls: opened in {loaded * 1000:.0f} ms; a zoom step takes {took[12]:.1f} ms, at most {took[-1]:.1f}; at most {most} rectangles of {pixels}; {nodes} elements")


@test
def pictures_are_taken(chrome):
    for name, how, act in (
        ("light", {}, "setAxis(byOrder()); select({poll: 20})"),
        ("dark", {"dark": True}, "select({poll: SLOWEST})"),
        ("phone", {"width": 390, "height": 844, "ratio": 2, "touch": True, "dark": True}, "select({poll: 20})"),
    ):
        open_page(chrome, {"light": "tour", "dark": "kinds", "phone": "tour"}[name], **how)
        chrome.js(act)
        chrome.settle()
        chrome.picture(f"{FOLDER}/{name}.png")
        assert os.path.getsize(f"{FOLDER}/{name}.png") > 20_000, name


def main():
    only, failed = sys.argv[2:], 0
    chrome = Chrome()
    try:
        for function in TESTS:
            if only and function.__name__ not in only:
                continue
            start = time.monotonic()
            try:
                function(chrome)
                print(f"ok    {function.__name__} ({time.monotonic() - start:.1f}s)", flush=True)
            except (AssertionError, RuntimeError) as error:
                failed += 1
                print(f"FAIL  {function.__name__}: {error}", flush=True)
    finally:
        chrome.close()
    if failed:
        raise SystemExit(f"{failed} failed")


main()
