"""A real WordPress for tests: private database, own document root, own web server, all in one temporary folder.

    with WordPressSite(constants={"RELAY_CONNECTOR_ALLOW_HOST": "127.0.0.1:8000"}) as site:
        site.set_option("relay_connector_endpoint", "http://127.0.0.1:8000/webhooks/wp")
        comment_id = site.post_comment("Jane", "jane@example.org", "Hello")
        site.run_cron()

Needs the Debian packages wordpress, wordpress-theme-twentytwentythree, mariadb-server, php-cli, php-mysql, php-curl,
php-xml, php-mbstring, php-gd, php-intl and php-zip; ``server="fpm"`` also php-fpm and nginx-light; ``newer=True`` also
php-sqlite3, the npm packages of this folder and ``tests/wordpress/newest.py``.
"""

import glob
import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import requests

from scripts.build_assets import fetch
from tests.support.network import free_port
from tests.wordpress import newest
from tests.wordpress.processes import Daemon, StartupFailed, listens

PLUGIN = Path(__file__).resolve().parents[2] / "wp-plugin" / "relay-connector"
CORE = Path("/usr/share/wordpress")
CONTENT = Path("/var/lib/wordpress/wp-content")
LAB = Path(__file__).with_name("lab")
BUILDS = Path(__file__).with_name("node_modules") / "@wp-playground" / "wordpress-builds"
ADMIN = "admin"
PASSWORD = "lab-pass-123456"
WORKERS = 4


class WordPressSite:
    """One running site.  ``constants`` go into wp-config.php; ``server`` is ``cli`` (php -S) or ``fpm`` (nginx).

    It is Debian's WordPress 6.1 on MariaDB; with ``newer`` the newest WordPress that Debian has, on SQLite.
    """

    # Files of a changing wp-config.php must be read again at once.
    opcache_revalidate_s = 0

    def __init__(
        self,
        constants: dict | None = None,
        server: str = "cli",
        activate: bool = True,
        newer: bool = False,
    ):
        self.root = Path(tempfile.mkdtemp(prefix="wordpress-"))
        self.root.chmod(0o755)
        self.document_root = self.root / "www"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.newer = newer
        self._server_kind = server
        self._activate = activate
        self._constants = dict(constants or {})
        self._token = secrets.token_hex(16)
        self._daemons: list[Daemon] = []
        self._web: Daemon | None = None
        self._http = requests.Session()
        self._http.trust_env = False

    # -- life

    def __enter__(self) -> "WordPressSite":
        return self.start()

    def __exit__(self, *_exc) -> None:
        self.close()

    def start(self) -> "WordPressSite":
        """Bring everything up: about three seconds."""
        if not (CORE / "wp-settings.php").exists():
            raise StartupFailed(
                "WordPress is not installed: apt-get install wordpress wordpress-theme-twentytwentythree"
            )
        try:
            if self.newer:
                self._unpack_newer()
            else:
                self._prepare_debians()
            self._add_plugins()
            self._write_config()
            self._run_script("install.php", self._token)
            if self._activate:
                self._run_script("activate.php", "relay-connector/relay-connector.php")
            self.start_server()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End every process and remove the folder."""
        self._http.close()
        for daemon in [self._web, *self._daemons]:
            if daemon:
                daemon.kill()
        self._web, self._daemons = None, []
        shutil.rmtree(self.root, ignore_errors=True)

    def start_server(self) -> None:
        """Start the web server (again)."""
        self._http.close()  # connections to a killed server
        if self._server_kind == "fpm":
            self._start_fpm()
        else:
            # Files of a changing wp-config.php must be read again at once.
            self._web = Daemon(
                ["php", "-d", "opcache.enable_cli=1", "-d", "opcache.revalidate_freq=0", "-S", f"127.0.0.1:{self.port}",
                 "-t", str(self.document_root)],
                self.root / "web.log",
                {"PHP_CLI_SERVER_WORKERS": str(WORKERS)},
            )  # fmt: skip
        self._web.wait_until(lambda: listens(self.port), "The web server")

    def make_network(self) -> None:
        """Make a network of sites out of it, by domains; more sites come with ``add_site``."""
        host = f"127.0.0.1:{self.port}"
        self._run_script("network.php")
        self.set_constants(
            self._constants
            | {"WP_HOME": None, "WP_SITEURL": None, "MULTISITE": True, "SUBDOMAIN_INSTALL": True,
               "DOMAIN_CURRENT_SITE": host, "PATH_CURRENT_SITE": "/", "SITE_ID_CURRENT_SITE": 1,
               "BLOG_ID_CURRENT_SITE": 1}
        )  # fmt: skip

    def add_site(self, host: str) -> int:
        """A further site of the network, reached with the header ``Host: host``; returns its number."""
        url = f"http://{host}"
        return int(
            self.php(
                f"$id = wpmu_create_blog( 'made.example', '/', 'Another shop', 1 ); global $wpdb;"
                f"$wpdb->update( $wpdb->blogs, array( 'domain' => {php_literal(host)} ), array( 'blog_id' => $id ) );"
                f"update_blog_option( $id, 'siteurl', {php_literal(url)} ); update_blog_option( $id, 'home', {php_literal(url)} );"
                "update_blog_option( $id, 'comment_previously_approved', 0 ); clean_blog_cache( $id ); echo $id;"
            )
        )

    def kill_server(self) -> None:
        """End PHP in the middle of whatever it does, as a crash or a host's process limit would."""
        self._web.kill()
        # The workers have no parent by then; only the port shows when they have ended.
        while listens(self.port):
            pass

    # -- what a visitor and the clock do

    def post_comment(self, author: str, email: str, content: str, **more: Any) -> int:
        """Write a comment through wp-comments-post.php; returns its id."""
        answer = self._comment(author, email, content, **more)
        return int(re.search(r"#comment-(\d+)$", answer.headers["Location"])[1])

    def post_comment_headers(self, author: str, email: str, content: str, **more: Any):
        """The same; returns the headers of the answer."""
        return self._comment(author, email, content, **more).headers

    def _comment(
        self,
        author: str,
        email: str,
        content: str,
        *,
        post_id: int = 1,
        url: str = "",
        host: str | None = None,
        **more: str,
    ) -> requests.Response:
        answer = self._http.post(
            f"{self.url}/wp-comments-post.php",
            data={"comment_post_ID": post_id, "author": author, "email": email, "url": url, "comment": content,
                  "submit": "Post", "comment_parent": 0, **more},
            headers={"Host": host} if host else None,
            allow_redirects=False,
            timeout=60,
        )  # fmt: skip
        found = re.search(r"#comment-(\d+)$", answer.headers.get("Location", ""))
        assert answer.status_code == 302 and found, f"{answer.status_code}: {answer.text[:500]}"
        return answer

    def run_cron(self) -> None:
        """Call WP-Cron over HTTP; the plugin's own events run whether they are due or not yet."""
        self.php(
            "$due = array(); foreach ( _get_cron_array() as $when => $hooks ) {"
            " foreach ( $hooks as $hook => $events ) {"
            "  if ( 0 === strpos( $hook, 'relay_connector_' ) ) { $due[1][ $hook ] = $events; }"
            "  else { $due[ $when ][ $hook ] = $events; } } }"
            " ksort( $due ); _set_cron_array( $due ); delete_transient( 'doing_cron' );"
        )
        self._http.get(f"{self.url}/wp-cron.php?doing_wp_cron", timeout=90).raise_for_status()

    # -- inside WordPress

    def php(
        self, code: str, host: str | None = None, session: requests.Session | None = None
    ) -> str:
        """Run PHP inside the booted WordPress, in a request of its own; returns what it printed."""
        answer = (session or self._http).post(
            f"{self.url}/",
            data={"lab_token": self._token, "lab_php": code},
            headers={"Host": host} if host else None,
            timeout=60,
        )
        assert answer.status_code == 200, f"{code}\n{answer.status_code}: {answer.text[-1500:]}"
        return answer.text

    def command(self, verb: str, *words: str, stdin: str = "", **options) -> str:
        """``wp relay VERB WORD… --option=value``; returns what it printed."""
        call = f"WP_CLI::$commands['relay']->{verb}( {php_literal(list(words))}, {php_literal(options)} );"
        answer = self._http.post(
            f"{self.url}/",
            data={"lab_token": self._token, "lab_php": call, "lab_cli": "1", "lab_stdin": stdin},
            timeout=60,
        )
        assert answer.status_code == 200, f"{call}\n{answer.status_code}: {answer.text[-1500:]}"
        return answer.text

    def mails(self) -> list[dict]:
        """Every e-mail that the site has sent, oldest first."""
        return self.php_json("get_option( 'lab_mails', array() )")

    def php_json(self, expression: str):
        """The value of a PHP expression."""
        return json.loads(self.php(f"echo wp_json_encode( {expression} );"))

    def option(self, name: str):
        """An option's value; ``False`` when there is none."""
        return self.php_json(f"get_option( {php_literal(name)} )")

    def set_option(self, name: str, value) -> None:
        """Set an option past the settings page."""
        self.php(f"update_option( {php_literal(name)}, {php_literal(value)} );")

    def set_constants(self, constants: dict) -> None:
        """Replace the extra constants of wp-config.php, from the next request on."""
        self._constants = dict(constants)
        self._write_config()

    @property
    def constants(self) -> dict:
        """The extra constants of wp-config.php."""
        return dict(self._constants)

    def add_mu_plugin(self, name: str, source: str) -> Path:
        """Put a must-use plugin in; remove it with ``unlink()``."""
        path = self.document_root / "wp-content/mu-plugins" / name
        path.write_text(source, encoding="utf-8")
        return path

    def debug_log(self) -> str:
        """Everything that WordPress and PHP have logged."""
        path = self.document_root / "wp-content/debug.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def clear_debug_log(self) -> None:
        """Forget what was logged: for a test that broke something on purpose."""
        (self.document_root / "wp-content/debug.log").unlink(missing_ok=True)

    # -- wp-admin

    def login(self, user: str = ADMIN, password: str = PASSWORD) -> requests.Session:
        """A session that is logged in to wp-admin."""
        session = requests.Session()
        session.trust_env = False
        session.cookies.set("wordpress_test_cookie", "WP%20Cookie%20check")
        answer = session.post(
            f"{self.url}/wp-login.php", data={"log": user, "pwd": password, "testcookie": "1"}, allow_redirects=False,
            timeout=60,
        )  # fmt: skip
        assert answer.status_code == 302, f"the login failed: {answer.status_code}"
        return session

    def login_cookies(self, user: str = ADMIN, password: str = PASSWORD) -> list[dict]:
        """The same login as cookies for a Playwright context: ``context.add_cookies(site.login_cookies())``."""
        return [
            {"name": cookie.name, "value": cookie.value, "domain": "127.0.0.1", "path": cookie.path}
            for cookie in self.login(user, password).cookies
            if cookie.value and cookie.domain
        ]

    # -- making of

    def _prepare_debians(self) -> None:
        database = threading.Thread(target=self._guarded, args=(self._start_database,))
        self._failure: BaseException | None = None
        database.start()
        self._copy_document_root()
        database.join()
        if self._failure:
            raise self._failure

    def _unpack_newer(self) -> None:
        fetch(BUILDS.parents[2])
        root = self._made(self.document_root)
        if newest.fetch():
            self._run(["cp", "-rL", f"{newest.CORE}/.", str(root)])
        else:  # The PHP is in the zip, all that browsers load lies beside it.
            self._run(["unzip", "-q", str(BUILDS / "src/wordpress/wp-6.5.zip"), "-d", str(root)])
            self._run(["cp", "-rn", f"{BUILDS}/public/wp-6.5/.", str(root)])
        content = self.document_root / "wp-content"
        shutil.rmtree(content / "database", ignore_errors=True)
        drop_in = content / "plugins/sqlite-database-integration"
        archive = BUILDS / "src/sqlite-database-integration/sqlite-database-integration.zip"
        self._run(["unzip", "-q", str(archive), "-d", str(self.root)])
        shutil.copytree(self.root / "sqlite-database-integration-main", drop_in, dirs_exist_ok=True)
        text = (drop_in / "db.copy").read_text()
        text = text.replace("{SQLITE_IMPLEMENTATION_FOLDER_PATH}", str(drop_in))
        text = text.replace("{SQLITE_PLUGIN}", "sqlite-database-integration/load.php")
        (content / "db.php").write_text(text)
        self.database_port = 0

    def _guarded(self, step) -> None:
        try:
            step()
        except BaseException as failure:  # handed to the thread that waits
            self._failure = failure

    def _start_database(self) -> None:
        folder = self.root / "db"
        own_tmp = (
            folder / "tmp"
        )  # a server that starts clears away what others have in a shared one
        own_tmp.mkdir(parents=True)
        user = []
        if os.geteuid() == 0:
            account = pwd.getpwnam("mysql")
            for one in (folder, own_tmp):
                os.chown(one, account.pw_uid, account.pw_gid)
            user = ["--user=mysql"]
        self._run(
            ["mariadb-install-db", "--no-defaults", "--force", *user, f"--datadir={folder}/data", "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            {"TMPDIR": str(own_tmp)},
        )  # fmt: skip
        self.database_port = free_port()
        socket_path = f"{folder}/s.sock"
        daemon = Daemon(
            [shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", *user, f"--datadir={folder}/data",
             f"--tmpdir={own_tmp}", f"--socket={socket_path}", f"--port={self.database_port}", "--bind-address=127.0.0.1",
             f"--pid-file={folder}/pid", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0",
             "--skip-name-resolve"],
            self.root / "db.log",
        )  # fmt: skip
        self._daemons.append(daemon)
        client = ["--no-defaults", "-uroot", "-S", socket_path]
        daemon.wait_until(
            lambda: (
                subprocess.run(["mariadb-admin", *client, "ping"], capture_output=True).returncode
                == 0
            ),
            "MariaDB",
        )
        self._run(
            ["mariadb", *client, "-e", "CREATE DATABASE wp CHARACTER SET utf8mb4;"
             " CREATE USER wp@127.0.0.1 IDENTIFIED BY 'wp'; GRANT ALL ON *.* TO wp@127.0.0.1;"]
        )  # fmt: skip

    def _copy_document_root(self) -> None:
        # The packaged copy is full of links to other packages.
        self._run(["cp", "-rL", f"{CORE}/.", str(self._made(self.document_root))])
        if CONTENT.exists():
            self._run(["cp", "-rL", f"{CONTENT}/.", str(self.document_root / "wp-content")])
        (self.document_root / ".htaccess").unlink(missing_ok=True)
        (self.document_root / "wp-config.php").unlink(missing_ok=True)

    def _add_plugins(self) -> None:
        shutil.copytree(PLUGIN, self.document_root / "wp-content/plugins/relay-connector")
        must_use = self._made(self.document_root / "wp-content/mu-plugins")
        shutil.copy(LAB / "mu-plugin.php", must_use / "lab.php")
        shutil.copy(LAB / "wp-cli.php", self._made(must_use / "lab") / "wp-cli.php")

    def _write_config(self) -> None:
        # Constants of the tests win: PHP would warn about a constant defined twice.
        constants = {
            "DB_NAME": "wp", "DB_USER": "wp", "DB_PASSWORD": "wp", "DB_HOST": f"127.0.0.1:{self.database_port}",
            "DB_CHARSET": "utf8mb4", "DB_COLLATE": "", "WP_HOME": self.url, "WP_SITEURL": self.url,
            "WP_DEBUG": True, "WP_DEBUG_LOG": True, "WP_DEBUG_DISPLAY": False,
            "DISABLE_WP_CRON": True,
            # No look-ups of the project's own servers, which would hang without a network.
            "WP_HTTP_BLOCK_EXTERNAL": True, "WP_ACCESSIBLE_HOSTS": "127.0.0.1,localhost,*.invalid",
            "AUTOMATIC_UPDATER_DISABLED": True, "FS_METHOD": "direct", "RELAY_LAB_TOKEN": self._token,
            **self._constants,
        }  # fmt: skip
        salts = ("AUTH_KEY", "SECURE_AUTH_KEY", "LOGGED_IN_KEY", "NONCE_KEY", "AUTH_SALT", "SECURE_AUTH_SALT",
                 "LOGGED_IN_SALT", "NONCE_SALT")  # fmt: skip
        constants |= {salt: f"lab {salt}" for salt in salts}
        lines = [
            f"define( {php_literal(name)}, {php_literal(value)} );"
            for name, value in constants.items()
            if value is not None
        ]
        text = "\n".join(
            ["<?php", *lines, "$table_prefix = 'wp_';",
             "if ( ! defined( 'ABSPATH' ) ) { define( 'ABSPATH', __DIR__ . '/' ); }",
             "require_once ABSPATH . 'wp-settings.php';", ""]
        )  # fmt: skip
        fresh = self.document_root / "wp-config.new"
        fresh.write_text(text, encoding="utf-8")
        # Two changes within one second would look the same to PHP's cache.
        self._config_time = max(int(time.time()), getattr(self, "_config_time", 0) + 1)
        os.utime(fresh, (self._config_time, self._config_time))
        fresh.replace(self.document_root / "wp-config.php")

    def _start_fpm(self) -> None:
        program = next(iter(sorted(glob.glob("/usr/sbin/php-fpm*"))), None)
        if not program or not shutil.which("nginx"):
            raise StartupFailed("php-fpm or nginx is missing: apt-get install php-fpm nginx-light")
        folder = self._made(self.root / "fpm")
        listen = folder / "fpm.sock"
        # The master runs nginx in its own group's company: one group to end.
        (folder / "pool.conf").write_text(
            f"[global]\nerror_log = {folder}/fpm.log\ndaemonize = no\n[www]\nlisten = {listen}\nlisten.mode = 0666\n"
            f"pm = static\npm.max_children = {WORKERS}\ncatch_workers_output = yes\n"
            f"php_admin_value[opcache.revalidate_freq] = {self.opcache_revalidate_s}\nuser = {_user()}\n"
        )
        fpm = Daemon([program, "-R", "-F", "-y", str(folder / "pool.conf")], self.root / "fpm.log")
        self._daemons.append(fpm)
        fpm.wait_until(listen.exists, "php-fpm")
        temporary = "".join(
            f"{name}_temp_path {folder}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = f"user {_user()};\n" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx-error.log;\n"
            "events { worker_connections 64; }\n"
            f"http {{\naccess_log off;\n{temporary}include /etc/nginx/mime.types;\n"
            f"server {{\nlisten 127.0.0.1:{self.port};\nroot {self.document_root};\nindex index.php;\n"
            "location / { try_files $uri $uri/ /index.php?$args; }\n"
            "location ~ \\.php$ { include /etc/nginx/fastcgi_params; fastcgi_param HTTP_HOST $http_host;"
            f" fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:{listen}; }}\n}}\n}}\n"
        )
        self._web = Daemon(
            ["nginx", "-c", str(folder / "nginx.conf"), "-e", f"{folder}/nginx.log"],
            self.root / "web.log",
        )

    def _run_script(self, name: str, *arguments: str) -> None:
        self._run(
            ["php", str(LAB / name), str(self.document_root), f"127.0.0.1:{self.port}", *arguments]
        )

    def _run(self, command: list[str], env: dict[str, str] | None = None) -> None:
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=120,
                env={**os.environ, **(env or {})},
            )
        except FileNotFoundError as missing:
            raise StartupFailed(f"{command[0]} is not installed ({missing}).") from missing
        if done.returncode:
            raise StartupFailed(
                f"{' '.join(command[:2])} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
            )

    @staticmethod
    def _made(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def php_literal(value) -> str:
    """A Python value as PHP source."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "array( " + ", ".join(php_literal(item) for item in value) + " )"
    if isinstance(value, dict):
        return (
            "array( "
            + ", ".join(f"{php_literal(k)} => {php_literal(v)}" for k, v in value.items())
            + " )"
        )
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
