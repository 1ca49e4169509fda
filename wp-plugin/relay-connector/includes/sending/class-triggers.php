<?php
/**
 * What makes events go out.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

/**
 * Says which of the wake-ups work on this server: the end of a visitor's request, and WP-Cron (or the command, from a
 * real crontab).
 */
final class Triggers {

	/**
	 * When the last run by WP-Cron or by the command began, in unix seconds.
	 */
	const LAST_RUN = 'relay_connector_last_run';

	/**
	 * When a request last looked after a trouble itself, in unix seconds. Read by every request, so it is autoloaded.
	 */
	const LAST_CHECK       = 'relay_connector_last_look';
	const CHECK_INTERVAL_S = 900;

	/**
	 * A site with few visitors has WP-Cron run seldom: less often than this is too seldom for a failed event.
	 */
	const QUIET_S = 3600;

	/**
	 * Writes down that a run begins.
	 */
	public static function note_run() {
		update_option( self::LAST_RUN, time(), false );
	}

	/**
	 * When the last run began.
	 *
	 * @return int Unix seconds, 0 for never.
	 */
	public function last_run() {
		return (int) get_option( self::LAST_RUN, 0 );
	}

	/**
	 * Whether runs happen: a first one has, and not too long ago. Without them nothing that has failed goes out again.
	 *
	 * @return bool
	 */
	public function are_working() {
		return time() - $this->last_run() <= self::QUIET_S;
	}

	/**
	 * Whether this request has to look after a trouble: where no runs happen, nobody else does. Asked more often than
	 * every 15 minutes, it says no and costs no query.
	 *
	 * @return bool
	 */
	public function claim_alert_check() {
		if ( time() - (int) get_option( self::LAST_CHECK, 0 ) < self::CHECK_INTERVAL_S ) {
			return false;
		}
		update_option( self::LAST_CHECK, time(), true );
		return ! $this->are_working();
	}

	/**
	 * The state in a sentence or two.
	 *
	 * @return string
	 */
	public function explain() {
		$how = Scheduler::can_finish_response()
			? __( 'This server sends an event as soon as the visitor has the answer; whatever fails then is sent again by WP-Cron.', 'relay-connector' )
			: __( 'On this server events are sent by WP-Cron, at the latest a minute after somebody visits the site.', 'relay-connector' );
		if ( ! $this->last_run() ) {
			return $how . ' ' . __( 'WP-Cron has not run yet since the plugin was set up. If this still stands here in an hour, have your host call wp-cron.php or "wp relay send" every minute.', 'relay-connector' );
		}
		/* translators: %s: a length of time. */
		$last = sprintf( __( 'It last ran %s ago.', 'relay-connector' ), human_time_diff( $this->last_run() ) );
		return $how . ' ' . $last . ( $this->are_working() ? '' : ' ' . __( 'That is too long: have your host call wp-cron.php or "wp relay send" every minute.', 'relay-connector' ) );
	}
}
