<?php
/**
 * A lock for runs.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- A lock between processes: the cache may be older than the table.

/**
 * A lease in the options table, taken by one compare-and-swap statement. Named database locks do not work with the
 * connection pools of some hosts. The lease of a process that died expires.
 */
final class Run_Lock {

	const OPTION  = 'relay_connector_runner';
	const LEASE_S = 90;

	/**
	 * A lease younger than this is not extended. The rest of it is longer than the longest request.
	 */
	const YOUNG_S = 15;

	/**
	 * The stored value while this process holds the lease; '' if it does not.
	 *
	 * @var string
	 */
	private $held = '';

	/**
	 * When the lease was taken or extended, in Unix seconds.
	 *
	 * @var int
	 */
	private $held_since = 0;

	/**
	 * Acquires the lease.
	 *
	 * @return bool
	 */
	public function acquire() {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, '', 'no')", self::OPTION ) );
		$seen = (string) $wpdb->get_var( $wpdb->prepare( "SELECT option_value FROM {$wpdb->options} WHERE option_name = %s", self::OPTION ) );
		if ( (int) $seen > time() ) {
			return false;
		}
		return $this->swap( $seen );
	}

	/**
	 * Extends the lease, unless it is young.
	 *
	 * @return bool False if another process has taken it.
	 */
	public function renew() {
		if ( '' === $this->held ) {
			return false;
		}
		$age = time() - $this->held_since;
		return ( $age >= 0 && $age < self::YOUNG_S ) || $this->swap( $this->held );
	}

	/**
	 * Releases the lease.
	 */
	public function release() {
		global $wpdb;
		if ( '' !== $this->held ) {
			$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->options} SET option_value = '' WHERE option_name = %s AND option_value = %s", self::OPTION, $this->held ) );
			$this->held = '';
		}
	}

	/**
	 * Replaces the stored value with a new lease of this process.
	 *
	 * @param string $seen The value that was read.
	 * @return bool False if the value has changed.
	 */
	private function swap( $seen ) {
		global $wpdb;
		$now              = time();
		$next             = ( $now + self::LEASE_S ) . ' ' . wp_generate_uuid4();
		$this->held       = 1 === $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->options} SET option_value = %s WHERE option_name = %s AND option_value = %s", $next, self::OPTION, $seen ) ) ? $next : '';
		$this->held_since = $now;
		return '' !== $this->held;
	}
}
