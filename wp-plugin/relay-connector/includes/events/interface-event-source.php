<?php
/**
 * What a place that events come from has to do.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * In the hook it notes down as little as it can. Where the object itself can be looked up later, only its number is
 * noted, and what is sent is put together from the object as it then is; where nothing is kept on the site, the body
 * is made at once. A row is what the outbox keeps: event_type, event_id, object_id, dedupe_key, and body if it has one.
 */
interface Event_Source {

	/**
	 * Hooks into what happens on the site.
	 */
	public function add_hooks();

	/**
	 * Whether events of a type come from here.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type );

	/**
	 * Asks before each attempt whether the event is still to be sent.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn When it is not.
	 */
	public function check( $row );

	/**
	 * The fields of an event whose body is not made yet.
	 *
	 * @param object $row The row.
	 * @return array
	 * @throws Event_Withdrawn When the event cannot be put together any more.
	 */
	public function data( $row );

	/**
	 * Remembers, for as long as the object lives, that it has been sent: rows are purged long before.
	 *
	 * @param object $row The row.
	 */
	public function record_sent( $row );

	/**
	 * How an admin would call the object, with personal fields masked.
	 *
	 * @param object $row The row.
	 * @return array With label and url ('' when it cannot be opened).
	 */
	public function describe( $row );

	/**
	 * The e-mail address of the person whom a row's object belongs to, whether it is sent or not.
	 *
	 * @param object $row The row.
	 * @return string '' when there is none or the object does not know it.
	 */
	public function email( $row );
}
