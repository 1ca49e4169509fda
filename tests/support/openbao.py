"""A real OpenBao with its data on disk: stopped and started again, it has the same secrets and is sealed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from tests.support.network import free_port, wait_for

BAO = Path(sys.executable).parent / "bao"
CONFIG = """
storage "raft" {{
  path = "{folder}/data"
  node_id = "one"
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster}"
"""


class OpenBao:
    """``url`` and ``token`` (of root).  ``start`` leaves it unsealed, with the engines of the tests:
    ``kv`` and ``team/kv`` of version 2, ``old`` of version 1, and AppRole.
    """

    def __init__(self, folder: Path):
        (folder / "data").mkdir(parents=True)
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = self.token = ""
        self.process: subprocess.Popen[bytes] | None = None
        config = CONFIG.format(folder=folder, port=self.port, cluster=free_port())
        (folder / "bao.hcl").write_text(config)

    def start(self) -> None:
        self.run()
        if not self.key:
            made = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self.key, self.token = made["keys"][0], made["root_token"]
            self.unseal()
            for mount, version in (("kv", "2"), ("team/kv", "2"), ("old", "1")):
                engine = {"type": "kv", "options": {"version": version}}
                self.call("POST", f"sys/mounts/{mount}", engine)
            self.call("POST", "sys/auth/approle", {"type": "approle"})
            return
        self.unseal()

    def run(self) -> None:
        """Start the process, which is sealed then."""
        self.process = subprocess.Popen(
            [str(BAO), "server", f"-config={self.folder / 'bao.hcl'}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: self.health() is not None, what="OpenBao to answer")

    def health(self) -> int | None:
        try:
            return requests.get(f"{self.url}/v1/sys/health", timeout=2).status_code
        except requests.RequestException:
            return None

    def unseal(self) -> None:
        self.call("PUT", "sys/unseal", {"key": self.key})
        wait_for(lambda: self.health() == 200, what="OpenBao to be active")

    def seal(self) -> None:
        self.call("PUT", "sys/seal")
        wait_for(lambda: self.health() == 503, what="OpenBao to be sealed")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """One call as root.  -> the answer's JSON"""
        answer = requests.request(
            method,
            f"{self.url}/v1/{path}",
            headers={"X-Vault-Token": self.token},
            json=body,
            timeout=60,  # its storage waits for the disk, which a busy machine shares
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def store(self, mount: str, path: str, **fields: str) -> None:
        """A secret of version 2, or of version 1 in ``old``."""
        if mount == "old":
            self.call("POST", f"old/{path}", fields)
        else:
            self.call("POST", f"{mount}/data/{path}", {"data": fields})

    def policy(self, name: str, path: str) -> None:
        """A policy that may read ``path``."""
        rule = f'path "{path}" {{ capabilities = ["read"] }}'
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": rule})

    def new_token(self, policy: str, ttl: str = "1h") -> str:
        made = self.call("POST", "auth/token/create", {"policies": [policy], "ttl": ttl})
        return str(made["auth"]["client_token"])

    def revoke(self, token: str) -> None:
        self.call("POST", "auth/token/revoke", {"token": token})

    def new_role(self, name: str, policy: str, ttl: str = "1h") -> tuple[str, str]:
        """A role of AppRole.  -> its role id and a secret id"""
        self.call("POST", f"auth/approle/role/{name}", {"token_policies": policy, "token_ttl": ttl})
        role = self.call("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        secret = self.call("POST", f"auth/approle/role/{name}/secret-id", {})["data"]["secret_id"]
        return str(role), str(secret)

    def env(self, **more: str) -> dict[str, str]:
        """The settings of a process that reads from it as root."""
        return {"VAULT_ADDR": self.url, "VAULT_TOKEN": self.token, **more}
