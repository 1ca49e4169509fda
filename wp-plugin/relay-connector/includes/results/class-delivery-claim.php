<?php
/**
 * Once for each delivery.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Results;

defined( 'ABSPATH' ) || exit;

/**
 * One row for each delivery that came back. A request that died in the middle loses its claim by time, so the result
 * is taken when it comes again; one that was taken is never taken twice.
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
	 * @param string $delivery As the gateway names it.
	 */
	public function __construct( $delivery ) {
		$this->delivery = $delivery;
	}

	/**
	 * Claims the delivery.
	 *
	 * @return bool False when it is done or another request is at it.
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
	 * Whether the delivery was taken before.
	 *
	 * @return bool
	 */
	public function is_done() {
		global $wpdb;
		return (bool) $wpdb->get_var( $wpdb->prepare( "SELECT done_at FROM {$wpdb->relay_callback} WHERE delivery = %s", $this->delivery ) );
	}

	/**
	 * Writes down that it was taken.
	 */
	public function finish() {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_callback} SET done_at = %d WHERE delivery = %s", time(), $this->delivery ) );
	}

	/**
	 * Gives the claim back, so that it can come again.
	 */
	public function release() {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->relay_callback} WHERE delivery = %s AND done_at = 0", $this->delivery ) );
	}

	/**
	 * Forgets deliveries that were taken before a moment.
	 *
	 * @param int $before Unix seconds.
	 */
	public static function purge( $before ) {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->relay_callback} WHERE done_at > 0 AND done_at < %d", $before ) );
	}
}
