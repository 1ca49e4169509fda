<?php
/**
 * The order events of the current request.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Collects, for each order, the events that are held until the end of the request.
 */
final class Held_Order_Events {

	/**
	 * Dedupe keys by site and order.
	 *
	 * @var array
	 */
	private $held = array();

	/**
	 * Adds an event.
	 *
	 * @param int    $id  The order.
	 * @param string $key The dedupe key.
	 * @return bool False if the request has already added it.
	 */
	public function add( $id, $key ) {
		$site = get_current_blog_id();
		if ( isset( $this->held[ $site ][ $id ][ $key ] ) ) {
			return false;
		}
		$this->held[ $site ][ $id ][ $key ] = $key;
		return true;
	}

	/**
	 * Passes each order to the callback, on the site that it belongs to, and empties the list.
	 *
	 * @param callable $callback Receives the order's id and its dedupe keys.
	 */
	public function flush( callable $callback ) {
		$by_site    = $this->held;
		$this->held = array();
		foreach ( $by_site as $site => $orders ) {
			$is_other = get_current_blog_id() !== $site;
			if ( $is_other ) {
				switch_to_blog( $site );
			}
			foreach ( $orders as $id => $keys ) {
				$callback( $id, array_values( $keys ) );
			}
			if ( $is_other ) {
				restore_current_blog();
			}
		}
	}
}
