<?php
/**
 * An event to record.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

/**
 * What the outbox needs to know about an event that is built from its object when it is sent.
 */
final class New_Event {

	/**
	 * The event type.
	 *
	 * @var string
	 */
	public $type;

	/**
	 * The id that the event is built from.
	 *
	 * @var int
	 */
	public $object_id;

	/**
	 * What the event is about, such as "order:12". Events of one object are sent in order. '' if the object has only this
	 * event.
	 *
	 * @var string
	 */
	public $object_key;

	/**
	 * A key is recorded only once; '' to record the event each time.
	 *
	 * @var string
	 */
	public $dedupe_key = '';

	/**
	 * What changed, for an event that is recorded each time. See Object_Rows.
	 *
	 * @var string
	 */
	public $detail = '';

	/**
	 * Whether it is a change that belongs to the creation of the object.
	 *
	 * @var bool
	 */
	public $is_initial = false;

	/**
	 * Seconds to wait before sending, unless the event is released. See Outbox::release_held().
	 *
	 * @var int
	 */
	public $hold_s = 0;

	/**
	 * Takes what every event has.
	 *
	 * @param string $type       The event type.
	 * @param int    $object_id  The id that the event is built from.
	 * @param string $object_key What the event is about.
	 */
	public function __construct( $type, $object_id, $object_key ) {
		$this->type       = $type;
		$this->object_id  = $object_id;
		$this->object_key = $object_key;
	}
}
