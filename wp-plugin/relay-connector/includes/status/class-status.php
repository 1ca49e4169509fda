<?php
/**
 * The status of the connection.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Status;

use Relay_Connector\Sending\Circuit_Breaker;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * The only class that decides what is wrong. The notices, the menu, the dashboard, Site Health, the e-mail and WP-CLI
 * use it.
 */
final class Status {

	const LATE_S = 3600;

	/**
	 * From this many unfinished events on, the size of the table is a problem.
	 */
	const LARGE_BACKLOG = 10000;

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
	 * The circuit breaker.
	 *
	 * @var Circuit_Breaker
	 */
	private $breaker;

	/**
	 * Takes what it checks.
	 *
	 * @param Settings        $settings The settings.
	 * @param Outbox          $outbox   The outbox.
	 * @param Circuit_Breaker $breaker  The circuit breaker.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Circuit_Breaker $breaker ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->breaker  = $breaker;
	}

	/**
	 * The numbers of the outbox.
	 *
	 * @return object With waiting, parked, oldest_at, parked_at.
	 */
	public function summary() {
		return $this->outbox->summary();
	}

	/**
	 * The problems, the most serious first.
	 *
	 * @return array[] Each with level (error or warning), title and text. Empty if there is none.
	 */
	public function problems() {
		if ( ! $this->settings->collects_events() ) {
			return array();
		}
		$summary = $this->summary();
		$found   = array_filter( array( $this->stopped( $summary ), $this->needs_decision( $summary ), $this->grows( $summary ) ) );
		return array_values( $found );
	}

	/**
	 * The number next to the menu entry: what needs attention.
	 *
	 * @return int
	 */
	public function badge() {
		if ( ! $this->settings->collects_events() ) {
			return 0;
		}
		$summary = $this->summary();
		return $summary->parked + ( $this->stopped( $summary ) ? 1 : 0 );
	}

	/**
	 * Since when events are stuck; 0 if none are.
	 *
	 * @return int Unix seconds.
	 */
	public function stuck_since() {
		if ( ! $this->settings->collects_events() ) {
			return 0;
		}
		$summary = $this->summary();
		$pause   = $this->breaker->pause();
		$since   = array_filter( array( $summary->oldest_at, $summary->parked_at, $pause ? (int) $pause['since'] : 0 ) );
		return $since ? min( $since ) : 0;
	}

	/**
	 * Nothing is sent, or events are late.
	 *
	 * @param object $summary The numbers of the outbox.
	 * @return array|null
	 */
	private function stopped( $summary ) {
		$pause = $this->breaker->pause();
		if ( ! $this->settings->is_configured() ) {
			/* translators: %d: number of events. */
			return self::problem( 'error', __( 'Relay: nothing is being sent.', 'relay-connector' ), sprintf( _n( 'The gateway address or the secret is missing. %d event waits on this site and is sent when both are set again.', 'The gateway address or the secret is missing. %d events wait on this site and are sent when both are set again.', $summary->waiting, 'relay-connector' ), $summary->waiting ) );
		}
		if ( $pause ) {
			/* translators: %d: number of events. */
			$waiting = sprintf( _n( '%d event waits on this site; nothing is lost. One event an hour is tried. When it or a test event is accepted, sending resumes automatically.', '%d events wait on this site; nothing is lost. One event an hour is tried. When it or a test event is accepted, sending resumes automatically.', $summary->waiting, 'relay-connector' ), $summary->waiting );
			return self::problem( 'error', __( 'Relay: sending is paused.', 'relay-connector' ), $pause['sentence'] . ' ' . $waiting );
		}
		if ( $summary->oldest_at && time() - $summary->oldest_at > self::LATE_S ) {
			/* translators: 1: number of events, 2: a length of time. */
			return self::problem( 'warning', __( 'Relay: events are late.', 'relay-connector' ), sprintf( _n( '%1$d event has been waiting for %2$s. The list of events on the Relay page shows why. If it was never attempted, WP-Cron does not run on this site: ask your host to call wp-cron.php every minute.', '%1$d events are waiting, the oldest for %2$s. The list of events on the Relay page shows why. If they were never attempted, WP-Cron does not run on this site: ask your host to call wp-cron.php every minute.', $summary->waiting, 'relay-connector' ), $summary->waiting, human_time_diff( $summary->oldest_at ) ) );
		}
		return null;
	}

	/**
	 * Events that were not accepted.
	 *
	 * @param object $summary The numbers of the outbox.
	 * @return array|null
	 */
	private function needs_decision( $summary ) {
		if ( ! $summary->parked ) {
			return null;
		}
		/* translators: %d: number of events. */
		return self::problem( 'warning', __( 'Relay: events need your attention.', 'relay-connector' ), sprintf( _n( '%d event was not accepted and is kept. Read the reason in the list of events, then choose "Try again" or "Delete" there.', '%d events were not accepted and are kept. Read the reasons in the list of events, then choose "Try again" or "Delete" there.', $summary->parked, 'relay-connector' ), $summary->parked ) );
	}

	/**
	 * The outbox has too many events.
	 *
	 * @param object $summary The numbers of the outbox.
	 * @return array|null
	 */
	private function grows( $summary ) {
		if ( $summary->waiting + $summary->parked < self::LARGE_BACKLOG ) {
			return null;
		}
		/* translators: %s: number of events. */
		return self::problem( 'warning', __( 'Relay: many events are waiting.', 'relay-connector' ), sprintf( __( '%s events are waiting in this site\'s database. All of them are kept, but the table grows. Fix the cause soon, or delete the events that you do not need.', 'relay-connector' ), number_format_i18n( $summary->waiting + $summary->parked ) ) );
	}

	/**
	 * Builds a problem.
	 *
	 * @param string $level Either error or warning.
	 * @param string $title A short title.
	 * @param string $text  The explanation.
	 * @return array
	 */
	private static function problem( $level, $title, $text ) {
		return compact( 'level', 'title', 'text' );
	}
}
