<?php
/**
 * The settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Results\Comment_Summaries;
use Relay_Connector\Results\Result_Callback;
use Relay_Connector\Settings;
use Relay_Connector\Status\Email_Alert;
use Relay_Connector\Status\Status;

defined( 'ABSPATH' ) || exit;

/**
 * One page with two tabs: Settings (connection, events, test) and Events.
 */
final class Settings_Page {

	const SLUG = 'relay-connector';

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The status.
	 *
	 * @var Status
	 */
	private $status;

	/**
	 * The key exchange.
	 *
	 * @var Key_Exchange
	 */
	private $keys;

	/**
	 * The Events tab.
	 *
	 * @var Events_Page
	 */
	private $log_page;

	/**
	 * The daily report section.
	 *
	 * @var Daily_Report_Section
	 */
	private $report_line;

	/**
	 * Takes what the page shows.
	 *
	 * @param Settings             $settings    The settings.
	 * @param Status               $status      The status.
	 * @param Key_Exchange         $keys        The key exchange.
	 * @param Events_Page          $log_page    The Events tab.
	 * @param Daily_Report_Section $report_line The daily report section.
	 */
	public function __construct( Settings $settings, Status $status, Key_Exchange $keys, Events_Page $log_page, Daily_Report_Section $report_line ) {
		$this->settings    = $settings;
		$this->status      = $status;
		$this->keys        = $keys;
		$this->log_page    = $log_page;
		$this->report_line = $report_line;
	}

	/**
	 * Registers the page.
	 */
	public function add_hooks() {
		add_action( 'admin_menu', array( $this, 'add_page' ) );
		add_action( 'admin_enqueue_scripts', array( $this, 'add_styles' ) );
		add_filter( 'option_page_capability_' . Settings::GROUP, array( __CLASS__, 'capability' ) );
		add_filter( 'plugin_action_links_' . plugin_basename( RELAY_CONNECTOR_FILE ), array( $this, 'add_link' ) );
	}

	/**
	 * The capability needed to see and change the settings.
	 *
	 * @return string
	 */
	public static function capability() {
		/**
		 * Filters the capability needed to see and change the settings.
		 *
		 * @param string $capability Default: manage_options.
		 */
		return (string) apply_filters( 'relay_connector_capability', 'manage_options' );
	}

	/**
	 * The page's URL.
	 *
	 * @return string
	 */
	public static function url() {
		return admin_url( 'options-general.php?page=' . self::SLUG );
	}

	/**
	 * Adds the page. The menu entry shows how many things need attention.
	 */
	public function add_page() {
		$count = current_user_can( self::capability() ) ? $this->status->badge() : 0;
		$title = __( 'Relay', 'relay-connector' );
		$badge = $count ? ' <span class="awaiting-mod">' . number_format_i18n( $count ) . '</span>' : '';
		add_options_page( $title, $title . $badge, self::capability(), self::SLUG, array( $this, 'render' ) );
	}

	/**
	 * Adds the style sheet to this page only.
	 *
	 * @param string $screen The screen's id.
	 */
	public function add_styles( $screen ) {
		if ( 'settings_page_' . self::SLUG === $screen ) {
			wp_enqueue_style( self::SLUG, plugins_url( 'assets/admin.css', RELAY_CONNECTOR_FILE ), array(), RELAY_CONNECTOR_VERSION );
		}
	}

	/**
	 * Adds a link to the list of plugins.
	 *
	 * @param string[] $links The links.
	 * @return string[]
	 */
	public function add_link( $links ) {
		array_unshift( $links, '<a href="' . esc_url( self::url() ) . '">' . esc_html__( 'Settings', 'relay-connector' ) . '</a>' );
		return $links;
	}

	/**
	 * Prints the page.
	 */
	public function render() {
		if ( ! current_user_can( self::capability() ) ) {
			wp_die( esc_html__( 'You are not allowed to change these settings. Ask an administrator of this site.', 'relay-connector' ), 403 );
		}
		?>
		<div class="wrap relay-connector">
			<h1><?php esc_html_e( 'Relay', 'relay-connector' ); ?></h1>
			<p><?php esc_html_e( 'The events that you choose here are sent to your Relay gateway, signed with a key. Visitors do not wait for this. Nothing is sent until the gateway address and the secret are saved.', 'relay-connector' ); ?></p>
			<nav class="nav-tab-wrapper" aria-label="<?php esc_attr_e( 'Relay', 'relay-connector' ); ?>">
				<?php
				$this->render_tab( self::url(), __( 'Settings', 'relay-connector' ), ! Events_Page::is_open() );
				$this->render_tab( Events_Page::url(), __( 'Events', 'relay-connector' ), Events_Page::is_open() );
				?>
			</nav>
			<?php
			Action_Result::render();
			if ( Events_Page::is_open() ) {
				$this->log_page->render();
			} else {
				$this->render_settings();
			}
			?>
		</div>
		<?php
	}

	/**
	 * Prints one tab.
	 *
	 * @param string $url     Its URL.
	 * @param string $label   The label.
	 * @param bool   $is_open Whether it is the current tab.
	 */
	private function render_tab( $url, $label, $is_open ) {
		?>
		<a class="<?php echo esc_attr( $is_open ? 'nav-tab nav-tab-active' : 'nav-tab' ); ?>" href="<?php echo esc_url( $url ); ?>" aria-current="<?php echo esc_attr( $is_open ? 'page' : 'false' ); ?>"><?php echo esc_html( $label ); ?></a>
		<?php
	}

	/**
	 * Prints the Settings tab.
	 */
	private function render_settings() {
		?>
		<form action="<?php echo esc_url( admin_url( 'options.php' ) ); ?>" method="post" autocomplete="off">
			<?php settings_fields( Settings::GROUP ); ?>
			<h2><?php esc_html_e( 'Connection', 'relay-connector' ); ?></h2>
			<p><?php esc_html_e( 'Relay shows these three values on your site\'s page under "Connect your site".', 'relay-connector' ); ?></p>
			<table class="form-table" role="presentation">
				<?php
				$this->render_endpoint();
				$this->render_key_id();
				$this->render_secret();
				?>
			</table>
			<h2><?php esc_html_e( 'Events to send', 'relay-connector' ); ?></h2>
			<table class="form-table" role="presentation">
				<?php
				/**
				 * Fires where the rows for the events are printed.
				 */
				do_action( 'relay_connector_settings_rows' );
				$this->render_retention();
				?>
			</table>
			<h2><?php esc_html_e( 'Results from Relay', 'relay-connector' ); ?></h2>
			<table class="form-table" role="presentation">
				<?php $this->render_results(); ?>
			</table>
			<h2><?php esc_html_e( 'Alerts', 'relay-connector' ); ?></h2>
			<table class="form-table" role="presentation">
				<?php $this->render_email_alert(); ?>
			</table>
			<h2><?php esc_html_e( 'Uninstall', 'relay-connector' ); ?></h2>
			<table class="form-table" role="presentation">
				<?php $this->render_keep_data(); ?>
			</table>
			<?php submit_button( __( 'Save settings', 'relay-connector' ) ); ?>
		</form>
		<?php
		$this->render_test();
		$this->render_fetch_key();
		$this->report_line->render();
	}

	/**
	 * Prints the field for the gateway address.
	 */
	private function render_endpoint() {
		$fixed = $this->settings->overridden_by( Settings::ENDPOINT );
		?>
		<tr>
			<th scope="row"><label for="<?php echo esc_attr( Settings::ENDPOINT ); ?>"><?php esc_html_e( 'Gateway address', 'relay-connector' ); ?></label></th>
			<td>
				<input type="text" inputmode="url" class="regular-text code" id="<?php echo esc_attr( Settings::ENDPOINT ); ?>" name="<?php echo esc_attr( Settings::ENDPOINT ); ?>" value="<?php echo esc_attr( $this->settings->endpoint() ); ?>" placeholder="https://relay.example.com/webhooks/wp/my-site" aria-describedby="relay-connector-endpoint-help" <?php disabled( '' !== $fixed ); ?>>
				<p class="description" id="relay-connector-endpoint-help">
					<?php
					'' === $fixed
						? esc_html_e( 'Starts with https://. If you enter only a host name, /webhooks/wp is added.', 'relay-connector' )
						: $this->render_overridden( $fixed );
					?>
				</p>
			</td>
		</tr>
		<?php
	}

	/**
	 * Prints the field for the key id.
	 */
	private function render_key_id() {
		$fixed = $this->settings->overridden_by( Settings::KEY_ID );
		?>
		<tr>
			<th scope="row"><label for="<?php echo esc_attr( Settings::KEY_ID ); ?>"><?php esc_html_e( 'Key ID', 'relay-connector' ); ?></label></th>
			<td>
				<input type="text" class="regular-text code" id="<?php echo esc_attr( Settings::KEY_ID ); ?>" name="<?php echo esc_attr( Settings::KEY_ID ); ?>" value="<?php echo esc_attr( $this->settings->key_id() ); ?>" autocapitalize="none" spellcheck="false" aria-describedby="relay-connector-key-id-help" <?php disabled( '' !== $fixed ); ?>>
				<p class="description" id="relay-connector-key-id-help">
					<?php
					'' === $fixed
						? esc_html_e( 'Tells the gateway which key signs the events. If it is empty, the gateway tries every key of the site.', 'relay-connector' )
						: $this->render_overridden( $fixed );
					?>
				</p>
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
				<?php if ( '' !== $fingerprint ) : ?>
					<p>
						<?php esc_html_e( 'Fingerprint of the current secret:', 'relay-connector' ); ?>
						<code><?php echo esc_html( $fingerprint ); ?></code>
					</p>
				<?php endif; ?>
				<p class="description" id="relay-connector-secret-help">
					<?php
					'' === $fixed
						? esc_html_e( 'The secret is not shown again after saving. Compare the fingerprint with the one in Relay. For better protection, set RELAY_CONNECTOR_SECRET in wp-config.php; it takes precedence over this field.', 'relay-connector' )
						: $this->render_overridden( $fixed );
					?>
				</p>
			</td>
		</tr>
		<?php
	}

	/**
	 * Prints the field for the retention of finished rows.
	 */
	private function render_retention() {
		?>
		<tr>
			<th scope="row"><label for="<?php echo esc_attr( Settings::RETENTION_DAYS ); ?>"><?php esc_html_e( 'Keep finished events for', 'relay-connector' ); ?></label></th>
			<td>
				<input type="number" min="1" max="365" class="small-text" id="<?php echo esc_attr( Settings::RETENTION_DAYS ); ?>" name="<?php echo esc_attr( Settings::RETENTION_DAYS ); ?>" value="<?php echo esc_attr( $this->settings->retention_days() ); ?>">
				<?php esc_html_e( 'days', 'relay-connector' ); ?>
				<p class="description"><?php esc_html_e( 'The content of an event is deleted as soon as the event is sent. Its entry in the list is deleted after this time. Events that are not sent yet are never deleted.', 'relay-connector' ); ?></p>
			</td>
		</tr>
		<?php
	}

	/**
	 * Prints the options for results from the gateway.
	 */
	private function render_results() {
		?>
		<tr>
			<th scope="row"><?php esc_html_e( 'Summaries', 'relay-connector' ); ?></th>
			<td>
				<p>
					<label for="<?php echo esc_attr( Comment_Summaries::OPTION ); ?>">
						<input type="checkbox" id="<?php echo esc_attr( Comment_Summaries::OPTION ); ?>" name="<?php echo esc_attr( Comment_Summaries::OPTION ); ?>" value="1" <?php checked( Comment_Summaries::are_enabled() ); ?>>
						<?php esc_html_e( 'Store the summary or note that Relay returns for a comment, and show it in the list of comments', 'relay-connector' ); ?>
					</label>
				</p>
				<p class="description">
					<?php
					/* translators: %s: web address. */
					echo esc_html( sprintf( __( 'Relay sends results to %s, signed with the same key. This requires a WordPress destination in Relay.', 'relay-connector' ), Result_Callback::url() ) );
					?>
				</p>
			</td>
		</tr>
		<?php
	}

	/**
	 * Prints the option for the alert e-mail.
	 */
	private function render_email_alert() {
		?>
		<tr>
			<th scope="row"><?php esc_html_e( 'E-mail', 'relay-connector' ); ?></th>
			<td>
				<input type="hidden" name="<?php echo esc_attr( Email_Alert::OPTION ); ?>" value="0">
				<label for="<?php echo esc_attr( Email_Alert::OPTION ); ?>">
					<input type="checkbox" id="<?php echo esc_attr( Email_Alert::OPTION ); ?>" name="<?php echo esc_attr( Email_Alert::OPTION ); ?>" value="1" <?php checked( Email_Alert::is_enabled() ); ?>>
					<?php
					/* translators: %s: e-mail address. */
					echo esc_html( sprintf( __( 'Send an e-mail to %s when events have been stuck for an hour, and then at most once a day', 'relay-connector' ), get_option( 'admin_email' ) ) );
					?>
				</label>
			</td>
		</tr>
		<?php
	}

	/**
	 * Whether data is kept when the plugin is deleted.
	 */
	private function render_keep_data() {
		?>
		<tr>
			<th scope="row"><?php esc_html_e( 'Data', 'relay-connector' ); ?></th>
			<td>
				<label for="<?php echo esc_attr( Settings::KEEP_DATA ); ?>">
					<input type="checkbox" id="<?php echo esc_attr( Settings::KEEP_DATA ); ?>" name="<?php echo esc_attr( Settings::KEEP_DATA ); ?>" value="1" <?php checked( Settings::keeps_data() ); ?>>
					<?php esc_html_e( 'Keep the settings, the key and the list of events when the plugin is deleted, for example to reinstall it', 'relay-connector' ); ?>
				</label>
			</td>
		</tr>
		<?php
	}

	/**
	 * Prints the button that fetches the new key.
	 */
	private function render_fetch_key() {
		if ( ! $this->settings->is_configured() ) {
			return;
		}
		$reason = $this->keys->blocked_reason();
		?>
		<h2><?php esc_html_e( 'New key', 'relay-connector' ); ?></h2>
		<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
			<input type="hidden" name="action" value="<?php echo esc_attr( Admin_Actions::FETCH_KEY ); ?>">
			<?php wp_nonce_field( Admin_Actions::FETCH_KEY ); ?>
			<p>
				<button type="submit" class="button" id="relay-connector-fetch-key" aria-describedby="relay-connector-fetch-key-help" <?php disabled( '' !== $reason ); ?>><?php esc_html_e( 'Fetch the new key', 'relay-connector' ); ?></button>
			</p>
			<p class="description" id="relay-connector-fetch-key-help">
				<?php
				echo esc_html(
					'' === $reason
					? __( 'After you choose "Rotate key" in Relay, this gets the new key, encrypted with the old one, tests it, and uses it from then on. You do not have to copy anything while the old key is still valid.', 'relay-connector' )
					: $reason
				);
				?>
			</p>
		</form>
		<?php
	}

	/**
	 * Prints the test button.
	 */
	private function render_test() {
		?>
		<h2><?php esc_html_e( 'Test', 'relay-connector' ); ?></h2>
		<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
			<input type="hidden" name="action" value="<?php echo esc_attr( Admin_Actions::TEST ); ?>">
			<?php wp_nonce_field( Admin_Actions::TEST ); ?>
			<p>
				<button type="submit" class="button" id="relay-connector-test" aria-describedby="relay-connector-test-help"><?php esc_html_e( 'Send a test event', 'relay-connector' ); ?></button>
			</p>
			<p class="description" id="relay-connector-test-help"><?php esc_html_e( 'Uses the saved settings and contains no personal data. If the test fails, the result explains what to do.', 'relay-connector' ); ?></p>
		</form>
		<?php
	}

	/**
	 * Prints that a constant or environment variable sets this field.
	 *
	 * @param string $name The constant or variable.
	 */
	private function render_overridden( $name ) {
		/* translators: %s: name of a constant. */
		echo esc_html( sprintf( __( 'Set by %s in wp-config.php or the server\'s environment. Change it there.', 'relay-connector' ), $name ) );
	}
}
