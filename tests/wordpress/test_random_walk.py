"""A random walk of order changes, with a failing gateway, restarts and killed processes in between.

Whatever happens: every change arrives once, in order for each order, and the gateway's last word is the shop's.
"""

import itertools
import random
import subprocess
import threading

from tests.wordpress.connector import Connector
from tests.wordpress.fake_gateway import FakeGateway, Received, Reply
from tests.wordpress.site import LAB, WordPressSite

SEED = 20260301
CHANGES = 200
ORDERS = 12
STATUSES = ["pending", "on-hold", "processing", "completed", "failed", "cancelled"]
# What the gateway does with an event, and how often.  After "lost" it has the event, but its reply does not arrive.
MOODS = {"accepts": 60, "unavailable": 15, "lost": 10, "limited": 3, "unauthorized": 2}
# What happens after a change, and how often.
INCIDENTS = {"nothing": 60, "run": 12, "time passes": 8, "gateway restarts": 3, "killed run": 3}
KILLED_CHANGES = 0.08


class MoodyGateway(FakeGateway):
    """Answers at random, and keeps what it has accepted in the order of arrival."""

    def __init__(self, chance: random.Random, accepted: list[dict], port: int = 0):
        self.chance, self.accepted = chance, accepted
        self.is_calm = False
        super().__init__(port=port)

    def _reply_to(self, request: Received) -> Reply:
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
            scripted = self._script.pop(0) if self._script else None
        if not request.verified or request.json["event"].startswith("relay."):
            return Reply(202 if request.verified else 401)
        mood = "accepts" if self.is_calm else self.chance.choices([*MOODS], [*MOODS.values()])[0]
        if scripted:
            mood = "accepts"
        if mood in ("accepts", "lost"):
            known = request.event_id in {one["event_id"] for one in self.accepted}
            if not known:
                self.accepted.append(request.json)
            good = Reply(200, '{"status":"duplicate"}') if known else Reply()
            return Reply(502, "") if mood == "lost" else scripted or good
        return {
            "unavailable": Reply(503, '{"error":"unavailable"}'),
            "limited": Reply(429, '{"error":"rate_limited"}', {"Retry-After": "30"}),
            "unauthorized": Reply(401, '{"error":"unauthorized"}'),
        }[mood]


class Walk:
    """The shop, the gateway, and what has really happened to each order."""

    def __init__(self, shop: WordPressSite, connector: Connector):
        self.chance = random.Random(SEED)
        self.shop, self.connector = shop, connector
        self.accepted: list[dict] = []
        self.gateway = MoodyGateway(self.chance, self.accepted)
        shop.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{self.gateway.port}"})
        connector.connect(self.gateway)
        made = shop.php(
            f"for ( $i = 0; $i < {ORDERS}; $i++ ) {{ echo wc_create_order()->get_id(), ' '; }}"
        )
        self.history: dict[int, list[str]] = {int(number): ["pending"] for number in made.split()}

    def change(self) -> None:
        """Change the status of one order, in a process that may be killed right after."""
        order = self.chance.choice([*self.history])
        statuses = self.history[order]
        statuses.append(self.chance.choice([one for one in STATUSES if one != statuses[-1]]))
        code = f"wc_get_order( {order} )->update_status( '{statuses[-1]}' );"
        if self.chance.random() < KILLED_CHANGES:
            subprocess.run(
                ["php", "-r", f"require $argv[3]; {code} posix_kill( getmypid(), 9 );",
                 str(self.shop.document_root), f"127.0.0.1:{self.shop.port}", str(LAB / "boot.php")],
                capture_output=True, timeout=60,
            )  # fmt: skip
        else:
            self.shop.php(code)

    def incident(self) -> None:
        """Something happens, or nothing."""
        match self.chance.choices([*INCIDENTS], [*INCIDENTS.values()])[0]:
            case "run":
                self.shop.run_cron()
            case "time passes":
                self.connector.pass_time(self.chance.choice([30, 90, 400, 4000]))
                self.shop.run_cron()
            case "gateway restarts":
                self.restart_gateway()
            case "killed run":
                self.kill_a_run()

    def restart_gateway(self) -> None:
        """The gateway is away during one run."""
        port = self.gateway.port
        self.gateway.close()
        self.shop.run_cron()
        self.gateway = MoodyGateway(self.chance, self.accepted, port)

    def kill_a_run(self) -> None:
        """PHP is killed while it waits for the gateway, which has the event."""
        gate = threading.Event()
        self.connector.pass_time(4000)
        before = len(self.gateway.received)
        self.gateway.reply(Reply(hold=gate))

        def run() -> None:
            try:
                self.shop.run_cron()
            except OSError:
                pass  # the server is killed under it

        runner = threading.Thread(target=run)
        runner.start()
        self.gateway.wait_for(before + 1)
        self.shop.kill_server()
        gate.set()
        runner.join()
        self.shop.start_server()

    def calm_down(self) -> None:
        """The gateway accepts everything until nothing waits."""
        self.gateway.is_calm = True
        self.gateway.reset()
        for _ in range(30):
            self.connector.pass_time(4000)
            self.shop.run_cron()
            if not [row for row in self.connector.rows() if row["state"] == "waiting"]:
                return
        raise AssertionError("events still wait")


def test_every_change_arrives_once_and_in_order_and_the_last_word_is_the_shops(shop, connector):
    walk = Walk(shop, connector)
    for _ in range(CHANGES):
        walk.change()
        walk.incident()
    walk.calm_down()
    walk.gateway.close()
    assert len({one["event_id"] for one in walk.accepted}) == ORDERS + CHANGES == len(walk.accepted)
    for order, statuses in walk.history.items():
        events = [one for one in walk.accepted if one["data"]["id"] == order]
        assert events[0]["event"] == "order.created"
        changes = [(one["data"]["previous_status"], one["data"]["status"]) for one in events[1:]]
        assert changes == list(itertools.pairwise(statuses)), order
        revisions = [one["revision"] for one in events]
        assert revisions == sorted(set(revisions))
        stored = shop.php(f"echo wc_get_order( {order} )->get_status();")
        assert stored == statuses[-1] == events[-1]["data"]["current_status"]
