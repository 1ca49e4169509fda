<?php
/**
 * Queries for the list of events.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Ascii;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Own table, shown as it is now.

/**
 * Selects rows by state, event type and search term, and requeues all that match. Deleted events are never shown.
 */
final class Outbox_Query {

	/**
	 * The state, '' for all.
	 *
	 * @var string
	 */
	public $state;

	/**
	 * The event type, '' for all.
	 *
	 * @var string
	 */
	public $type;

	/**
	 * Part of an event id, or the id of an object; '' for all.
	 *
	 * @var string
	 */
	public $word;

	/**
	 * Takes the filters.
	 *
	 * @param string $state The state.
	 * @param string $type  The event type.
	 * @param string $word  The search term.
	 */
	public function __construct( $state = '', $type = '', $word = '' ) {
		$this->state = in_array( $state, self::states(), true ) ? $state : '';
		$this->type  = $type;
		$this->word  = trim( $word );
	}

	/**
	 * The states that can be selected.
	 *
	 * @return string[]
	 */
	public static function states() {
		return array( Outbox::WAITING, Outbox::PARKED, Outbox::SENT, Outbox::WITHDRAWN );
	}

	/**
	 * One page, newest first, without bodies. If a row has to wait for an earlier one of its object, waits_for has its id.
	 *
	 * @param int $limit  The maximum number of rows.
	 * @param int $offset The number of rows to skip.
	 * @return object[]
	 */
	public function page( $limit, $offset ) {
		global $wpdb;
		$rows = (array) $wpdb->get_results( $wpdb->prepare( "SELECT id, event_id, dedupe_key, event_type, object_id, object_key, detail, is_initial, revision, state, attempts, created_at, due_at, claimed_until, finished_at, last_status, last_answer, body IS NOT NULL AS has_content, CASE WHEN o.state = 'waiting' AND o.object_key <> '' THEN (SELECT MIN(b.id) FROM {$wpdb->relay_connector_outbox} b WHERE b.object_key = o.object_key AND b.state = 'waiting' AND b.id < o.id) END AS waits_for FROM {$wpdb->relay_connector_outbox} o WHERE state <> 'deleted' AND (%s = '' OR state = %s) AND (%s = '' OR event_type = %s) AND (%s = '' OR INSTR(event_id, %s) > 0 OR object_id = %d) ORDER BY id DESC LIMIT %d OFFSET %d", $this->state, $this->state, $this->type, $this->type, $this->word, $this->part(), $this->number(), $limit, $offset ) );
		foreach ( $rows as $row ) {
			$row->last_answer = (string) Ascii::decode( $row->last_answer );
		}
		return $rows;
	}

	/**
	 * How many rows match.
	 *
	 * @return int
	 */
	public function count() {
		global $wpdb;
		return (int) $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->relay_connector_outbox} WHERE state <> 'deleted' AND (%s = '' OR state = %s) AND (%s = '' OR event_type = %s) AND (%s = '' OR INSTR(event_id, %s) > 0 OR object_id = %d)", $this->state, $this->state, $this->type, $this->type, $this->word, $this->part(), $this->number() ) );
	}

	/**
	 * How many of the matching rows can be sent: waiting and parked ones.
	 *
	 * @return int
	 */
	public function count_unfinished() {
		global $wpdb;
		return (int) $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->relay_connector_outbox} WHERE state IN ('waiting', 'parked') AND (%s = '' OR state = %s) AND (%s = '' OR event_type = %s) AND (%s = '' OR INSTR(event_id, %s) > 0 OR object_id = %d)", $this->state, $this->state, $this->type, $this->type, $this->word, $this->part(), $this->number() ) );
	}

	/**
	 * Requeues every unfinished row that matches, with its event id and body unchanged.
	 *
	 * @return int How many.
	 */
	public function retry_all() {
		global $wpdb;
		// Counted before: the UPDATE does not count rows that it leaves unchanged.
		$count = $this->count_unfinished();
		$done  = $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET attempts = CASE WHEN state = 'parked' THEN 0 ELSE attempts END, state = 'waiting', due_at = 0, finished_at = 0 WHERE state IN ('waiting', 'parked') AND (%s = '' OR state = %s) AND (%s = '' OR event_type = %s) AND (%s = '' OR INSTR(event_id, %s) > 0 OR object_id = %d)", $this->state, $this->state, $this->type, $this->type, $this->word, $this->part(), $this->number() ) );
		return false === $done ? 0 : $count;
	}

	/**
	 * How many rows each state has.
	 *
	 * @return int[] By state; '' has the total.
	 */
	public static function counts() {
		global $wpdb;
		$counts = array_fill_keys( self::states(), 0 );
		foreach ( (array) $wpdb->get_results( "SELECT state, COUNT(*) AS n FROM {$wpdb->relay_connector_outbox} WHERE state <> 'deleted' GROUP BY state" ) as $row ) {
			$counts[ $row->state ] = (int) $row->n;
		}
		return array( '' => array_sum( $counts ) ) + $counts;
	}

	/**
	 * The event types in the outbox.
	 *
	 * @return string[]
	 */
	public static function types() {
		global $wpdb;
		return (array) $wpdb->get_col( "SELECT DISTINCT event_type FROM {$wpdb->relay_connector_outbox} WHERE state <> 'deleted' ORDER BY event_type" );
	}

	/**
	 * The search term as part of an event id. A number only matches object ids: a space never matches an event id.
	 *
	 * @return string
	 */
	private function part() {
		return $this->number() > 0 ? ' ' : $this->word;
	}

	/**
	 * The search term as an object id; -1 matches none.
	 *
	 * @return int
	 */
	private function number() {
		return ctype_digit( $this->word ) && (int) $this->word > 0 ? (int) $this->word : -1;
	}
}
