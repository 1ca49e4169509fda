<?php
/**
 * The orders that a request has touched.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Remembers until the end of the request, for each order, which events are held for it.
 */
final class Held_Order_Events {

	/**
	 * By site, then by order: dedupe keys.
	 *
	 * @var array
	 */
	private $held = array();

	/**
	 * Remembers an event.
	 *
	 * @param int    $id  The order.
	 * @param string $key The dedupe key.
	 * @return bool Whether it is the first time that this request speaks of it.
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
	 * Hands each order over, on the site of the network that it belongs to, and forgets it.
	 *
	 * @param callable $callback Is given the order's number and its dedupe keys.
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
