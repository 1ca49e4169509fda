<?php
/**
 * One runner at a time.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

/**
 * A lease in the options table, taken by one compare-and-swap statement. Named database locks would be lost behind the
 * connection pools that some hosts put in between; a runner that died loses the lease by time.
 */
final class Run_Lock {

	const OPTION  = 'relay_connector_runner';
	const LEASE_S = 90;

	/**
	 * What stands in the table while this runner holds the lease; '' when it does not.
	 *
	 * @var string
	 */
	private $held = '';

	/**
	 * Takes the lease.
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
	 * Makes the lease last longer.
	 *
	 * @return bool False when another runner has taken it.
	 */
	public function renew() {
		return '' !== $this->held && $this->swap( $this->held );
	}

	/**
	 * Gives the lease back.
	 */
	public function release() {
		global $wpdb;
		if ( '' !== $this->held ) {
			$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->options} SET option_value = '' WHERE option_name = %s AND option_value = %s", self::OPTION, $this->held ) );
			$this->held = '';
		}
	}

	/**
	 * Puts this runner's lease in the place of what was seen.
	 *
	 * @param string $seen What stood there.
	 * @return bool False when it no longer stands there.
	 */
	private function swap( $seen ) {
		global $wpdb;
		$next       = ( time() + self::LEASE_S ) . ' ' . wp_generate_uuid4();
		$this->held = 1 === $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->options} SET option_value = %s WHERE option_name = %s AND option_value = %s", $next, self::OPTION, $seen ) ) ? $next : '';
		return '' !== $this->held;
	}
}
