<?php
/**
 * What triggers sending.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

/**
 * Reports which triggers work on this server: the end of a visitor's request, and WP-Cron (or the command from a system
 * crontab).
 */
final class Triggers {

	/**
	 * When the last run by WP-Cron or by the command started, in Unix seconds.
	 */
	const LAST_RUN = 'relay_connector_last_run';

	/**
	 * When a request last checked for a due alert, in Unix seconds. Every request reads it, so it is autoloaded.
	 */
	const LAST_CHECK       = 'relay_connector_last_look';
	const CHECK_INTERVAL_S = 900;

	/**
	 * On a site with few visitors WP-Cron runs rarely. Longer than this is too long for a failed event.
	 */
	const QUIET_S = 3600;

	/**
	 * Records that a run starts.
	 */
	public static function note_run() {
		update_option( self::LAST_RUN, time(), false );
	}

	/**
	 * When the last run started.
	 *
	 * @return int Unix seconds, 0 for never.
	 */
	public function last_run() {
		return (int) get_option( self::LAST_RUN, 0 );
	}

	/**
	 * Whether runs happen: there was one, not too long ago. Without runs, failed events are not retried.
	 *
	 * @return bool
	 */
	public function are_working() {
		return time() - $this->last_run() <= self::QUIET_S;
	}

	/**
	 * Whether this request should check for a due alert, because no runs happen that would do it. Says yes at most once
	 * in 15 minutes and otherwise costs no query.
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
	 * Explains the state of the triggers.
	 *
	 * @return string
	 */
	public function explain() {
		$how = Scheduler::can_finish_response()
			? __( 'This server sends an event right after the response to the visitor. WP-Cron retries events that fail.', 'relay-connector' )
			: __( 'On this server WP-Cron sends the events, within a minute after the next visit to the site.', 'relay-connector' );
		if ( ! $this->last_run() ) {
			return $how . ' ' . __( 'WP-Cron has not run since the plugin was set up. If this message is still here in an hour, ask your host to call wp-cron.php or "wp relay send" every minute.', 'relay-connector' );
		}
		/* translators: %s: a length of time. */
		$last = sprintf( __( 'The last run was %s ago.', 'relay-connector' ), human_time_diff( $this->last_run() ) );
		return $how . ' ' . $last . ( $this->are_working() ? '' : ' ' . __( 'That is too long: ask your host to call wp-cron.php or "wp relay send" every minute.', 'relay-connector' ) );
	}
}
