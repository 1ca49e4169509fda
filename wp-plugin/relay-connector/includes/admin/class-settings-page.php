<?php
/**
 * The settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Results\Comment_Summaries;
use Relay_Connector\Results\Result_Callback;
use Relay_Connector\Settings;
use Relay_Connector\Status\Email_Alert;
use Relay_Connector\Status\Status;

defined( 'ABSPATH' ) || exit;

/**
 * One page with two tabs: Settings (the connection first) and Events.
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
	 * The connection section.
	 *
	 * @var Connection_Section
	 */
	private $connection;

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
	 * @param Connection_Section   $connection  The connection section.
	 * @param Events_Page          $log_page    The Events tab.
	 * @param Daily_Report_Section $report_line The daily report section.
	 */
	public function __construct( Settings $settings, Status $status, Connection_Section $connection, Events_Page $log_page, Daily_Report_Section $report_line ) {
		$this->settings    = $settings;
		$this->status      = $status;
		$this->connection  = $connection;
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
		add_filter( 'option_page_capability_' . Settings::CONNECTION_GROUP, array( __CLASS__, 'capability' ) );
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
			<?php if ( ! $this->settings->is_configured() ) : ?>
				<p><?php esc_html_e( 'Relay Connector sends the events that you choose to your Relay gateway, signed with a key. Nothing is sent until this site is connected.', 'relay-connector' ); ?></p>
			<?php endif; ?>
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
	 * Prints the Settings tab. Until the site is connected, only the connection is unfolded.
	 */
	private function render_settings() {
		$this->connection->render();
		if ( $this->settings->is_configured() ) {
			$this->render_options();
			$this->report_line->render();
			return;
		}
		?>
		<details class="relay-connector-more">
			<summary><?php esc_html_e( 'What is sent, and other settings', 'relay-connector' ); ?></summary>
			<p><?php esc_html_e( 'You can choose this before you connect the site, or later.', 'relay-connector' ); ?></p>
			<?php $this->render_options(); ?>
		</details>
		<?php
	}

	/**
	 * Prints all settings but the connection.
	 */
	private function render_options() {
		?>
		<form action="<?php echo esc_url( admin_url( 'options.php' ) ); ?>" method="post" autocomplete="off">
			<?php settings_fields( Settings::GROUP ); ?>
			<h2><?php esc_html_e( 'Events to send', 'relay-connector' ); ?></h2>
			<table class="form-table" role="presentation">
				<?php
				/**
				 * Fires where the rows for the events are printed.
				 */
				do_action( 'relay_connector_settings_rows' );
				?>
			</table>
			<h2><?php esc_html_e( 'List of events', 'relay-connector' ); ?></h2>
			<table class="form-table" role="presentation">
				<?php
				$this->render_retention();
				$this->render_show_sent();
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
			<div class="relay-connector-save"><?php submit_button( __( 'Save settings', 'relay-connector' ), 'primary', 'submit', false ); ?></div>
		</form>
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
				<p class="description"><?php esc_html_e( 'Unless you choose otherwise below, the content of an event is deleted as soon as the event is sent. Its entry in the list is deleted after this time. Events that are not sent yet are never deleted.', 'relay-connector' ); ?></p>
			</td>
		</tr>
		<?php
	}

	/**
	 * Prints for how long the content of sent events can be shown.
	 */
	private function render_show_sent() {
		?>
		<tr>
			<th scope="row"><label for="<?php echo esc_attr( Settings::SHOW_SENT_H ); ?>"><?php esc_html_e( 'Show what was sent for', 'relay-connector' ); ?></label></th>
			<td>
				<select id="<?php echo esc_attr( Settings::SHOW_SENT_H ); ?>" name="<?php echo esc_attr( Settings::SHOW_SENT_H ); ?>">
					<?php foreach ( Settings::SHOW_SENT_CHOICES as $hours ) : ?>
						<option value="<?php echo esc_attr( $hours ); ?>" <?php selected( Settings::show_sent_hours(), $hours ); ?>>
							<?php
							/* translators: %s: number of hours. */
							echo esc_html( $hours ? sprintf( _n( '%s hour', '%s hours', $hours, 'relay-connector' ), number_format_i18n( $hours ) ) : __( 'Off', 'relay-connector' ) );
							?>
						</option>
					<?php endforeach; ?>
				</select>
				<p class="description"><?php esc_html_e( 'Useful while you set up the connection. The content of sent events, which contains personal data, then stays on this site for this time, and every administrator can read it under "Events". It is deleted after this time, when a person\'s data is erased, and when you choose "Off" or deactivate the plugin.', 'relay-connector' ); ?></p>
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
}
