<?php
/**
 * How many events each UTC day had.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Reporting;

defined( 'ABSPATH' ) || exit;

/**
 * Four numbers a day and event type, by this site's clock:
 *
 *   fired    events put into the outbox on that day
 *   sent     events whose acceptance (202, or 200 for one that the gateway had) was written down on that day
 *   dropped  events that ended otherwise on that day: withdrawn, deleted by a person, or refused as another one's id (409)
 *   waiting  events still in the outbox at the moment of asking, parked ones too, whenever they were recorded
 *
 * The rows of the outbox are the count: each change of a row is one statement, so a number cannot differ from what was
 * done, and a visitor's request does nothing more than before. Only purging takes rows away; what the days had is kept
 * in a small table before. Counters raised in the hook would be rows that all visitors of a busy shop queue for, as
 * long as another plugin holds its transaction open.
 */
final class Daily_Counts {

	const TABLE     = 'relay_tally';
	const KEPT_DAYS = 60;

	/**
	 * A day is closed so long after its end that all it had is surely written down.
	 */
	const CLOSING_S = 600;

	/**
	 * The first second of the UTC day that a moment lies in.
	 *
	 * @param int $time Unix seconds.
	 * @return int
	 */
	public static function day_start( $time ) {
		return $time - $time % DAY_IN_SECONDS;
	}

	/**
	 * The numbers of one day. Rows that were purged are only in the table, those of an open day only in the outbox;
	 * where both have a number, the larger one was taken before rows went.
	 *
	 * @param int $day The day's first second.
	 * @return array By event type: fired, sent, waiting, dropped.
	 */
	public function counts( $day ) {
		global $wpdb;
		$kept   = (array) $wpdb->get_results( $wpdb->prepare( "SELECT event_type, what, n FROM {$wpdb->relay_tally} WHERE day = %d", $day ) );
		$counts = array();
		foreach ( array_merge( $kept, $this->count_rows( $day, $day + DAY_IN_SECONDS ), $this->waiting() ) as $cell ) {
			if ( ! isset( $counts[ $cell->event_type ] ) ) {
				$counts[ $cell->event_type ] = array_fill_keys( array( 'fired', 'sent', 'waiting', 'dropped' ), 0 );
			}
			$counts[ $cell->event_type ][ $cell->what ] = max( $counts[ $cell->event_type ][ $cell->what ], (int) $cell->n );
		}
		ksort( $counts );
		return $counts;
	}

	/**
	 * The numbers of one day over all event types.
	 *
	 * @param int $day The day's first second.
	 * @return array With fired, sent, waiting, dropped.
	 */
	public function totals( $day ) {
		$totals = array_fill_keys( array( 'fired', 'sent', 'waiting', 'dropped' ), 0 );
		foreach ( $this->counts( $day ) as $of_type ) {
			foreach ( $of_type as $name => $n ) {
				$totals[ $name ] += $n;
			}
		}
		return $totals;
	}

	/**
	 * Keeps the numbers of the days that are over. The first number kept stands: a later one would lack purged rows.
	 *
	 * @return int The first second that is not closed; rows that ended before it may be purged.
	 */
	public function close_days() {
		global $wpdb;
		$open = self::day_start( time() - self::CLOSING_S );
		foreach ( $this->count_rows( $open - DAY_IN_SECONDS * self::KEPT_DAYS, $open ) as $cell ) {
			$wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->relay_tally} (day, event_type, what, n) VALUES (%d, %s, %s, %d)", $cell->day, $cell->event_type, $cell->what, $cell->n ) );
		}
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->relay_tally} WHERE day < %d", $open - DAY_IN_SECONDS * self::KEPT_DAYS ) );
		return $open;
	}

	/**
	 * What the rows of the outbox say about a time.
	 *
	 * @param int $from  Unix seconds, first of a day.
	 * @param int $until Unix seconds, first of the day after the last one.
	 * @return object[] With day, event_type, what, n.
	 */
	private function count_rows( $from, $until ) {
		global $wpdb;
		$fired = (array) $wpdb->get_results( $wpdb->prepare( "SELECT created_at - created_at %% 86400 AS day, event_type, 'fired' AS what, COUNT(*) AS n FROM {$wpdb->relay_connector_outbox} WHERE created_at >= %d AND created_at < %d GROUP BY day, event_type", $from, $until ) );
		$ended = (array) $wpdb->get_results( $wpdb->prepare( "SELECT finished_at - finished_at %% 86400 AS day, event_type, CASE WHEN state = 'sent' AND last_status BETWEEN 200 AND 299 THEN 'sent' ELSE 'dropped' END AS what, COUNT(*) AS n FROM {$wpdb->relay_connector_outbox} WHERE state IN ('sent', 'withdrawn', 'deleted') AND finished_at >= %d AND finished_at < %d GROUP BY day, event_type, what", $from, $until ) );
		return array_merge( $fired, $ended );
	}

	/**
	 * What the outbox still holds.
	 *
	 * @return object[] With event_type, what, n.
	 */
	private function waiting() {
		global $wpdb;
		return (array) $wpdb->get_results( "SELECT event_type, 'waiting' AS what, COUNT(*) AS n FROM {$wpdb->relay_connector_outbox} WHERE state IN ('waiting', 'parked') GROUP BY event_type" );
	}
}
