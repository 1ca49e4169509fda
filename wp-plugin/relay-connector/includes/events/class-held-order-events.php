<?php
/**
 * The order events of the current request.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Remembers, for each order, what this request has recorded and holds until its end.
 */
final class Held_Order_Events {

	/**
	 * The events by site and order: each with type, object_id, detail and event_id ('' if it was recorded before).
	 *
	 * @var array
	 */
	private $held = array();

	/**
	 * Adds an event.
	 *
	 * @param int    $order     The order.
	 * @param string $type      The event type.
	 * @param int    $object_id The id that the event is built from.
	 * @param string $detail    What changed.
	 * @param string $event_id  The event id, '' if the event was recorded before.
	 */
	public function add( $order, $type, $object_id, $detail, $event_id ) {
		$this->held[ get_current_blog_id() ][ $order ][] = array(
			'type'      => $type,
			'object_id' => $object_id,
			'detail'    => $detail,
			'event_id'  => $event_id,
		);
	}

	/**
	 * The events of a type that this request has added for an order.
	 *
	 * @param int    $order The order.
	 * @param string $type  The event type.
	 * @return array[]
	 */
	public function of_type( $order, $type ) {
		return array_values( wp_list_filter( $this->of( $order ), array( 'type' => $type ) ) );
	}

	/**
	 * Removes the events of a type from the list.
	 *
	 * @param int    $order The order.
	 * @param string $type  The event type.
	 */
	public function forget( $order, $type ) {
		$this->held[ get_current_blog_id() ][ $order ] = array_values( wp_list_filter( $this->of( $order ), array( 'type' => $type ), 'NOT' ) );
	}

	/**
	 * Passes each order to the callback, on the site that it belongs to, and empties the list.
	 *
	 * @param callable $callback Receives the order's id and its event ids.
	 */
	public function flush( callable $callback ) {
		$by_site    = $this->held;
		$this->held = array();
		foreach ( $by_site as $site => $orders ) {
			$is_other = get_current_blog_id() !== $site;
			if ( $is_other ) {
				switch_to_blog( $site );
			}
			foreach ( $orders as $order => $events ) {
				$callback( $order, array_filter( wp_list_pluck( $events, 'event_id' ), 'strlen' ) );
			}
			if ( $is_other ) {
				restore_current_blog();
			}
		}
	}

	/**
	 * The events of an order.
	 *
	 * @param int $order The order.
	 * @return array[]
	 */
	private function of( $order ) {
		$site = get_current_blog_id();
		return isset( $this->held[ $site ][ $order ] ) ? $this->held[ $site ][ $order ] : array();
	}
}
