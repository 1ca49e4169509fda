<?php
/**
 * The notices in the admin.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Events\Sensitive_Fields;
use Relay_Connector\Status\Lost_Events;
use Relay_Connector\Status\Status;

defined( 'ABSPATH' ) || exit;

/**
 * Shows a notice on each admin page when sending is stopped or late, because nobody opens the settings page without a
 * reason.
 */
final class Admin_Notices {

	/**
	 * The status.
	 *
	 * @var Status
	 */
	private $status;

	/**
	 * Takes the status.
	 *
	 * @param Status $status The status.
	 */
	public function __construct( Status $status ) {
		$this->status = $status;
	}

	/**
	 * Registers the notices.
	 */
	public function add_hooks() {
		add_action( 'admin_notices', array( $this, 'render' ) );
	}

	/**
	 * Prints the notices, for users who may change the settings.
	 */
	public function render() {
		if ( ! current_user_can( Settings_Page::capability() ) ) {
			return;
		}
		foreach ( $this->status->problems() as $problem ) {
			$this->notice( $problem['level'], $problem['title'], $problem['text'] );
		}
		$lost_events = Lost_Events::read();
		if ( $lost_events ) {
			$this->render_lost_events( $lost_events );
		}
		$this->render_sensitive_fields();
	}

	/**
	 * Prints the notice about form fields that were left out.
	 */
	private function render_sensitive_fields() {
		foreach ( Sensitive_Fields::all() as $form => $labels ) {
			?>
			<div class="notice notice-warning relay-connector-notice">
				<p><strong><?php esc_html_e( 'Relay: a form field was not sent.', 'relay-connector' ); ?></strong>
				<?php
				/* translators: %s: names of fields. */
				echo esc_html( sprintf( __( 'The name of this field suggests a password, a payment card or a bank account: %s. Decide whether Relay may receive it.', 'relay-connector' ), implode( ', ', $labels ) ) );
				?>
				<a href="<?php echo esc_url( Form_Fields_Page::url( $form ) ); ?>"><?php esc_html_e( 'Choose the fields of this form', 'relay-connector' ); ?></a>
				</p>
			</div>
			<?php
		}
	}

	/**
	 * Prints one notice. wp_admin_notice() needs WordPress 6.4; the plugin supports 6.1.
	 *
	 * @param string $type  Either error or warning.
	 * @param string $title A short title.
	 * @param string $text  The explanation.
	 */
	private function notice( $type, $title, $text ) {
		?>
		<div class="notice notice-<?php echo esc_attr( $type ); ?> relay-connector-notice">
			<p><strong><?php echo esc_html( $title ); ?></strong> <?php echo esc_html( $text ); ?>
			<?php if ( ! $this->is_own_page() ) : ?>
				<a href="<?php echo esc_url( Events_Page::url() ); ?>"><?php esc_html_e( 'Open the Relay page', 'relay-connector' ); ?></a>
			<?php endif; ?>
			</p>
		</div>
		<?php
	}

	/**
	 * Prints the notice about events that could not be recorded.
	 *
	 * @param array $lost_events With count, at, detail.
	 */
	private function render_lost_events( array $lost_events ) {
		?>
		<div class="notice notice-error relay-connector-notice">
			<p>
				<?php if ( $lost_events['count'] ) : ?>
				<strong><?php esc_html_e( 'Relay: events were lost.', 'relay-connector' ); ?></strong>
				<?php
				/* translators: 1: number of events, 2: technical detail. */
				echo esc_html( sprintf( _n( '%1$d event could not be recorded, because this site\'s database did not accept it (%2$s). Ask your host whether the database is full or damaged. Deactivate and reactivate the plugin to repair its table.', '%1$d events could not be recorded, because this site\'s database did not accept them (last error: %2$s). Ask your host whether the database is full or damaged. Deactivate and reactivate the plugin to repair its table.', $lost_events['count'], 'relay-connector' ), $lost_events['count'], $lost_events['detail'] ) );
				?>
				<?php else : ?>
				<strong><?php esc_html_e( 'Relay: another plugin caused an error.', 'relay-connector' ); ?></strong>
					<?php
					/* translators: %s: technical detail. */
					echo esc_html( sprintf( __( 'An event was sent, but a later step failed on this site (%s). No event is lost. The cause is probably another plugin: deactivate the one you last installed or updated.', 'relay-connector' ), $lost_events['detail'] ) );
					?>
				<?php endif; ?>
			</p>
			<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
				<input type="hidden" name="action" value="<?php echo esc_attr( Admin_Actions::CLEAR_LOST_EVENTS ); ?>">
				<?php wp_nonce_field( Admin_Actions::CLEAR_LOST_EVENTS ); ?>
				<p><button type="submit" class="button"><?php esc_html_e( 'Dismiss', 'relay-connector' ); ?></button></p>
			</form>
		</div>
		<?php
	}

	/**
	 * Whether the current page is the plugin's own.
	 *
	 * @return bool
	 */
	private function is_own_page() {
		$screen = get_current_screen();
		return $screen && 'settings_page_' . Settings_Page::SLUG === $screen->id;
	}
}
