<?php
/**
 * An event source.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * A hook records as little as possible. If the object can be looked up later, only its id is recorded, and the event is
 * built from the object when it is sent. If the site does not store the object, the body is built at once. A row of the
 * outbox has event_type, event_id, object_id, object_key (such as "order:12"), detail (what changed, or ''), is_initial,
 * revision, dedupe_key, and a body if it was built.
 */
interface Event_Source {

	/**
	 * Registers the hooks.
	 */
	public function add_hooks();

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type );

	/**
	 * Checks before each attempt that the event should still be sent.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn If it is not.
	 */
	public function check( $row );

	/**
	 * The fields of an event before its body is built.
	 *
	 * @param object $row The row.
	 * @return array
	 * @throws Event_Withdrawn If the event can no longer be built.
	 */
	public function data( $row );

	/**
	 * Stores with the object that it was sent, because rows are purged after some time.
	 *
	 * @param object $row The row.
	 */
	public function record_sent( $row );

	/**
	 * The display name of the object, with personal data masked.
	 *
	 * @param object $row The row.
	 * @return array With label and url ('' if it cannot be opened).
	 */
	public function describe( $row );

	/**
	 * The e-mail address of the person the object belongs to, even if it is not sent.
	 *
	 * @param object $row The row.
	 * @return string '' if there is none.
	 */
	public function email( $row );
}
