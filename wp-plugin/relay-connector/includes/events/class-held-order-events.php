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
	private $touched = array();

	/**
	 * Remembers an event.
	 *
	 * @param int    $id  The order.
	 * @param string $key The dedupe key.
	 * @return bool Whether it is the first time that this request speaks of it.
	 */
	public function add( $id, $key ) {
		$site = get_current_blog_id();
		if ( isset( $this->touched[ $site ][ $id ][ $key ] ) ) {
			return false;
		}
		$this->touched[ $site ][ $id ][ $key ] = $key;
		return true;
	}

	/**
	 * Hands each order over, on the site of the network that it belongs to, and forgets it.
	 *
	 * @param callable $note Is given the order's number and its dedupe keys.
	 */
	public function hand_over( callable $note ) {
		$touched       = $this->touched;
		$this->touched = array();
		foreach ( $touched as $site => $orders ) {
			$is_other = get_current_blog_id() !== $site;
			if ( $is_other ) {
				switch_to_blog( $site );
			}
			foreach ( $orders as $id => $keys ) {
				$note( $id, array_values( $keys ) );
			}
			if ( $is_other ) {
				restore_current_blog();
			}
		}
	}
}
