<?php
/**
 * What an admin has to be told.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Gate;
use Relay_Connector\Outbox;
use Relay_Connector\Settings;
use Relay_Connector\Trouble;

defined( 'ABSPATH' ) || exit;

/**
 * Says so on each admin page when sending has stopped or is late: nobody looks at a settings page unasked.
 */
final class Notices {

	const LATE_S = 3600;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The outbox.
	 *
	 * @var Outbox
	 */
	private $outbox;

	/**
	 * The gate.
	 *
	 * @var Gate
	 */
	private $gate;

	/**
	 * Takes what it tells about.
	 *
	 * @param Settings $settings The settings.
	 * @param Outbox   $outbox   The outbox.
	 * @param Gate     $gate     The gate.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Gate $gate ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->gate     = $gate;
	}

	/**
	 * Hooks the notices in.
	 */
	public function add_hooks() {
		add_action( 'admin_notices', array( $this, 'render' ) );
	}

	/**
	 * The notices, for those who can do something about it.
	 */
	public function render() {
		if ( ! current_user_can( Settings_Page::capability() ) || ! $this->settings->collects_events() ) {
			return;
		}
		$summary = $this->outbox->summary();
		$pause   = $this->gate->pause();
		$trouble = Trouble::read();
		if ( ! $this->settings->is_configured() ) {
			/* translators: %d: number of events. */
			$this->notice( 'error', __( 'Relay: nothing is sent.', 'relay-connector' ), sprintf( _n( 'The gateway address or the secret is missing now. %d event waits here and is sent when both are set again.', 'The gateway address or the secret is missing now. %d events wait here and are sent when both are set again.', $summary->waiting, 'relay-connector' ), $summary->waiting ) );
		} elseif ( $pause ) {
			/* translators: %d: number of events. */
			$waiting = sprintf( _n( '%d event waits here; nothing is lost. One event an hour is tried; as soon as it is accepted, or a test event is, sending goes on by itself.', '%d events wait here; nothing is lost. One event an hour is tried; as soon as it is accepted, or a test event is, sending goes on by itself.', $summary->waiting, 'relay-connector' ), $summary->waiting );
			$this->notice( 'error', __( 'Relay: sending is paused.', 'relay-connector' ), $pause['sentence'] . ' ' . $waiting );
		} elseif ( $summary->oldest_at && time() - $summary->oldest_at > self::LATE_S ) {
			/* translators: 1: number of events, 2: a length of time. */
			$this->notice( 'warning', __( 'Relay: events are late.', 'relay-connector' ), sprintf( _n( '%1$d event waits, for %2$s by now. The list of events on the Relay page says why. If it was never tried, WP-Cron does not run on this site: have your host call wp-cron.php every minute.', '%1$d events wait, the oldest for %2$s. The list of events on the Relay page says why. If they were never tried, WP-Cron does not run on this site: have your host call wp-cron.php every minute.', $summary->waiting, 'relay-connector' ), $summary->waiting, human_time_diff( $summary->oldest_at ) ) );
		}
		if ( $summary->parked ) {
			/* translators: %d: number of events. */
			$this->notice( 'warning', __( 'Relay needs a decision from you.', 'relay-connector' ), sprintf( _n( '%d event was not accepted and is kept. Read the reason in the list of events, then choose "Try again" or "Delete" there.', '%d events were not accepted and are kept. Read the reasons in the list of events, then choose "Try again" or "Delete" there.', $summary->parked, 'relay-connector' ), $summary->parked ) );
		}
		if ( $trouble ) {
			$this->render_trouble( $trouble );
		}
	}

	/**
	 * One notice. The core's own function for it is younger than the oldest version that we run on.
	 *
	 * @param string $type  Either error or warning.
	 * @param string $title In a few words.
	 * @param string $text  In sentences.
	 */
	private function notice( $type, $title, $text ) {
		?>
		<div class="notice notice-<?php echo esc_attr( $type ); ?> relay-connector-notice">
			<p><strong><?php echo esc_html( $title ); ?></strong> <?php echo esc_html( $text ); ?>
			<?php if ( ! $this->is_own_page() ) : ?>
				<a href="<?php echo esc_url( Settings_Page::url() ); ?>"><?php esc_html_e( 'Open the Relay page', 'relay-connector' ); ?></a>
			<?php endif; ?>
			</p>
		</div>
		<?php
	}

	/**
	 * Events that could not even be noted down.
	 *
	 * @param array $trouble With count, at, detail.
	 */
	private function render_trouble( array $trouble ) {
		?>
		<div class="notice notice-error relay-connector-notice">
			<p>
				<strong><?php esc_html_e( 'Relay: events were lost.', 'relay-connector' ); ?></strong>
				<?php
				/* translators: 1: number of events, 2: technical detail. */
				echo esc_html( sprintf( _n( '%1$d event could not be noted down, because this site\'s database did not take it (%2$s). Ask your host whether the database is full or damaged; switching the plugin off and on again repairs its table.', '%1$d events could not be noted down, because this site\'s database did not take them (last: %2$s). Ask your host whether the database is full or damaged; switching the plugin off and on again repairs its table.', $trouble['count'], 'relay-connector' ), $trouble['count'], $trouble['detail'] ) );
				?>
			</p>
			<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
				<input type="hidden" name="action" value="<?php echo esc_attr( Actions::FORGET ); ?>">
				<?php wp_nonce_field( Actions::FORGET ); ?>
				<p><button type="submit" class="button"><?php esc_html_e( 'I have read this', 'relay-connector' ); ?></button></p>
			</form>
		</div>
		<?php
	}

	/**
	 * Whether the admin is on our page already.
	 *
	 * @return bool
	 */
	private function is_own_page() {
		$screen = get_current_screen();
		return $screen && 'settings_page_' . Settings_Page::SLUG === $screen->id;
	}
}
