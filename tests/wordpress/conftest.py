"""One WordPress for all tests here, cleaned before each."""

from collections.abc import Iterator

import pytest
import requests

from tests.wordpress import shop as shops
from tests.wordpress.connector import Connector
from tests.wordpress.fake_gateway import FakeGateway
from tests.wordpress.site import WordPressSite


@pytest.fixture(scope="session")
def gateway_server() -> Iterator[FakeGateway]:
    """A fake gateway on a free port."""
    sink = FakeGateway()
    yield sink
    sink.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module with ``ON_BOTH = True`` runs on the oldest WordPress and on the newest."""
    if "wordpress_server" in metafunc.fixturenames:
        both = getattr(metafunc.module, "ON_BOTH", False)
        sites = ["6.1 MariaDB", "newest SQLite"] if both else ["6.1 MariaDB"]
        metafunc.parametrize("wordpress_server", sites, indirect=True, scope="session")


@pytest.fixture(scope="session")
def wordpress_server(
    request: pytest.FixtureRequest, gateway_server: FakeGateway
) -> Iterator[WordPressSite]:
    """A running WordPress with the plugin active."""
    with WordPressSite(
        constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway_server.port}"},
        newer=request.param.startswith("newest"),
    ) as site:
        yield site


@pytest.fixture
def gateway(gateway_server: FakeGateway) -> FakeGateway:
    """The fake gateway, without any request yet."""
    gateway_server.reset()
    return gateway_server


@pytest.fixture
def site(wordpress_server: WordPressSite, gateway: FakeGateway) -> WordPressSite:
    """The site, with the plugin as freshly activated."""
    Connector(wordpress_server).reset({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway.port}"})
    return wordpress_server


@pytest.fixture
def connector(site: WordPressSite) -> Connector:
    """The plugin, not set up."""
    return Connector(site)


@pytest.fixture
def connected(connector: Connector, gateway: FakeGateway) -> Connector:
    """The plugin, set up for the gateway."""
    connector.connect(gateway)
    return connector


@pytest.fixture(scope="session")
def admin_session(wordpress_server: WordPressSite) -> Iterator[requests.Session]:
    """A session that is logged in once for all tests."""
    with wordpress_server.login() as session:
        yield session


@pytest.fixture
def admin(admin_session: requests.Session, site: WordPressSite) -> requests.Session:
    """An administrator of the site."""
    return admin_session


@pytest.fixture(scope="module")
def standins(wordpress_server: WordPressSite) -> Iterator[None]:
    """A stand-in for each supported plugin, for the tests of one file."""
    with shops.standins_active(wordpress_server):
        yield


@pytest.fixture
def shop(site: WordPressSite, standins: None) -> WordPressSite:
    """The site with a shop and seven form plugins."""
    shops.fill(site)
    return site
