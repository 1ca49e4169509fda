<?php
/**
 * The body of an event.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

/**
 * Encodes an event once; the same text is stored, signed and sent.
 */
final class Envelope {

	/**
	 * The JSON text of one event. Non-ASCII characters are escaped, so that the bytes survive any table character set
	 * and any proxy. A changed byte would break the signature.
	 *
	 * @param string $type     The event type.
	 * @param string $event_id The event id.
	 * @param array  $data     The event's own fields.
	 * @return string '' if the fields cannot be encoded.
	 */
	public static function encode( $type, $event_id, array $data ) {
		$event = array(
			'event'    => $type,
			'event_id' => $event_id,
			'site'     => home_url(),
			'data'     => (object) $data,
		);
		if ( is_multisite() ) {
			$event['blog_id'] = get_current_blog_id();
		}
		$body = wp_json_encode( $event, JSON_UNESCAPED_SLASHES );
		return is_string( $body ) && 'null' !== $body ? $body : '';
	}
}
