"""What is seen: colours, arrows, what is small and what is large; and how long it takes."""

import os, time
from page import FOLDER, near, open_page, same, test, width


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
    nodes, most = chrome.js("document.querySelectorAll('*').length"), chrome.js("frame.rects")
    assert nodes < 1500, f"{nodes} elements"
    took = []
    for step in range(24):
        chrome.wheel(400 + 20 * step, 300, dy=-60 if step < 12 else 60, ctrl=True)
        took.append(chrome.js("frame.took"))
        most = max(most, chrome.js("frame.rects"))
    pixels = chrome.js("(view.width - view.gutter) * (frame.lanes + 1)")
    assert most < 1.5 * pixels, f"{most} rectangles in a frame of {pixels} pixels"  # a bar, a wait, a queue in each
    took.sort()
    print(f"    {chrome.js('P.n'):,} polls: opened in {loaded * 1000:.0f} ms; a zoom step takes {took[12]:.1f} ms, at most {took[-1]:.1f}; at most {most} rectangles of {pixels}; {nodes} elements")


@test
def what_is_wider_than_a_pixel_is_drawn_for_itself(chrome):
    """Among a hundred thousand events a long poll may begin in a pixel that is full of short ones."""
    for name in ("large", "kinds", "hours"):
        open_page(chrome, name)
        missing = chrome.js("""(() => {
            const wide = (a, b) => px(b) - px(a) >= 2, polls = new Set(), rects = [], was = [drawPoll, rect];
            window.drawPoll = (poll, ...rest) => { polls.add(poll); was[0](poll, ...rest); };
            window.rect = (x, y, width, height) => { if (y < top0) rects.push(Math.round(x + width)); was[1](x, y, width, height); };
            draw();
            [window.drawPoll, window.rect] = was;
            const seen = new Set(shown.slice(0, frame.lanes));
            return [
                ...all(P.n).filter((p) => seen.has(P.task[p]) && wide(X.p0[p], X.p1[p]) && !polls.has(p)),
                ...all(Z.n).filter((z) => wide(X.z0[z], X.z1[z]) && !rects.some((x) => Math.abs(x - px(X.z1[z])) <= 1)),
                ...all(P.n).filter((p) => wide(X.p0[p], X.p1[p]) && !rects.some((x) => Math.abs(x - px(X.p1[p])) <= 2)),
            ];
        })()""")
        same(f"missing of {name}", missing, [])


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
