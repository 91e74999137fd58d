"""What a reader does: wheel, drag, fingers, keys, search."""

import re
from page import near, open_page, place, same, shown, test, width


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
