<?php
/**
 * Custom events.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Sending\Envelope;
use Relay_Connector\Sending\Revision;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * Sends what other plugins and themes pass to relay_connector_send_event(), as a function or an action. The body is
 * built at once, because only the caller knows the data.
 */
final class Custom_Events extends Base_Source {

	const HOOK       = 'relay_connector_send_event';
	const MOST_BYTES = 200000;
	const MOST_DEPTH = 32;

	/**
	 * The instance that the function uses.
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
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Custom events', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'Events from other plugins or your theme, with the fields that they define. Their types start with "x.".', 'relay-connector' );
	}

	/**
	 * Listens to the action.
	 */
	public function add_hooks() {
		self::$active = $this;
		add_action( self::HOOK, array( $this, 'on_action' ), 10, 3 );
	}

	/**
	 * The instance that the function uses.
	 *
	 * @return Custom_Events|null Null before the plugin is loaded.
	 */
	public static function active() {
		return self::$active;
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return 1 === preg_match( '/^x\.[a-z0-9_.-]{1,60}$/D', (string) $type ) && Orders::REFUNDED !== $type;
	}

	/**
	 * Handles the action. It cannot return an error, so problems are shown to the admins.
	 *
	 * @param string $type The event type.
	 * @param array  $data The fields.
	 * @param array  $args See send().
	 */
	public function on_action( $type = '', $data = array(), $args = array() ) {
		$done = $this->send( $type, $data, $args );
		if ( is_wp_error( $done ) && 'relay_connector_refused' === $done->get_error_code() ) {
			Lost_Events::record( self::HOOK . ': ' . $done->get_error_message() );
		}
	}

	/**
	 * Records an event.
	 *
	 * @param string       $type The event type, such as x.booking_made.
	 * @param array|object $data The fields.
	 * @param array        $args With key, if the same event may be passed more than once: a key is sent only once per
	 *                           type. With object, if events are about the same thing, such as booking-77: they are sent
	 *                           in order.
	 * @return string|\WP_Error The event's id. Error codes: relay_connector_off if nothing is sent yet or custom events
	 *                          are switched off, relay_connector_refused if the event cannot be sent.
	 */
	public function send( $type, $data, $args = array() ) {
		try {
			if ( ! $this->settings->collects_events() || ! $this->choices->is_enabled( $this->slug() ) ) {
				// Another plugin may call this before translations may be loaded.
				return new \WP_Error( 'relay_connector_off', did_action( 'init' ) ? __( 'Relay Connector is not set up yet, or custom events are turned off in its settings.', 'relay-connector' ) : '' );
			}
			if ( ! is_string( $type ) || ! $this->handles( $type ) ) {
				/* translators: %s: an event type. */
				return $this->refused( sprintf( __( '"%s" is not a valid type for a custom event. Use "x." followed by up to 60 lowercase letters, digits, dots, hyphens or underscores; x.order.refunded is reserved.', 'relay-connector' ), is_string( $type ) ? $type : gettype( $type ) ) );
			}
			$fields = $this->normalize( $data );
			if ( null === $fields ) {
				/* translators: %s: an event type. */
				return $this->refused( sprintf( __( 'The fields of the event %s are not an array that can be encoded as JSON, or they are nested too deeply.', 'relay-connector' ), $type ) );
			}
			$key      = isset( $args['key'] ) && is_scalar( $args['key'] ) ? (string) $args['key'] : '';
			$object   = isset( $args['object'] ) && is_scalar( $args['object'] ) ? (string) $args['object'] : '';
			$object   = '' === $object ? '' : 'custom:' . sha1( $object );
			$revision = Revision::next();
			$event_id = 'wp-' . wp_generate_uuid4();
			$dedupe   = $type . ':' . ( '' === $key ? $event_id : sha1( $key ) );
			/** This filter is documented in includes/sending/class-outbox-runner.php */
			$body = Envelope::encode( $type, $event_id, (array) apply_filters( 'relay_connector_event_data', $fields, $type, 0 ), time(), $revision );
			if ( '' === $body || strlen( $body ) > self::MOST_BYTES ) {
				/* translators: 1: an event type, 2: number of bytes. */
				return $this->refused( sprintf( __( 'The fields of the event %1$s are larger than %2$d bytes.', 'relay-connector' ), $type, self::MOST_BYTES ) );
			}
			if ( ! $this->outbox->add_with_body( $type, $event_id, $body, $dedupe, 0, $object, $revision ) ) {
				$known    = $this->outbox->find_by_key( $dedupe );
				$event_id = $known ? $known->event_id : '';
			}
			return '' === $event_id ? $this->refused( __( 'This site\'s database did not store the event.', 'relay-connector' ) ) : $event_id;
		} catch ( \Throwable $error ) {
			return $this->refused( $error->getMessage() );
		}
	}

	/**
	 * The body was built when the event was recorded.
	 *
	 * @param object $row The row.
	 * @return array
	 * @throws Event_Withdrawn Always.
	 */
	public function data( $row ) {
		throw new Event_Withdrawn( esc_html__( 'Not sent, because the fields of this event are no longer stored on this site.', 'relay-connector' ) );
	}

	/**
	 * The display name of an event.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		return array(
			'label' => __( 'Custom event', 'relay-connector' ),
			'url'   => '',
		);
	}

	/**
	 * The fields as plain JSON data, without objects of other classes and without control characters.
	 *
	 * @param mixed $data The data passed.
	 * @return array|null Null if it is not a set of fields.
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
				return is_string( $value ) ? Plain_Text::clean( $value ) : $value;
			}
		);
	}

	/**
	 * Builds an error.
	 *
	 * @param string $sentence The message.
	 * @return \WP_Error
	 */
	private function refused( $sentence ) {
		return new \WP_Error( 'relay_connector_refused', $sentence );
	}
}
