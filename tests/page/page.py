"""What the tests of the page share: the pages, and how to ask them."""

import os, sys

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
