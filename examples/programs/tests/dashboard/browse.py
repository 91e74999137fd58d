"""Opens the dashboard in a browser, and does there what a reader does. `tests/dashboard_page.rs` runs it.

`browse.py ADDRESS [FOLDER]`: pictures are left in the folder.
"""

import os, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../../tests/page"))
from chrome import Chrome

ADDRESS = sys.argv[1]
FOLDER = sys.argv[2] if len(sys.argv) > 2 else None
TESTS = []

# A task's row: its name, what it waits for, and whether it has ended.
ROWS = """[...document.querySelectorAll("#tasks tr")].map(row => ({
    name: row.querySelector("b").textContent, waits: row.children[2].textContent, ended: row.classList.contains("ended")}))"""


class Live(Chrome):
    def settle(self):
        self.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def until(self, what, expression):
        """The first value of the expression that is not empty: the page asks for news by itself."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if found := self.js(expression):
                return found
        raise AssertionError(f"{what}: not within 30 s; {expression}\n{self.js(ROWS)}")

    def press(self, selector):
        x, y = self.js(f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
                       "return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        self.click(x, y)

    def shown(self, name):
        return f"{ROWS}.find(row => row.name === {name!r} && !row.ended)"

    def keep(self, name):
        if FOLDER:
            self.picture(f"{FOLDER}/{name}.png")


def test(function):
    TESTS.append(function)


@test
def tasks_are_shown_while_a_request_runs_and_leave_with_it(chrome):
    chrome.until("the loop's first task", chrome.shown("main"))
    assert not chrome.js(chrome.shown("ask news"))
    chrome.press("[data-call='GET /summary']")
    row = chrome.until("a task of the request", chrome.shown("ask news"))
    assert "timer, due in" in row["waits"], row
    chrome.keep("summary")
    chrome.until("its end", f"!({chrome.shown('ask news')})")
    answer = chrome.until("the answer", "document.querySelector('#answers li b').textContent.startsWith('200') && document.querySelector('#answers li').textContent")
    assert "headline" in answer, answer


@test
def how_long_a_task_waits_counts_up_while_one_looks(chrome):
    waited = f"(() => {{ const row = [...document.querySelectorAll('#tasks tr')].find(row => row.querySelector('b').textContent === 'server'); return row?.children[3].textContent; }})()"
    first = chrome.until("a wait", waited)
    chrome.until("a longer one", f"{waited} !== {first!r}")


@test
def rows_are_shown_as_they_come(chrome):
    chrome.press("[data-call^='GET /rows']")
    row = "+(document.querySelector('#answers li div').textContent.match(/\"row\":(\\d+)/)?.[1] ?? 0)"
    early = chrome.until("a row", row)
    assert early < 20, early
    chrome.until("the last row", f"({row}) === 20")


@test
def a_name_that_is_markup_is_shown_as_text(chrome):
    name = "<img src=x onerror=broken=1>"
    chrome.js(f"document.getElementById('name').value = {name!r}")
    chrome.press("#signup")
    chrome.until("its task", chrome.shown(f"mail to {name}"))
    chrome.until("its line in the journal", f"document.querySelector('#journal').textContent.includes({name!r})")
    assert chrome.js("document.images.length") == 0
    assert chrome.js("typeof broken") == "undefined"


@test
def a_handler_that_blocks_the_loop_stands_out(chrome):
    chrome.press("[data-call^='POST /block']")
    chrome.until("a long poll", "document.querySelector('#ran.high output')?.textContent === '≤ 500 ms'")
    chrome.keep("blocked")
    chrome.until("the time after it", "!document.querySelector('#ran.high')")


@test
def dark_and_light_are_a_press_apart(chrome):
    ground = "getComputedStyle(document.body).backgroundColor"
    before = chrome.js(ground)
    chrome.press("#theme")
    assert chrome.js(ground) != before


@test
def nothing_is_wider_than_a_phone(chrome):
    chrome.open(ADDRESS, width=360, height=760, ratio=2, touch=True)
    chrome.until("the numbers", "document.querySelector('#busy output').textContent")
    chrome.keep("phone")
    assert chrome.js("document.documentElement.scrollWidth") <= 360


def others(chrome):
    """What the browser complained of, but for the page's own requests."""
    return [line for line in chrome.complaints() if not line.startswith((f"request: {ADDRESS}", "request: data:"))]


def portraits(chrome):
    """The page in the midst of work, with some seconds behind it."""
    requests = ["[data-call='GET /summary']", "[data-call^='GET /rows']", "#signup", "[data-call^='POST /orders']", "[data-call='GET /checksum']"]
    for dark in (True, False):
        chrome.open(ADDRESS, height=1000, dark=dark)
        for n in range(10):
            chrome.press(requests[n % len(requests)])
            time.sleep(1.3)
        for request in requests[2:3] + requests[1:2] + requests[:1]:
            chrome.press(request)
        chrome.until("a task of the request", chrome.shown("ask news"))
        chrome.keep("dark" if dark else "light")


def main():
    chrome, failed = Live(), 0
    try:
        for function in TESTS:
            try:
                chrome.open(ADDRESS, dark=True)
                function(chrome)
                if complaints := others(chrome):
                    raise AssertionError(complaints)
                print(f"ok    {function.__name__}", flush=True)
            except (AssertionError, RuntimeError) as error:
                failed += 1
                print(f"FAIL  {function.__name__}: {error}", flush=True)
        if FOLDER:
            portraits(chrome)
    finally:
        chrome.close()
    if failed:
        raise SystemExit(f"{failed} failed")


main()
