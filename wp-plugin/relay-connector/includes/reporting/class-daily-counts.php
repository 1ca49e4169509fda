<?php
/**
 * Event counts per UTC day.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Reporting;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Own table, and counts that must be exact.

/**
 * Four numbers per day and event type, by this site's clock:
 *
 *   fired    events recorded on that day
 *   sent     events that were stored as accepted (202, or 200 for a duplicate) on that day
 *   dropped  events that ended otherwise on that day: withdrawn, deleted by a person, or an id conflict (409)
 *   waiting  events that are unfinished now, including parked ones, whenever they were recorded
 *
 * The counts are computed from the rows of the outbox. Each change of a row is one statement, so the counts always
 * match, and recording an event costs nothing extra. Only purging deletes rows; the counts of a day are stored in a
 * small table before that. Counters increased in the hook would be rows that all visitors of a busy shop wait for while
 * another plugin keeps its transaction open.
 */
final class Daily_Counts {

	const TABLE     = 'relay_tally';
	const KEPT_DAYS = 60;

	/**
	 * A day is closed this long after its end, when everything that belongs to it has been written.
	 */
	const CLOSING_S = 600;

	/**
	 * The first second of a UTC day.
	 *
	 * @param int $time Unix seconds.
	 * @return int
	 */
	public static function day_start( $time ) {
		return $time - $time % DAY_IN_SECONDS;
	}

	/**
	 * The counts of one day. Purged rows are only in the table, rows of an open day only in the outbox. If both have a
	 * number, the larger one was taken before rows were purged.
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
	 * The counts of one day over all event types.
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
	 * Stores the counts of the days that are over. The first number stored stays, because a later one would lack purged
	 * rows.
	 *
	 * @return int The first second that is not closed; rows that finished before it can be purged.
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
	 * Counts the rows of the outbox in a period.
	 *
	 * @param int $from  Unix seconds, the start of a day.
	 * @param int $until Unix seconds, the start of the day after the last one.
	 * @return object[] With day, event_type, what, n.
	 */
	private function count_rows( $from, $until ) {
		global $wpdb;
		$fired = (array) $wpdb->get_results( $wpdb->prepare( "SELECT created_at - created_at %% 86400 AS day, event_type, 'fired' AS what, COUNT(*) AS n FROM {$wpdb->relay_connector_outbox} WHERE created_at >= %d AND created_at < %d GROUP BY day, event_type", $from, $until ) );
		$ended = (array) $wpdb->get_results( $wpdb->prepare( "SELECT finished_at - finished_at %% 86400 AS day, event_type, CASE WHEN state = 'sent' AND last_status BETWEEN 200 AND 299 THEN 'sent' ELSE 'dropped' END AS what, COUNT(*) AS n FROM {$wpdb->relay_connector_outbox} WHERE state IN ('sent', 'withdrawn', 'deleted') AND finished_at >= %d AND finished_at < %d GROUP BY day, event_type, what", $from, $until ) );
		return array_merge( $fired, $ended );
	}

	/**
	 * Counts the unfinished rows.
	 *
	 * @return object[] With event_type, what, n.
	 */
	private function waiting() {
		global $wpdb;
		return (array) $wpdb->get_results( "SELECT event_type, 'waiting' AS what, COUNT(*) AS n FROM {$wpdb->relay_connector_outbox} WHERE state IN ('waiting', 'parked') GROUP BY event_type" );
	}
}
