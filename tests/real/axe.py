"""What axe-core finds in pages, as Chromium draws them.

usage: axe.py CHROMIUM AXE.js URL...

Each page is looked at in a wide window and in one as narrow as a phone's, light and dark. One line of JSON for each finding: the page, how it was
drawn, the rule, its impact, what it asks for, and the elements.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile

LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]


class Browser:
    """Chromium, told what to do in its own protocol: messages of JSON over two pipes, with a zero byte after each."""

    def __init__(self, program, folder):
        to_it, ours = os.pipe()
        theirs, from_it = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_it, from_it)]  # not yet 3 or 4, which it reads and writes
        arguments = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server"]
        self.process = subprocess.Popen(
            [program, *arguments, *quiet, f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            start_new_session=True,
            preexec_fn=lambda: (os.dup2(ends[0], 3), os.dup2(ends[1], 4)),
        )
        for end in (to_it, from_it, *ends):
            os.close(end)
        self.out, self.answers = os.fdopen(ours, "wb"), os.fdopen(theirs, "rb")
        self.count, self.session = 0, None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")

    def ask(self, method, **params):
        self.count += 1
        session = {"sessionId": self.session} if self.session else {}
        self.out.write(json.dumps({"id": self.count, "method": method, "params": params, **session}).encode() + b"\0")
        self.out.flush()
        answer = self.wait(lambda message: message.get("id") == self.count)
        if "error" in answer:
            sys.exit(f"{method}: {answer['error']}")
        return answer["result"]

    def wait(self, is_it):
        while True:
            text = bytearray()
            while (byte := self.answers.read(1)) != b"\0":
                if not byte:
                    sys.exit("Chromium has ended")
                text += byte
            if is_it(message := json.loads(text)):
                return message

    def open(self, url, width, scheme):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        # Chromium may tell of the end of loading before it answers that it began.
        self.count += 1
        message = {"id": self.count, "method": "Page.navigate", "params": {"url": url}, "sessionId": self.session}
        self.out.write(json.dumps(message).encode() + b"\0")
        self.out.flush()
        self.wait(lambda message: message.get("method") == "Page.loadEventFired")

    def run(self, script):
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            sys.exit(f"a script failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")


def findings(browser, axe, url):
    for width, scheme in LOOKS:
        browser.open(url, width, scheme)
        if not browser.run("document.title"):
            sys.exit(f"{url}: no page")
        browser.run(axe + "; 0")
        for found in json.loads(browser.run("axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations))")):
            elements = [" ".join(map(str, node["target"])) for node in found["nodes"]]
            yield {"page": url, "look": f"{width} {scheme}", "rule": found["id"], "impact": found["impact"], "help": found["help"], "elements": elements}


def main():
    program, axe, *urls = sys.argv[1:]
    with open(axe, encoding="utf-8") as file:
        axe = file.read()
    # A process of Chromium's may write into its folder until it notices that the others are gone.
    with tempfile.TemporaryDirectory(prefix="clause9-chromium-", ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        try:
            for url in urls:
                for found in findings(browser, axe, url):
                    print(json.dumps(found))
        finally:
            os.killpg(browser.process.pid, signal.SIGKILL)
            browser.process.wait()


main()
