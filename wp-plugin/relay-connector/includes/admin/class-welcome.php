<?php
/**
 * The way from the activation to the settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * A person who activates the plugin is led to the settings page, once. Until the site is connected, a notice on the
 * pages for plugins and updates and on the dashboard says what is missing.
 */
final class Welcome {

	const SCREENS = array( 'plugins', 'dashboard', 'plugin-install' );

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * Takes the settings.
	 *
	 * @param Settings $settings The settings.
	 */
	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/**
	 * Registers the redirect and the notice.
	 */
	public function add_hooks() {
		add_action( 'activated_plugin', array( $this, 'redirect' ), PHP_INT_MAX, 2 );
		add_action( 'admin_notices', array( $this, 'render' ) );
	}

	/**
	 * Redirects after the plugin was activated by its link: not with other plugins, for a network, or by a program.
	 *
	 * @param string $plugin       The plugin that was activated.
	 * @param bool   $network_wide Whether for all sites of a network.
	 */
	public function redirect( $plugin, $network_wide ) {
		global $pagenow;
		$action = isset( $_GET['action'] ) ? sanitize_key( wp_unslash( $_GET['action'] ) ) : ''; // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Only tells how the plugin was activated; WordPress has checked its nonce.
		if ( plugin_basename( RELAY_CONNECTOR_FILE ) !== $plugin || $network_wide || 'plugins.php' !== $pagenow || 'activate' !== $action || ! $this->is_needed() ) {
			return;
		}
		wp_safe_redirect( Settings_Page::url() );
		exit;
	}

	/**
	 * Prints the notice.
	 */
	public function render() {
		$screen = get_current_screen();
		if ( ! $screen || ! in_array( $screen->id, self::SCREENS, true ) || ! $this->is_needed() ) {
			return;
		}
		?>
		<div class="notice notice-info relay-connector-welcome">
			<p>
				<strong><?php esc_html_e( 'Relay is not connected yet, so nothing is sent.', 'relay-connector' ); ?></strong>
				<a href="<?php echo esc_url( Settings_Page::url() ); ?>"><?php esc_html_e( 'Connect this site', 'relay-connector' ); ?></a>
			</p>
		</div>
		<?php
	}

	/**
	 * Whether this user can connect the site, and it never was connected.
	 *
	 * @return bool
	 */
	private function is_needed() {
		return ! $this->settings->collects_events() && current_user_can( Settings_Page::capability() );
	}
}
