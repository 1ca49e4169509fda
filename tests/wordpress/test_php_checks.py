"""The checks of the plugin's code find faults."""

import pytest

from scripts import php_checks

HEAD = "<?php\ndefined( 'ABSPATH' ) || exit;\n"
CHECKS = ("output", "input_", "actions", "forms", "queries", "texts", "habits", "decoding")

BAD = {
    "echo $name;": "escape it here",
    "?><p><?= $name ?></p><?php ": "escape it here",
    "echo '<b>' . $name;": "escape it here",
    "echo esc_html( $a ) . $b;": "echo $b: escape",
    "_e( 'Hello', 'relay-connector' );": "prints without escaping",
    "printf( '%s', $name );": "prints without escaping",
    "print $name;": "prints without escaping",
    "$a = $_POST['a'];": "$_POST is read without",
    "$a = sanitize_text_field( $_GET['a'] );": "$_GET is read without",
    "$a = wp_unslash( $_REQUEST['a'] );": "$_REQUEST is read without",
    '$wpdb->query( "DELETE FROM x WHERE id = $id" );': "$id is part of the text",
    "$wpdb->get_var( 'SELECT a FROM b WHERE c = ' . $c );": "is concatenated",
    "$wpdb->query( $wpdb->prepare( \"SELECT '$a' FROM x WHERE b = %d\", $b ) );": "$a is part of the text of prepare()",
    '$sql = "SELECT $a FROM x WHERE b = %d"; $wpdb->query( $wpdb->prepare( $sql, $b ) );': "$a is part of the text",
    "$wpdb->query( 'INSERT INTO x VALUES (1) ON DUPLICATE KEY UPDATE a = 1' );": "fail on SQLite",
    "$wpdb->get_var( 'SELECT IF(a, 1, 2) FROM x' );": "fail on SQLite",
    "$a = __( 'Hello' );": "needs the text domain",
    "$a = __( 'Hello', 'other' );": "needs the text domain",
    "$a = __( $text, 'relay-connector' );": "needs a literal string",
    "$a = sprintf( __( 'Hello %s', 'relay-connector' ), $b );": "translators: comment",
    "/* translators: x */ $a = __( '%s and %s', 'relay-connector' );": "must be numbered",
    "eval( $a );": "eval() is not allowed",
    "wp_remote_post( $a );": "wp_remote_post() is not allowed",
    "$a = str_contains( $b, 'c' );": "str_contains() is not allowed",
    "$a = $b?->c;": "newer than 7.4",
    "$a = match ( $b ) { 1 => 2 };": "newer than 7.4",
    "$a = wp_strip_all_tags( $b );": "wp_strip_all_tags() decodes on its own",
    "$a = html_entity_decode( $b );": "html_entity_decode() decodes on its own",
    "$a = <<<X\nb\nX;\n": "no heredoc",
    "$a = 'http://localhost/x';": "local address",
    "class A { function add_hooks() { add_action( 'admin_post_a', array( $this, 'go' ) ); }"
    " function go() { current_user_can( 'b' ); } }": "does not check a nonce",
    "class A { function add_hooks() { add_action( 'wp_ajax_a', array( $this, 'go' ) ); }"
    " function go() { check_ajax_referer( 'b' ); } }": "does not check a capability",
    "add_action( 'admin_post_nopriv_a', 'go' );": "open to logged-out users",
    "function relay_connector_a() { current_user_can( 'b' ); return absint( wp_unslash( $_POST['a'] ) ); }": (
        "without a nonce check"
    ),
    "function relay_connector_a() { check_admin_referer( 'b' ); return absint( wp_unslash( $_POST['a'] ) ); }": (
        "without a capability check"
    ),
    "register_rest_route( 'a/v1', '/b', array( 'callback' => 'c' ) );": "has no permission callback",
}

GOOD = [
    "echo esc_html( $name );",
    "check_admin_referer( 'a' ); current_user_can( 'b' ); $a = isset( $_POST['a'] ) ? absint( wp_unslash( $_POST['a'] ) ) : 0;",
    "register_rest_route( 'a/v1', '/b', array( 'callback' => 'c', 'permission_callback' => 'd' ) );",
    '$wpdb->query( $wpdb->prepare( "SELECT a FROM {$wpdb->posts} WHERE b = %d", $b ) );',
    "/* translators: %s: a name. */ $a = sprintf( __( 'Hello %s', 'relay-connector' ), $b );",
    "class A { function add_hooks() { add_action( 'admin_post_a', array( $this, 'go' ) ); }"
    " function go() { check_admin_referer( 'a' ); $this->check(); } function check() { current_user_can( 'b' ); } }",
]


def faults(tmp_path, code: str) -> list[str]:
    path = tmp_path / "file.php"
    path.write_text(HEAD + code + "\n")
    [source] = php_checks.sources([path])
    return [line for check in CHECKS for line in getattr(php_checks, check)(source)]


@pytest.mark.parametrize(("code", "says"), BAD.items())
def test_a_fault_is_found(tmp_path, code, says):
    assert any(says in line for line in faults(tmp_path, code)), faults(tmp_path, code)


@pytest.mark.parametrize("code", GOOD)
def test_good_code_passes(tmp_path, code):
    assert faults(tmp_path, code) == []


def test_a_file_without_its_guard_is_found(tmp_path):
    path = tmp_path / "file.php"
    path.write_text("<?php\n$a = 1;\n")
    [source] = php_checks.sources([path])
    assert any("ABSPATH" in line for line in php_checks.habits(source))


def test_a_file_that_does_not_parse_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(php_checks, "FOLDER", tmp_path / "x")
    (tmp_path / "x").mkdir()
    path = tmp_path / "x" / "file.php"
    path.write_text("<?php\nif ( {\n")
    assert "Parse error" in next(php_checks.syntax([path]))


@pytest.mark.parametrize("code", ["function a() {}", "class B {\n\tprivate $c = 1;\n}"])
def test_a_missing_comment_is_found(tmp_path, code):
    path = tmp_path / "file.php"
    path.write_text(HEAD + code + "\n")
    [source] = php_checks.sources([path])
    found = list(php_checks.documented(source))
    assert len(found) == code.count("\n") // 2 + 1, found


def test_a_style_fault_is_found(tmp_path, monkeypatch):
    plugin = tmp_path / "relay-connector"
    plugin.mkdir()
    rules = php_checks.FOLDER / ".php-cs-fixer.php"
    (tmp_path / rules.name).write_text(rules.read_text())
    (plugin / "file.php").write_text("<?php\n$a = [ 1 ];\n")
    monkeypatch.setattr(php_checks, "FOLDER", tmp_path)
    assert "array_syntax" in "".join(php_checks.style())


def test_a_translation_that_lacks_a_text_or_a_placeholder_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(php_checks, "PLUGIN", tmp_path)
    (tmp_path / "languages").mkdir()
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    one, two = 'msgid "One %s"\nmsgstr "{}"\n\n', 'msgid "Two"\nmsgstr "{}"\n\n'
    template = head + one.format("") + two.format("")
    (tmp_path / "languages" / "relay-connector.pot").write_text(template)
    path = tmp_path / "languages" / "relay-connector-de_DE.po"
    for text, says in {
        one.format("Eins %s"): "is missing: Two",
        one.format("Eins") + two.format("Zwei"): "other placeholders: One",
        one.format("Eins %s") + two.format(""): "not translated: Two",
        one.format("Eins %s") + two.format("Zwei") + two.replace("Two", "Three"): "no longer has",
    }.items():
        path.write_text(head + text)
        assert any(says in line for line in php_checks.translations()), says
    path.write_text(head + one.format("Eins %s") + two.format("Zwei"))
    assert list(php_checks.translations()) == []


def test_the_plugin_itself_has_no_fault():
    assert php_checks.main() == 0
