"""Reads the recorded pages in a browser as a person would, and checks what they show. `.ci/page` runs it.

With names of tests after the folder it runs those alone."""

import sys, time
from chrome import Chrome
from page import TESTS
import told, moved, seen  # their tests add themselves


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
