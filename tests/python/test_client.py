"""Runs the example client, docs/examples/client.py, against the server of $TIDEMARK_BIN.

Only its command line is used, as a person would; what it keeps is looked at in its files, and
what the server keeps by `GET /v1/records`. Nothing waits for a time, so nothing depends on one.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib import error, request

CLIENT = Path(__file__).parents[2] / "docs/examples/client.py"
IN_SYNC = {"in_sync": True, "pending": 0, "conflicts": 0}


def load(text: str | bytes) -> Any:
    """JSON as the protocol takes it: each number is a double."""
    return json.loads(text, parse_int=float)


class Relay(ThreadingHTTPServer):
    """Hands calls on to a server; `before` and `after` see each one's path."""

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), Relayed)
        self.server, self.url = server, f"http://127.0.0.1:{self.server_address[1]}"
        self.before: Callable[[str], None] = lambda path: None
        self.after: Callable[[str], None] = lambda path: None


class Relayed(BaseHTTPRequestHandler):
    server: Relay

    def do_POST(self) -> None:  # noqa: N802, the name that http.server calls
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {"Authorization": self.headers["Authorization"]}
        self.server.before(self.path)
        try:
            call = request.Request(self.server.server + self.path, body, headers)
            with request.urlopen(call) as it:
                status, answer = it.status, it.read()
        except error.HTTPError as refusal:
            status, answer = refusal.code, refusal.read()
        self.server.after(self.path)
        with contextlib.suppress(ConnectionError):  # of a client that was killed
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Says nothing: what a test finds is said by the test."""


class Device:
    """One store of the client, and its commands."""

    def __init__(self, path: Path, server: str, token: str) -> None:
        self.path, self.server, self.token = path, server, token

    def start(self, *words: str, server: str | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, CLIENT, "--store", self.path, "--server", server or self.server]
        return subprocess.Popen([*command, *words], env=os.environ | {"SYNC_TOKEN": self.token},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words: str) -> str:
        process = self.start(*words)
        out, complaint = process.communicate()
        if process.returncode != 0:
            raise AssertionError(f"{words} failed: {out}{complaint}")
        return out.strip()

    def sync(self, command: str = "sync") -> dict[str, Any]:
        return json.loads(self.run(command))

    def kept(self) -> dict[str, Any]:
        return load(self.path.read_bytes())

    def values(self) -> dict[str, Any]:
        """What is synced, by key; fails where an edit waits or was set aside."""
        kept = self.kept()
        if kept["edits"] or kept["aside"]:
            raise AssertionError(f"not everything is synced: {kept}")
        return {key: record["value"] for key, record in kept["truth"].items()}

    def only(self) -> str:
        """The key of the only record there is."""
        (key,) = self.values()
        return key


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.url = self.serve()
        body = json.dumps({"user": "alice"}).encode()
        with request.urlopen(f"{self.url}/v1/dev/token", body) as answer:
            self.token = json.load(answer)["token"]
        self.phone, self.laptop = self.device("phone"), self.device("laptop")

    def serve(self) -> str:
        """Starts a server of the test's own and tells its address."""
        server = subprocess.Popen(
            [os.environ["TIDEMARK_BIN"], "serve", "--dev", "--listen", "127.0.0.1:0",
             "--database", "sqlite:truth.db"],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        for line in server.stdout:
            if told := re.match(r"listening on (\S+)", line):
                return told[1]
        raise AssertionError("the server ended before it listened")

    def device(self, name: str) -> Device:
        return Device(self.folder / f"{name}.json", self.url, self.token)

    def relay(self) -> Relay:
        relay = Relay(self.url)
        thread = Thread(target=relay.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(relay.server_close)
        self.addCleanup(relay.shutdown)
        return relay

    def call(self, path: str) -> Any:
        asked = request.Request(f"{self.url}/v1/{path}",
                                headers={"Authorization": f"Bearer {self.token}"})
        with request.urlopen(asked) as answer:
            return load(answer.read())

    def truth(self) -> dict[str, Any]:
        return {record["key"]: record["value"] for record in self.call("records")["records"]}

    def share(self, value: str) -> str:
        """Makes a record that both devices hold, and tells its key."""
        self.phone.run("create", value)
        self.phone.sync()
        self.laptop.sync()
        return self.phone.only()

    def assert_in_sync(self, report: dict[str, Any], mode: str, **more: Any) -> None:
        self.assertEqual(report, IN_SYNC | {"mode": mode} | more)

    def assert_all_equal(self) -> None:
        """Both devices hold what the server holds, record by record, and both sums say so."""
        for device in (self.phone, self.laptop):
            self.assertTrue(device.sync("verify")["in_sync"])
            self.assertEqual(device.values(), self.truth())

    def test_both_devices_see_what_either_made(self) -> None:
        values = [{"title": "milk", "é": ["\u2028", 1e21, -0.0, 0.1]}, None, "text", 2**64 - 1]
        for value in values:
            self.phone.run("create", json.dumps(value))
        self.laptop.run("create", '{"title": "bread"}', "--entity", "todo")
        self.assert_in_sync(self.phone.sync(), "fast")
        self.assert_in_sync(self.laptop.sync(), "fast")
        self.assert_in_sync(self.phone.sync(), "fast")
        self.assertEqual(len(self.truth()), 5)
        self.assert_all_equal()
        self.assert_in_sync(self.phone.sync(), "fast")

    def test_edits_of_different_fields_are_merged(self) -> None:
        key = self.share('{"title": "milk", "done": false, "note": "2 l"}')
        self.phone.run("update", key, '{"title": "oat milk"}')
        self.laptop.run("update", key, '{"done": true}', "note")
        self.phone.sync()
        self.assert_in_sync(self.laptop.sync(), "fast")
        self.phone.sync()
        self.assertEqual(self.truth(), {key: {"title": "oat milk", "done": True}})
        self.assert_all_equal()

    def test_what_loses_a_conflict_can_be_taken(self) -> None:
        key = self.share('{"title": "milk"}')
        self.phone.run("update", key, '{"title": "oat milk"}')
        self.laptop.run("update", key, '{"title": "soy milk"}')
        self.phone.sync()
        self.assert_in_sync(self.laptop.sync(), "fast", conflicts=1)
        self.phone.sync()
        self.assertEqual(self.truth(), {key: {"title": "soy milk"}})
        (conflict,) = json.loads(self.phone.run("conflicts"))["conflicts"]
        self.assertEqual(conflict["truth"], {"title": "oat milk"})
        self.phone.run("settle", conflict["id"], "truth")
        self.assert_in_sync(self.phone.sync(), "fast")
        self.assert_in_sync(self.laptop.sync(), "fast")
        self.assertEqual(self.truth(), {key: {"title": "oat milk"}})
        self.assert_all_equal()

    def test_a_deletion_arrives_and_an_edit_survives_one(self) -> None:
        for title in ("milk", "bread"):
            self.phone.run("create", json.dumps({"title": title}))
        self.phone.sync()
        self.laptop.sync()
        milk, bread = sorted(self.truth(), key=lambda key: self.truth()[key]["title"], reverse=True)
        self.phone.run("delete", milk)
        self.phone.run("delete", bread)
        self.laptop.run("update", bread, '{"title": "brown bread"}')
        self.phone.sync()
        self.assert_in_sync(self.laptop.sync(), "fast", conflicts=1)
        self.phone.sync()
        self.assertEqual(self.truth(), {bread: {"title": "brown bread"}})
        self.assert_all_equal()

    def test_what_is_made_and_deleted_offline_is_never_seen(self) -> None:
        self.phone.run("delete", self.phone.run("create", '{"title": "milk"}'))
        self.assert_in_sync(self.phone.sync(), "fast")
        self.assertEqual(self.truth(), {})
        self.assert_all_equal()

    def test_a_value_that_rotted_is_repaired_by_the_next_sync(self) -> None:
        for number in range(40):
            self.phone.run("create", json.dumps({"number": number}))
        self.phone.sync()
        self.laptop.sync()
        before = self.truth()
        kept = self.laptop.kept()
        rotten = sorted(kept["truth"])[20]
        kept["truth"][rotten]["value"] = {"number": "rot"}
        self.laptop.path.write_text(json.dumps(kept), encoding="utf-8")
        self.assert_in_sync(self.laptop.sync(), "repair")
        self.assertEqual(self.laptop.values(), before)
        self.assertEqual(self.truth(), before)
        self.assert_all_equal()

    def test_a_client_killed_in_a_push_doubles_nothing(self) -> None:
        made: list[str] = []
        for moment in ("before", "after"):
            with self.subTest(killed=f"{moment} the server has the push"):
                relay = self.relay()
                for title in ("milk", "bread"):
                    self.phone.run("create", json.dumps({"title": f"{title} {moment}"}))
                client = self.phone.start("sync", server=relay.url)

                def kill(path: str, client: subprocess.Popen[str] = client) -> None:
                    if path == "/v1/sync/push":
                        client.kill()
                        client.wait()

                setattr(relay, moment, kill)
                client.communicate()
                self.assertEqual(client.returncode, -9)
                self.assertEqual(len(self.phone.kept()["edits"]), 2)
                self.assertTrue(self.phone.sync()["in_sync"])
                made += [f"milk {moment}", f"bread {moment}"]
                titles = [value["title"] for value in self.truth().values()]
                self.assertEqual(sorted(titles), sorted(made))
                self.laptop.sync()
                self.assert_all_equal()

    def test_a_copy_of_a_device_becomes_one_of_its_own(self) -> None:
        self.phone.run("create", '{"title": "milk"}')
        self.phone.sync()
        copy = self.device("copy")
        copy.path.write_bytes(self.phone.path.read_bytes())
        self.phone.run("create", '{"title": "bread"}')
        self.phone.sync()
        copy.run("create", '{"title": "salt"}')
        self.assert_in_sync(copy.sync(), "fast")
        self.assertNotEqual(copy.kept()["device_uuid"], self.phone.kept()["device_uuid"])
        self.phone.sync()
        self.laptop.sync()
        self.assertEqual(len(self.truth()), 3)
        self.assertEqual(copy.values(), self.truth())
        self.assert_all_equal()


if __name__ == "__main__":
    unittest.main()
