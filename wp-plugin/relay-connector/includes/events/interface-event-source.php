<?php
/**
 * What a place that events come from has to do.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * In the hook it only notes an object down; what is sent is put together later, from the object as it then is.
 */
interface Event_Source {

	/**
	 * Hooks into what happens on the site.
	 */
	public function add_hooks();

	/**
	 * The event types that come from here.
	 *
	 * @return string[]
	 */
	public function types();

	/**
	 * The fields of one event.
	 *
	 * @param string $type      The event type.
	 * @param int    $object_id The object.
	 * @param string $event_id  The event's id.
	 * @return array
	 * @throws Withdrawn When the event is not to be sent any more.
	 */
	public function data( $type, $object_id, $event_id );

	/**
	 * Remembers, for as long as the object lives, that it has been sent: rows are purged long before.
	 *
	 * @param int    $object_id The object.
	 * @param string $event_id  The event's id.
	 */
	public function remember_sent( $object_id, $event_id );

	/**
	 * How an admin would call the object, with personal fields masked.
	 *
	 * @param int $object_id The object.
	 * @return array With label and url ('' when it cannot be opened).
	 */
	public function describe( $object_id );
}
