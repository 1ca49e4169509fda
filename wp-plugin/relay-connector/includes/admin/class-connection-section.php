<?php
/**
 * The connection on the settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Keys\Connect_Flow;
use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * The first section: three ways to connect, or, on a connected site, what it is connected to, with the test beside it.
 */
final class Connection_Section {

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The key exchange.
	 *
	 * @var Key_Exchange
	 */
	private $keys;

	/**
	 * Takes the settings and the key exchange.
	 *
	 * @param Settings     $settings The settings.
	 * @param Key_Exchange $keys     The key exchange.
	 */
	public function __construct( Settings $settings, Key_Exchange $keys ) {
		$this->settings = $settings;
		$this->keys     = $keys;
	}

	/**
	 * Prints the section.
	 */
	public function render() {
		$is_connected = $this->settings->is_configured();
		?>
		<div class="relay-connector-card">
			<?php if ( $is_connected ) : ?>
				<h2><?php esc_html_e( 'Connection', 'relay-connector' ); ?></h2>
				<?php $this->render_connected(); ?>
				<details class="relay-connector-more">
					<summary><?php esc_html_e( 'Change the connection', 'relay-connector' ); ?></summary>
					<?php $this->render_ways(); ?>
				</details>
			<?php else : ?>
				<h2><?php esc_html_e( 'Connect this site to Relay', 'relay-connector' ); ?></h2>
				<?php $this->render_ways(); ?>
			<?php endif; ?>
		</div>
		<?php
	}

	/**
	 * Prints what the site is connected to, and the buttons for it.
	 */
	private function render_connected() {
		$reason = $this->keys->blocked_reason();
		?>
		<dl class="relay-connector-facts">
			<dt><?php esc_html_e( 'Events are sent to', 'relay-connector' ); ?></dt>
			<dd><code><?php echo esc_html( $this->settings->endpoint() ); ?></code></dd>
			<dt><?php esc_html_e( 'Key', 'relay-connector' ); ?></dt>
			<dd>
				<code><?php echo esc_html( '' === $this->settings->key_id() ? '–' : $this->settings->key_id() ); ?></code>,
				<?php esc_html_e( 'fingerprint of the secret:', 'relay-connector' ); ?>
				<code><?php echo esc_html( $this->settings->fingerprint() ); ?></code>
			</dd>
		</dl>
		<div class="relay-connector-actions">
			<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
				<input type="hidden" name="action" value="<?php echo esc_attr( Admin_Actions::TEST ); ?>">
				<?php wp_nonce_field( Admin_Actions::TEST ); ?>
				<button type="submit" class="button button-primary" id="relay-connector-test" aria-describedby="relay-connector-test-help"><?php esc_html_e( 'Send a test event', 'relay-connector' ); ?></button>
			</form>
			<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
				<input type="hidden" name="action" value="<?php echo esc_attr( Admin_Actions::FETCH_KEY ); ?>">
				<?php wp_nonce_field( Admin_Actions::FETCH_KEY ); ?>
				<button type="submit" class="button" id="relay-connector-fetch-key" aria-describedby="relay-connector-fetch-key-help" <?php disabled( '' !== $reason ); ?>><?php esc_html_e( 'Fetch the new key', 'relay-connector' ); ?></button>
			</form>
		</div>
		<p class="description" id="relay-connector-test-help"><?php esc_html_e( 'The test event contains no personal data. If it fails, the result explains what to do.', 'relay-connector' ); ?></p>
		<p class="description" id="relay-connector-fetch-key-help"><?php echo esc_html( '' === $reason ? __( 'After you choose "Rotate key" in Relay, fetch the new key here. Nothing has to be copied while the old key is still valid.', 'relay-connector' ) : $reason ); ?></p>
		<?php
	}

	/**
	 * Prints the ways to connect.
	 */
	private function render_ways() {
		$reason = $this->settings->blocked_reason();
		if ( '' !== $reason ) {
			?>
			<p><?php echo esc_html( $reason ); ?></p>
			<?php
		} else {
			$this->render_button();
			$this->render_paste();
		}
		?>
		<details class="relay-connector-more">
			<summary><?php esc_html_e( 'Enter the three values one by one', 'relay-connector' ); ?></summary>
			<?php $this->render_fields(); ?>
		</details>
		<?php
	}

	/**
	 * Prints the button that opens Relay.
	 */
	private function render_button() {
		$typed = Connect_Flow::typed();
		?>
		<form class="relay-connector-way" action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
			<input type="hidden" name="action" value="<?php echo esc_attr( Admin_Actions::CONNECT ); ?>">
			<?php wp_nonce_field( Admin_Actions::CONNECT ); ?>
			<label for="relay-connector-address"><?php esc_html_e( 'Address of Relay', 'relay-connector' ); ?></label>
			<div class="relay-connector-pair">
				<input type="text" inputmode="url" class="code" id="relay-connector-address" name="address" required value="<?php echo esc_attr( '' === $typed ? Connect_Flow::address_of( $this->settings->endpoint() ) : $typed ); ?>" placeholder="https://relay.example.com" autocapitalize="none" spellcheck="false" aria-describedby="relay-connector-address-help">
				<button type="submit" class="<?php echo esc_attr( $this->settings->is_configured() ? 'button' : 'button button-primary' ); ?>"><?php esc_html_e( 'Connect to Relay', 'relay-connector' ); ?></button>
			</div>
			<p class="description" id="relay-connector-address-help"><?php esc_html_e( 'Opens Relay, where an admin of Relay allows this site, and returns here. Nothing has to be copied.', 'relay-connector' ); ?></p>
		</form>
		<?php
	}

	/**
	 * Prints the field for the connection string. It is always empty.
	 */
	private function render_paste() {
		?>
		<form class="relay-connector-way" action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post" autocomplete="off">
			<input type="hidden" name="action" value="<?php echo esc_attr( Admin_Actions::PASTE ); ?>">
			<?php wp_nonce_field( Admin_Actions::PASTE ); ?>
			<label for="relay-connector-string"><?php esc_html_e( 'Or paste a connection string', 'relay-connector' ); ?></label>
			<div class="relay-connector-pair">
				<input type="password" class="code" id="relay-connector-string" name="connection" required value="" autocomplete="off" placeholder="relay1_…" aria-describedby="relay-connector-string-help">
				<button type="submit" class="button"><?php esc_html_e( 'Save and test', 'relay-connector' ); ?></button>
			</div>
			<p class="description" id="relay-connector-string-help"><?php esc_html_e( 'Relay shows it once, when a site is added or its key is rotated. It contains the secret: treat it like a password.', 'relay-connector' ); ?></p>
		</form>
		<?php
	}

	/**
	 * Prints the form with the three values.
	 */
	private function render_fields() {
		?>
		<form action="<?php echo esc_url( admin_url( 'options.php' ) ); ?>" method="post" autocomplete="off">
			<?php settings_fields( Settings::CONNECTION_GROUP ); ?>
			<p><?php esc_html_e( 'Relay shows these three values once, when a site is added or its key is rotated: open "The three values one by one". The gateway address is called "Endpoint" there.', 'relay-connector' ); ?></p>
			<table class="form-table" role="presentation">
				<?php
				$this->render_field( Settings::ENDPOINT, __( 'Gateway address', 'relay-connector' ), $this->settings->endpoint(), 'https://relay.example.com/webhooks/wp/my-site', __( 'Starts with https://. If you enter only a host name, /webhooks/wp is added.', 'relay-connector' ) );
				$this->render_field( Settings::KEY_ID, __( 'Key ID', 'relay-connector' ), $this->settings->key_id(), '', __( 'Tells the gateway which key signs the events. If it is empty, the gateway tries every key of the site.', 'relay-connector' ) );
				$this->render_secret();
				?>
			</table>
			<?php submit_button( __( 'Save connection', 'relay-connector' ), 'secondary' ); ?>
		</form>
		<?php
	}

	/**
	 * Prints one field.
	 *
	 * @param string $option      The option.
	 * @param string $label       The label.
	 * @param string $value       The value.
	 * @param string $placeholder An example.
	 * @param string $help        The help text.
	 */
	private function render_field( $option, $label, $value, $placeholder, $help ) {
		$fixed = $this->settings->overridden_by( $option );
		?>
		<tr>
			<th scope="row"><label for="<?php echo esc_attr( $option ); ?>"><?php echo esc_html( $label ); ?></label></th>
			<td>
				<input type="text" class="regular-text code" id="<?php echo esc_attr( $option ); ?>" name="<?php echo esc_attr( $option ); ?>" value="<?php echo esc_attr( $value ); ?>" placeholder="<?php echo esc_attr( $placeholder ); ?>" autocapitalize="none" spellcheck="false" aria-describedby="<?php echo esc_attr( $option ); ?>-help" <?php disabled( '' !== $fixed ); ?>>
				<p class="description" id="<?php echo esc_attr( $option ); ?>-help"><?php echo esc_html( '' === $fixed ? $help : $this->overridden( $fixed ) ); ?></p>
			</td>
		</tr>
		<?php
	}

	/**
	 * Prints the field for the secret. It is always empty, even if a secret is saved.
	 */
	private function render_secret() {
		$fixed       = $this->settings->overridden_by( Settings::SECRET );
		$fingerprint = $this->settings->fingerprint();
		?>
		<tr>
			<th scope="row"><label for="<?php echo esc_attr( Settings::SECRET ); ?>"><?php esc_html_e( 'Secret', 'relay-connector' ); ?></label></th>
			<td>
				<input type="password" class="regular-text code" id="<?php echo esc_attr( Settings::SECRET ); ?>" name="<?php echo esc_attr( Settings::SECRET ); ?>" value="" autocomplete="new-password" placeholder="<?php echo esc_attr( '' === $fingerprint ? '' : __( 'Saved. Leave empty to keep it.', 'relay-connector' ) ); ?>" aria-describedby="relay-connector-secret-help" <?php disabled( '' !== $fixed ); ?>>
				<p class="description" id="relay-connector-secret-help"><?php echo esc_html( '' === $fixed ? __( 'The secret is not shown again after saving. Compare the fingerprint with the one in Relay. For better protection, set RELAY_CONNECTOR_SECRET in wp-config.php; it takes precedence over this field.', 'relay-connector' ) : $this->overridden( $fixed ) ); ?></p>
			</td>
		</tr>
		<?php
	}

	/**
	 * Says that a constant or environment variable sets a field.
	 *
	 * @param string $name The constant or variable.
	 * @return string
	 */
	private function overridden( $name ) {
		/* translators: %s: name of a constant. */
		return sprintf( __( 'Set by %s in wp-config.php or the server\'s environment. Change it there.', 'relay-connector' ), $name );
	}
}
