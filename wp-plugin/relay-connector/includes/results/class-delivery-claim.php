<?php
/**
 * Each delivery takes effect once.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Results;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Own table, with claims that several processes compete for.

/**
 * One row for each delivery of a result. The claim of a request that died expires, so that the next attempt is
 * processed. A processed delivery is never processed again.
 */
final class Delivery_Claim {

	const TABLE   = 'relay_callback';
	const LEASE_S = 60;

	/**
	 * The delivery.
	 *
	 * @var string
	 */
	private $delivery;

	/**
	 * Takes the delivery.
	 *
	 * @param string $delivery The gateway's id for it.
	 */
	public function __construct( $delivery ) {
		$this->delivery = $delivery;
	}

	/**
	 * Claims the delivery.
	 *
	 * @return bool False if it is done or another request is processing it.
	 */
	public function acquire() {
		global $wpdb;
		$now = time();
		if ( 1 === $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->relay_callback} (delivery, claimed_until) VALUES (%s, %d)", $this->delivery, $now + self::LEASE_S ) ) ) {
			return true;
		}
		return 1 === $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_callback} SET claimed_until = %d WHERE delivery = %s AND done_at = 0 AND claimed_until <= %d", $now + self::LEASE_S, $this->delivery, $now ) );
	}

	/**
	 * Whether the delivery was processed before.
	 *
	 * @return bool
	 */
	public function is_done() {
		global $wpdb;
		return (bool) $wpdb->get_var( $wpdb->prepare( "SELECT done_at FROM {$wpdb->relay_callback} WHERE delivery = %s", $this->delivery ) );
	}

	/**
	 * Marks the delivery as processed.
	 */
	public function finish() {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_callback} SET done_at = %d WHERE delivery = %s", time(), $this->delivery ) );
	}

	/**
	 * Releases the claim, so that the next attempt is processed.
	 */
	public function release() {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->relay_callback} WHERE delivery = %s AND done_at = 0", $this->delivery ) );
	}

	/**
	 * Deletes deliveries that were processed before a time.
	 *
	 * @param int $before Unix seconds.
	 */
	public static function purge( $before ) {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->relay_callback} WHERE done_at > 0 AND done_at < %d", $before ) );
	}
}
