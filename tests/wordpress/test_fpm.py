"""php-fpm behind nginx: the visitor is answered first, then the comment is sent."""

import threading

from tests.wordpress.connector import Connector
from tests.wordpress.sink import Answer
from tests.wordpress.site import WordPressSite


def test_the_visitor_has_the_answer_while_the_gateway_still_hangs(gateway):
    with WordPressSite(
        constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway.port}"}, server="fpm"
    ) as site:
        connector = Connector(site)
        connector.connect(gateway)
        gate = threading.Event()
        gateway.answer(Answer(hold=gate))
        try:
            # The gateway answers only after this has returned: were the visitor to wait for it, this would never end.
            comment = site.post_comment("Jane", "jane@example.org", "Quick")
            [request] = gateway.wait_for(1)
        finally:
            gate.set()
        assert request.verified and request.json["data"]["id"] == comment
        assert not site.php("echo '';")
