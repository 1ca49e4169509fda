<?php
/**
 * Claims of rows.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Own table, with claims that several processes compete for.

/**
 * Chooses the next row and claims it for one run. Rows of one object leave in the order in which they were recorded: a row
 * cannot be claimed while an earlier one of its object waits. A row that is sent, parked, withdrawn or deleted no
 * longer keeps the others back.
 *
 * The attempt is counted before it is made, so that a row that crashes PHP is retried at growing intervals instead of at
 * once.
 */
final class Row_Claims {

	/**
	 * The row that has been due longest.
	 *
	 * @return object|null Claimed; null if there is none.
	 */
	public function oldest() {
		global $wpdb;
		$now = time();
		return $this->claim( $wpdb->get_row( $wpdb->prepare( "SELECT o.* FROM {$wpdb->relay_connector_outbox} o LEFT JOIN {$wpdb->relay_connector_outbox} b ON b.object_key = o.object_key AND b.state = 'waiting' AND b.id < o.id AND o.object_key <> '' WHERE o.state = 'waiting' AND o.due_at <= %d AND o.claimed_until <= %d AND b.id IS NULL ORDER BY o.due_at, o.id LIMIT 1", $now, $now ) ) );
	}

	/**
	 * The newest row that was not tried yet, so that new events do not wait until a long queue has been sent.
	 *
	 * @return object|null Claimed; null if there is none.
	 */
	public function newest() {
		global $wpdb;
		$now = time();
		return $this->claim( $wpdb->get_row( $wpdb->prepare( "SELECT o.* FROM {$wpdb->relay_connector_outbox} o LEFT JOIN {$wpdb->relay_connector_outbox} b ON b.object_key = o.object_key AND b.state = 'waiting' AND b.id < o.id AND o.object_key <> '' WHERE o.state = 'waiting' AND o.attempts = 0 AND o.due_at <= %d AND o.claimed_until <= %d AND b.id IS NULL ORDER BY o.id DESC LIMIT 1", $now, $now ) ) );
	}

	/**
	 * The first row of an object, if it is due.
	 *
	 * @param string $object_key The object.
	 * @return object|null Claimed; null if there is none.
	 */
	public function first_of( $object_key ) {
		global $wpdb;
		$row = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->relay_connector_outbox} WHERE object_key = %s AND state = 'waiting' ORDER BY id LIMIT 1", $object_key ) );
		return $row && (int) $row->due_at <= time() ? $this->claim( $row ) : null;
	}

	/**
	 * A certain row, due or not; the first one of its object if that one still waits.
	 *
	 * @param int $id The row.
	 * @return object|null Claimed; null if there is none.
	 */
	public function row( $id ) {
		global $wpdb;
		$row = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->relay_connector_outbox} WHERE id = %d AND state = 'waiting'", $id ) );
		if ( $row && '' !== $row->object_key ) {
			$row = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->relay_connector_outbox} WHERE object_key = %s AND state = 'waiting' ORDER BY id LIMIT 1", $row->object_key ) );
		}
		return $this->claim( $row );
	}

	/**
	 * Claims the chosen row, unless it has changed since.
	 *
	 * @param object|null $row The row.
	 * @return object|null
	 */
	private function claim( $row ) {
		global $wpdb;
		if ( ! $row ) {
			return null;
		}
		$now    = time();
		$runner = wp_generate_uuid4();
		if ( 1 !== $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET claimed_by = %s, claimed_until = %d, attempts = attempts + 1 WHERE id = %d AND state = 'waiting' AND attempts = %d AND claimed_until <= %d", $runner, $now + Outbox::CLAIM_S, $row->id, $row->attempts, $now ) ) ) {
			return null;
		}
		$row->claimed_by    = $runner;
		$row->claimed_until = (string) ( $now + Outbox::CLAIM_S );
		$row->attempts      = (string) ( 1 + (int) $row->attempts );
		return $row;
	}
}
