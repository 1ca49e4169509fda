<?php
/**
 * Events of other plugins.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Sending\Envelope;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * What other plugins and themes send by relay_connector_send_event(), as a function or as an action. Its body is made at
 * once: only the sender knows what it is about.
 */
final class Custom_Events extends Base_Source {

	const HOOK       = 'relay_connector_send_event';
	const MOST_BYTES = 200000;
	const MOST_DEPTH = 32;

	/**
	 * The one that the function uses.
	 *
	 * @var Custom_Events|null
	 */
	private static $active = null;

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'custom';
	}

	/**
	 * The name for the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Events of other plugins', 'relay-connector' );
	}

	/**
	 * What is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'What other plugins or your theme hand over to be sent, with the fields that they choose. Their types begin with "x.".', 'relay-connector' );
	}

	/**
	 * Listens to other plugins.
	 */
	public function add_hooks() {
		self::$active = $this;
		add_action( self::HOOK, array( $this, 'on_action' ), 10, 3 );
	}

	/**
	 * The one that the function uses.
	 *
	 * @return Custom_Events|null Null before the plugin is loaded.
	 */
	public static function active() {
		return self::$active;
	}

	/**
	 * Whether events of a type come from here.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return 1 === preg_match( '/^x\.[a-z0-9_.-]{1,60}$/D', (string) $type ) && Orders::REFUNDED !== $type;
	}

	/**
	 * The same by an action, which cannot answer: what was wrong is shown to the admins.
	 *
	 * @param string $type The event type.
	 * @param array  $data The fields.
	 * @param array  $args As for send().
	 */
	public function on_action( $type = '', $data = array(), $args = array() ) {
		$done = $this->send( $type, $data, $args );
		if ( is_wp_error( $done ) && 'relay_connector_refused' === $done->get_error_code() ) {
			Lost_Events::record( self::HOOK . ': ' . $done->get_error_message() );
		}
	}

	/**
	 * Notes an event down.
	 *
	 * @param string       $type The event type, such as x.booking_made.
	 * @param array|object $data The fields.
	 * @param array        $args With key, if there is something that makes this event known again: the same key is sent
	 *                           only once for a type.
	 * @return string|\WP_Error The event's id. An error relay_connector_off when nothing is sent yet or such events are
	 *                          switched off, relay_connector_refused when the event cannot be sent as it is.
	 */
	public function send( $type, $data, $args = array() ) {
		try {
			if ( ! $this->settings->collects_events() || ! $this->choices->is_enabled( $this->slug() ) ) {
				return new \WP_Error( 'relay_connector_off', __( 'Relay Connector is not set up yet, or events of other plugins are switched off in its settings.', 'relay-connector' ) );
			}
			if ( ! is_string( $type ) || ! $this->handles( $type ) ) {
				/* translators: %s: an event type. */
				return $this->refused( sprintf( __( '"%s" is no type for an event of one\'s own: it has to be "x." and up to 60 small letters, digits, dots, hyphens or underscores, and not x.order.refunded.', 'relay-connector' ), is_string( $type ) ? $type : gettype( $type ) ) );
			}
			$fields = $this->normalize( $data );
			if ( null === $fields ) {
				/* translators: %s: an event type. */
				return $this->refused( sprintf( __( 'The fields of the event %s are no array that can be written as JSON, or they are nested too deep.', 'relay-connector' ), $type ) );
			}
			$key      = isset( $args['key'] ) && is_scalar( $args['key'] ) ? (string) $args['key'] : '';
			$event_id = 'wp-' . wp_generate_uuid4();
			$dedupe   = $type . ':' . ( '' === $key ? $event_id : sha1( $key ) );
			/** This filter is documented in includes/sending/class-outbox-runner.php */
			$body = Envelope::encode( $type, $event_id, (array) apply_filters( 'relay_connector_event_data', $fields, $type, 0 ) );
			if ( '' === $body || strlen( $body ) > self::MOST_BYTES ) {
				/* translators: 1: an event type, 2: number of bytes. */
				return $this->refused( sprintf( __( 'The fields of the event %1$s take more than %2$d bytes.', 'relay-connector' ), $type, self::MOST_BYTES ) );
			}
			if ( ! $this->outbox->add_with_body( $type, $event_id, $body, $dedupe ) ) {
				$known    = $this->outbox->find_by_key( $dedupe );
				$event_id = $known ? $known->event_id : '';
			}
			return '' === $event_id ? $this->refused( __( 'The database of this site did not keep the event.', 'relay-connector' ) ) : $event_id;
		} catch ( \Throwable $error ) {
			return $this->refused( $error->getMessage() );
		}
	}

	/**
	 * The body was made when the event was noted down.
	 *
	 * @param object $row The row.
	 * @return array
	 * @throws Event_Withdrawn Always.
	 */
	public function data( $row ) {
		throw new Event_Withdrawn( esc_html__( 'The fields of this event are not kept here any more, so it was not sent.', 'relay-connector' ) );
	}

	/**
	 * How an admin would call it.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		return array(
			'label' => __( 'Event of another plugin', 'relay-connector' ),
			'url'   => '',
		);
	}

	/**
	 * The fields as they come out of JSON: no objects with a life of their own, no characters that nobody can read.
	 *
	 * @param mixed $data What the other plugin gave.
	 * @return array|null Null when it is no set of fields.
	 */
	private function normalize( $data ) {
		$json  = is_array( $data ) || is_object( $data ) ? wp_json_encode( $data ) : false;
		$plain = is_string( $json ) ? json_decode( $json, false, self::MOST_DEPTH ) : null;
		if ( ! is_array( $plain ) && ! is_object( $plain ) ) {
			return null;
		}
		return (array) map_deep(
			$plain,
			static function ( $value ) {
				return is_string( $value ) ? Text::clean( $value ) : $value;
			}
		);
	}

	/**
	 * An error.
	 *
	 * @param string $sentence What is wrong.
	 * @return \WP_Error
	 */
	private function refused( $sentence ) {
		return new \WP_Error( 'relay_connector_refused', $sentence );
	}
}
