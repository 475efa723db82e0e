#!/usr/bin/env python3
"""A client of the sync protocol (../protocol.md) that keeps its records in one JSON file.

It works offline: what is created, updated or deleted waits in the file until `sync` takes
it to the server and brings back what other devices did.

    pip install -r requirements.txt && export SYNC_TOKEN=...
    python client.py --store notes.json create '{"title": "milk"}'
    python client.py --store notes.json --server http://127.0.0.1:8080 sync

The file holds the truth as the server last confirmed it and, apart, the edits made on top.
An edit is forgotten when a pull has answered it; until then it is pushed again, which does no
harm. So one thing mends a lost answer, an expired session or a killed process: a new session.
"""

import argparse
import fcntl
import hashlib
import http.client
import json
import os
import sys
import time
import uuid
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib import error, request

import rfc8785

Record = dict[str, Any]
PUSHED = ["key", "is_pending", "entity", "value", "created", "updated", "deleted", "base"]


def load(text: str | bytes) -> Any:
    """JSON whose numbers are doubles: an integer too long to be exact becomes a float."""
    return json.loads(text, parse_int=lambda n: int(n) if len(n) < 16 else float(n))


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def record_fingerprint(entity: str, value: Any) -> str:
    return hashlib.sha256(rfc8785.dumps({"entity": entity, "value": value})).hexdigest()[:32]


def total_fingerprint(items: Iterable[tuple[str, str]]) -> str:
    hashes = (hashlib.sha256(k.encode() + b"\0" + bytes.fromhex(f)).digest() for k, f in items)
    return f"{sum(int.from_bytes(h, 'big') for h in hashes) % 2**256:064x}"


class Refused(Exception):
    """The server answered with a problem; status 0: no answer came, so nobody knows."""

    def __init__(self, status: int, problem: Record) -> None:
        self.status, self.code = status, problem.get("code")
        super().__init__(f"{status} {self.code}: {problem.get('detail') or problem.get('title')}")


@dataclass
class Store:
    """What the device keeps, in a file that one process at a time has open."""

    path: str
    device_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: list[str] = field(default_factory=list)
    datastore: str | None = None
    last_sync: str | None = None
    truth: dict[str, Record] = field(default_factory=dict)  # as last confirmed, by real key
    edits: dict[str, Record] = field(default_factory=dict)  # not yet answered, by key or own UUID
    aside: list[Record] = field(default_factory=list)  # edits of what is deleted and forgotten

    @classmethod
    def open(cls, path: str) -> "Store":
        lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it when the process ends
        return cls(path, **(load(Path(path).read_bytes()) if os.path.exists(path) else {}))

    def save(self) -> None:
        """All or nothing, also when the process or the machine dies in the middle."""
        with open(f"{self.path}.new", "w", encoding="utf-8") as file:
            file.write(dump({n: v for n, v in vars(self).items() if n != "path"}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{self.path}.new", self.path)

    def held(self) -> list[tuple[str, str]]:
        """Key and fingerprint of each confirmed record, in the order of keys."""
        return sorted((key, record["fingerprint"]) for key, record in self.truth.items())

    def drop_damaged(self) -> None:
        """Forget each record whose value is not the one confirmed: a repair fetches it."""
        self.truth = {key: r for key, r in self.truth.items()
                      if record_fingerprint(r["entity"], r["value"]) == r["fingerprint"]}

    def create(self, value: Any, entity: str) -> str:
        rfc8785.dumps(value)  # refuses what is no JSON value
        key, now = str(uuid.uuid4()), datetime.now(timezone.utc).isoformat()
        self.edits[key] = {"key": key, "is_pending": True, "entity": entity, "value": value,
                           "created": now, "updated": now}
        return key

    def edit(self, key: str, change: Any, removed: Iterable[str] = (), **more: Any) -> None:
        """Update a record: set and remove fields of an object, or replace another value."""
        old = self.edits.get(key) or self.truth.get(key)
        if old is None or old.get("deleted"):
            sys.exit(f"there is no record {key}")
        if isinstance(change, dict) and isinstance(old["value"], dict):
            change = {f: v for f, v in (old["value"] | change).items() if f not in removed}
        rfc8785.dumps(change)
        now = datetime.now(timezone.utc).isoformat()
        self.edits[key] = old | {"value": change, "updated": now} | more  # the base stays


@dataclass
class Server:
    url: str
    token: str

    def call(self, path: str, body: Record | None = None, patience: int = 4) -> Any:
        data = None if body is None else dump(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            asked = request.Request(f"{self.url.rstrip('/')}/v1/{path}", data, headers)
            with request.urlopen(asked, timeout=60) as answer:
                return load(answer.read())
        except error.HTTPError as refusal:
            if refusal.code in (429, 503) and patience:  # busy: nothing was changed
                time.sleep(int(refusal.headers.get("Retry-After") or 1))
                return self.call(path, body, patience - 1)
            try:
                raise Refused(refusal.code, load(refusal.read())) from None
            except (OSError, ValueError):
                raise Refused(refusal.code, {"title": refusal.reason}) from None
        except (OSError, http.client.HTTPException, ValueError) as lost:
            raise Refused(0, {"title": str(lost)}) from lost


class Session:
    """One session: open, push, pull, finish; and reconcile where the fingerprints differ."""

    def __init__(self, store: Store, server: Server) -> None:
        self.store, self.server, self.seq = store, server, 0
        self.sent: set[str] = set()  # edits pushed, not rejected, and not yet answered

    def run(self, mode: str, confirm: bool) -> Record:
        opened = answer = self.open(mode)
        if self.uuid is not None:
            self.push_edits(confirm, refresh=opened["mode"] == "refresh")
            if opened["mode"] == "repair":
                self.reconcile()
            for _ in range(3):
                self.pull()
                held = self.store.held()
                answer = self.call("finish", last_update=self.max_checkin, count=len(held),
                                   fingerprint=total_fingerprint(held))
                if answer["in_sync"]:
                    break
                self.reconcile()
        return {"mode": opened["mode"], "in_sync": answer["in_sync"],
                "pending": len(self.store.edits), "conflicts": answer["conflicts"]["open"]}

    def call(self, phase: str, **body: Any) -> Any:
        return self.server.call(f"sync/{phase}", {"sync_uuid": self.uuid, **body})

    def open(self, mode: str) -> Any:
        store, attempt = self.store, str(uuid.uuid4())
        store.drop_damaged()
        store.attempts = store.attempts[:1] + [*store.attempts[1:], attempt][-15:]
        store.save()  # before it is sent
        body = {"device_uuid": store.device_uuid, "attempts": store.attempts, "protocol": 1,
                "mode": mode, "last_sync": store.last_sync, "pending": len(store.edits),
                "fingerprint": total_fingerprint(store.held()),
                **({"datastore": store.datastore} if store.datastore else {})}
        answer = self.server.call("sync/open", body)
        self.uuid, self.limits = answer["sync_uuid"], answer["limits"]
        self.max_checkin, store.datastore = answer["max_checkin"], answer["datastore"]
        store.attempts = [attempt] if self.uuid else store.attempts[:-1]
        if self.uuid is None:  # in sync: there is nothing to do
            store.last_sync = self.max_checkin
        store.save()
        return answer

    def push_edits(self, confirm: bool, refresh: bool) -> None:
        """Push what waits; in a refresh the server is older than this device: all there is."""
        edits = self.store.edits
        records = self.store.truth | edits if refresh else edits
        rejected = self.push(records.values(), confirm)
        for key, edit in edits.items():
            edit["problem"] = rejected.get(key)  # it stays, for the person to mend
        self.sent = edits.keys() - rejected.keys()

    def push(self, records: Iterable[Record], confirm: bool = False) -> dict[str, Record]:
        """Push in batches that keep to the limits; return the problems of what is rejected."""
        rejected: dict[str, Record] = {}
        batches: list[list[Record]] = []
        limit, room = self.limits["body_bytes"] - 1000, 0
        for kept in records:
            record = {name: kept[name] for name in PUSHED if name in kept}
            size = len(dump(record).encode()) + 1
            if size > limit:
                rejected[record["key"]] = {"code": "too_large"}
                continue
            if size > room or len(batches[-1]) == self.limits["push_records"]:
                batches.append([])
                room = limit
            batches[-1].append(record)
            room -= size
        for batch in batches:
            answer = self.call("push", seq=self.seq, records=batch, confirm=confirm,
                               more=batch is not batches[-1])
            self.seq += 1
        if batches:  # the last answer is about all of them
            self.max_checkin = answer["max_checkin"]
            rejected |= {r["key"]: r["problem"] for r in answer["rejected"]}
        return rejected

    def pull(self) -> None:
        """Collect all pages, then apply them at once: the store never holds half a pull."""
        page = self.call("pull", cursor=None, limit=self.limits["pull_records"])
        records = page["records"]
        while page["cursor"] is not None:
            page = self.call("pull", cursor=page["cursor"], limit=self.limits["pull_records"])
            records += page["records"]
        self.apply(records)
        self.store.last_sync = self.max_checkin
        self.store.save()

    def apply(self, records: list[Record]) -> None:
        """Store what the server tells, and forget the edits that it answers."""
        truth, edits = self.store.truth, self.store.edits
        for record in records:
            key, deleted = record["key"], record.get("deleted", False)
            name = record.get("local_id") or key
            pushed = truth.get(key) or truth.get(name) or {}
            if name != key:  # the record takes up the key that the server gave it
                truth.pop(name, None)
            if name in self.sent:
                self.sent.remove(name)
                pushed = edits.pop(name)
                if deleted and "created" not in record and not pushed.get("deleted"):
                    self.store.aside.append(pushed)
            if deleted:
                truth.pop(key, None)
                continue
            value = record["value"] if "value" in record else pushed["value"]
            fingerprint = record_fingerprint(record["entity"], value)
            if fingerprint != record["fingerprint"]:
                sys.exit(f"record {key}: the fingerprint told is not that of its value")
            truth[key] = {n: record[n] for n in ("key", "entity", "created", "updated")} | {
                "value": value, "base": record["checkin"], "fingerprint": fingerprint}

    def reconcile(self) -> None:
        """Narrow ranges of keys down to the records that differ, and mend these."""
        held = self.store.held()

        def inside(start: str, end: str | None) -> list[tuple[str, str]]:
            stop = None if end is None else bisect_left(held, (end,))
            return held[bisect_left(held, (start,)):stop]

        def cut(start: str, end: str | None) -> Iterator[Record]:
            items = inside(start, end)
            if len(items) < 32:
                yield {"from": start, "to": end, "items": items}
                return
            size = -(-len(items) // 16)
            firsts = [start, *(key for key, _ in items[size::size])]
            for first, last in zip(firsts, [*firsts[1:], end], strict=True):
                part = inside(first, last)
                yield {"from": first, "to": last, "count": len(part),
                       "fingerprint": total_fingerprint(part)}

        asks, most = list(cut("", None)), min(100, self.limits["pull_records"])
        found: dict[str, list[Any]] = {"records": [], "drop": [], "send": []}
        while asks:
            answer, asks = self.call("reconcile", ranges=asks[:most]), asks[most:]
            for told in reversed(answer["ranges"]):
                theirs = told.get("fingerprint") or total_fingerprint(told["items"])
                if theirs != total_fingerprint(inside(told["from"], told["to"])):
                    asks = [*cut(told["from"], told["to"]), *asks]
            for name, some in found.items():
                some += answer[name]
        self.apply(found["records"])
        for key in found["drop"]:
            self.store.truth.pop(key, None)
        self.push([self.store.truth[key] for key in found["send"]])


def sync(store: Store, server: Server, mode: str, confirm: bool) -> Record:
    """Sync, with a new session after whatever ends one before its time."""
    waits = [1, 2, 4, 8]
    while True:
        try:
            return Session(store, server).run(mode, confirm)
        except Refused as reason:
            if not waits:
                raise
            if reason.code == "stale_device":  # the file is a copy: be a device of its own
                store.device_uuid, store.attempts = str(uuid.uuid4()), []
            elif reason.status not in (0, 410, 500, 502, 503, 504):
                raise
        time.sleep(waits.pop(0))


def main() -> None:
    parser = argparse.ArgumentParser(description="A client of the sync protocol.")
    parser.add_argument("--server", default="http://127.0.0.1:8080", metavar="URL")
    parser.add_argument("--token", default=os.environ.get("SYNC_TOKEN", ""))
    parser.add_argument("--store", required=True, metavar="FILE")
    parser.add_argument("--entity", default="record", help="of the record that is created")
    parser.add_argument("--confirm", action="store_true", help="yes, delete that many records")
    parser.add_argument("command", nargs="+", help="""create JSON | update KEY JSON [FIELD, to
        remove it]... | delete KEY | list | sync | verify | conflicts | settle ID truth/device""")
    args = parser.parse_args()
    store, server = Store.open(args.store), Server(args.server, args.token)
    match args.command:
        case ["create", value]:
            print(store.create(load(value), args.entity))
        case ["update", key, value, *removed]:
            store.edit(key, load(value), removed)
        case ["delete", key]:
            store.edit(key, {}, deleted=True)
        case ["list"]:
            for key, record in sorted((store.truth | store.edits).items()):
                print("pending" if key in store.edits else "synced ", dump(record))
            for record in store.aside:
                print("aside  ", dump(record))
        case ["sync" | "verify" as command]:  # verify compares every record, not one sum
            report = sync(store, server, "auto" if command == "sync" else "repair", args.confirm)
            print(dump(report))
            sys.exit(not report["in_sync"])
        case ["conflicts"]:
            print(dump(server.call("conflicts")))
        case ["settle", conflict, take]:
            print(dump(server.call(f"conflicts/{conflict}", {"take": take})))
        case _:
            parser.error("no such command")
    store.save()


if __name__ == "__main__":
    try:
        main()
    except (Refused, ValueError) as reason:
        sys.exit(str(reason))
