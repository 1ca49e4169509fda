<?php
/**
 * The base class of further event sources of WooCommerce.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Sending\New_Event;

defined( 'ABSPATH' ) || exit;

/**
 * An object that the shop stores and changes: it is new once, and then it is updated. Drafts are never sent, and an
 * object that was created in this request is not updated in it too.
 */
abstract class Shop_Source extends Base_Source {

	/**
	 * When this request has created or deleted an object, in Unix seconds by what happened, site, type and id. It counts
	 * for as long as updates do, because a command can run for days.
	 *
	 * @var int[]
	 */
	private $recent = array();

	/**
	 * Whether WooCommerce is active.
	 *
	 * @return bool
	 */
	public function is_available() {
		return function_exists( '\wc_get_order' );
	}

	/**
	 * Checks that the source is switched on and that the object can be read.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn If the event must not be sent.
	 * @throws \RuntimeException If the plugin that stores the object is inactive.
	 */
	public function check( $row ) {
		parent::check( $row );
		if ( ! $this->is_available() ) {
			throw new \RuntimeException( esc_html__( 'WooCommerce is not active', 'relay-connector' ) );
		}
		if ( '' === (string) $row->body && ! $this->is_sendable( (int) $row->object_id ) ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because it was deleted, moved to the trash or set to draft first.', 'relay-connector' ) );
		}
	}

	/**
	 * Whether an object exists and is no draft.
	 *
	 * @param int $id The object.
	 * @return bool
	 */
	abstract protected function is_sendable( $id );

	/**
	 * Queues that an object was created. It is held, because its fields are saved after it. An object that was already
	 * sent as new, such as a product that was a draft for some time, is updated.
	 *
	 * @param string $type        The event type.
	 * @param string $updated     The event type of an update, '' if it has none.
	 * @param string $object_type Such as product.
	 * @param int    $id          The object.
	 */
	protected function queue_created( $type, $updated, $object_type, $id ) {
		if ( $id <= 0 || $this->was_created( $object_type, $id ) ) {
			return;
		}
		if ( $this->outbox->find_by_key( $type . ':' . $id ) ) {
			if ( '' !== $updated ) {
				$this->queue_update( $updated, $object_type, $id );
			}
			return;
		}
		$this->mark_created( $object_type, $id );
		$event             = new New_Event( $type, $id, $object_type . ':' . $id );
		$event->dedupe_key = $type . ':' . $id;
		$event->hold_s     = self::UPDATE_HOLD_S;
		$this->outbox->add( $event );
	}

	/**
	 * Queues that an object was updated, unless this request has created it.
	 *
	 * @param string $type        The event type.
	 * @param string $object_type Such as product.
	 * @param int    $id          The object.
	 */
	protected function queue_updated( $type, $object_type, $id ) {
		if ( $id > 0 && ! $this->was_created( $object_type, $id ) ) {
			$this->queue_update( $type, $object_type, $id );
		}
	}

	/**
	 * Records that this request has created an object.
	 *
	 * @param string $object_type Such as product.
	 * @param int    $id          The object.
	 */
	protected function mark_created( $object_type, $id ) {
		$this->is_first( 'created', $object_type, $id );
	}

	/**
	 * Whether this request has created an object.
	 *
	 * @param string $object_type Such as product.
	 * @param int    $id          The object.
	 * @return bool
	 */
	protected function was_created( $object_type, $id ) {
		$key = $this->place( 'created', $object_type, $id );
		return isset( $this->recent[ $key ] ) && time() - $this->recent[ $key ] <= self::ONE_UPDATE_S;
	}

	/**
	 * Whether something happens to an object for the first time in this request, which is recorded.
	 *
	 * @param string $what        Such as deleted.
	 * @param string $object_type Such as product.
	 * @param int    $id          The object.
	 * @return bool
	 */
	protected function is_first( $what, $object_type, $id ) {
		$key      = $this->place( $what, $object_type, $id );
		$is_first = ! isset( $this->recent[ $key ] ) || time() - $this->recent[ $key ] > self::ONE_UPDATE_S;

		$this->recent[ $key ] = $is_first ? time() : $this->recent[ $key ];
		return $is_first;
	}

	/**
	 * The key of an object.
	 *
	 * @param string $what        Such as deleted.
	 * @param string $object_type Such as product.
	 * @param int    $id          The object.
	 * @return string
	 */
	private function place( $what, $object_type, $id ) {
		return $what . ':' . get_current_blog_id() . ':' . $object_type . ':' . $id;
	}

	/**
	 * The id of an object that a hook passes, or that it passes the id of.
	 *
	 * @param mixed $value The hook's argument.
	 * @return int 0 if it is neither.
	 */
	protected static function id_of( $value ) {
		return is_object( $value ) && is_callable( array( $value, 'get_id' ) ) ? (int) $value->get_id() : self::number( $value );
	}

	/**
	 * A time as the gateway expects it.
	 *
	 * @param \DateTimeInterface|null $date The time.
	 * @return string '' if there is none.
	 */
	protected static function timestamp( $date ) {
		return $date ? Text::timestamp( $date->getTimestamp() ) : '';
	}

	/**
	 * The fields without those that are empty texts, null or empty lists.
	 *
	 * @param array $fields The fields.
	 * @return array
	 */
	protected static function without_empty( array $fields ) {
		return array_filter(
			$fields,
			static function ( $value ) {
				return '' !== $value && null !== $value && array() !== $value;
			}
		);
	}
}
