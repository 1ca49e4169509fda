<?php
/**
 * The orders that a request has touched.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Remembers until the end of the request, for each order, which events may have to be noted down.
 */
final class Touched_Orders {

	/**
	 * By site, then by order, then by dedupe key: the event type and what the event is about.
	 *
	 * @var array
	 */
	private $touched = array();

	/**
	 * Remembers an event. The same one again changes nothing.
	 *
	 * @param int    $id        The order.
	 * @param string $type      The event type.
	 * @param int    $object_id What the event is about.
	 * @param string $key       The dedupe key.
	 */
	public function add( $id, $type, $object_id, $key ) {
		if ( $id > 0 && $object_id > 0 ) {
			$this->touched[ get_current_blog_id() ][ $id ][ $key ] = array( $type, $object_id );
		}
	}

	/**
	 * Hands each order over, on the site of the network that it belongs to, and forgets it.
	 *
	 * @param callable $note Is given the order's number and its events.
	 */
	public function hand_over( callable $note ) {
		$touched       = $this->touched;
		$this->touched = array();
		foreach ( $touched as $site => $orders ) {
			$is_other = get_current_blog_id() !== $site;
			if ( $is_other ) {
				switch_to_blog( $site );
			}
			foreach ( $orders as $id => $events ) {
				$note( $id, $events );
			}
			if ( $is_other ) {
				restore_current_blog();
			}
		}
	}
}
