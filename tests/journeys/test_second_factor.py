"""In a real browser: a passkey signs in alone, and a code of an app works once.

The passkey is kept by the browser's virtual authenticator
(https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/).
"""

from __future__ import annotations

import time

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Console
from tests.support.people import PASSWORD, sign_in
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def stack(stack: Stack) -> Stack:
    """Only ``web``, at a host name: browsers allow no passkeys at an IP address."""
    stack.stop("worker", "scheduler")
    stack.url = f"http://localhost:{stack.port}"
    return stack


def test_a_passkey_signs_in_alone(stack: Stack, page: Page) -> None:
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    key = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    email = sign_in(stack, page, "viewer", "/account/second-factor")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Add the passkey").click()
    codes = page.get_by_label("Recovery codes").input_value().split()
    assert len(codes) == 10
    page.get_by_role("link", name="I saved the codes").click()
    expect(page.get_by_text("My laptop")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(stack.url + "/")
    (session,) = stack.rows("SELECT method FROM user_session")
    assert session["method"] == "passkey"

    # as a proof, and as the second factor after the password
    stack.change("UPDATE user_session SET proved_at = datetime('now', '-11 minutes')")
    page.goto(stack.url + "/account/second-factor/app")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Set up an authenticator app")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(stack.url + "/")

    # a copy of the passkey has an older count
    page.get_by_role("button", name="Sign out").click()
    stack.change("UPDATE passkey SET sign_count = sign_count + 1000")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("This passkey was not accepted")).to_be_visible()
    cdp.send("WebAuthn.setUserVerified", {**key, "isUserVerified": False})
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("No passkey was used")).to_be_visible()


def test_a_code_of_an_app_works_once(
    stack: Stack, page: Page, browser: Browser, console: Console
) -> None:
    console.allow("status of 422")
    email = sign_in(stack, page, "admin", "/account/second-factor")
    page.get_by_role("link", name="Set up an app").click()
    page.get_by_text("No camera?").click()
    secret = page.get_by_label("Secret", exact=True).input_value().replace(" ", "")
    assert page.locator(".qr-code svg").bounding_box()["width"] > 100
    page.get_by_label("Code from the app").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Save the app").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    codes = page.get_by_label("Recovery codes").input_value().split()
    assert download.value.path().read_text().split() == codes

    other = browser.new_context()
    console.watch(other)
    phone = other.new_page()

    def second_step(code: str) -> None:
        phone.goto(stack.url + "/sign-in")
        phone.get_by_label("E-mail address").fill(email)
        phone.get_by_label("Password").fill(PASSWORD)
        phone.keyboard.press("Enter")
        phone.get_by_label("Code from your authenticator app").fill(code)
        phone.keyboard.press("Enter")

    code = pyotp.TOTP(secret).at(int(time.time()) + 30)  # newer than the one above
    second_step(code)
    phone.wait_for_url(stack.url + "/")
    phone.get_by_role("button", name="Sign out").click()
    second_step(code)
    expect(phone.get_by_text("This code is not right, or was used already")).to_be_visible()
    phone.get_by_text("Use a recovery code").click()
    phone.get_by_label("Recovery code", exact=True).fill(codes[3].upper())
    phone.get_by_role("button", name="Use the code").click()
    phone.wait_for_url(stack.url + "/")
    expect(phone.get_by_text("Unused codes: 9")).to_be_visible()
    other.close()
