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
	 * @param string $type        The event type.
	 * @param string $event_id    The event id.
	 * @param array  $data        The event's own fields.
	 * @param int    $occurred_at When it happened, in Unix seconds; 0 for now.
	 * @param int    $revision    The revision of its object; 0 for a new one.
	 * @return string '' if the fields cannot be encoded.
	 */
	public static function encode( $type, $event_id, array $data, $occurred_at = 0, $revision = 0 ) {
		$event = array(
			'event'    => $type,
			'event_id' => $event_id,
			'site'     => home_url(),
		);
		// Reports, requests and tests of the plugin itself are not about something that people wrote.
		if ( 0 !== strpos( $type, 'relay.' ) ) {
			$event['occurred_at'] = wp_date( 'Y-m-d\TH:i:sP', $occurred_at ? $occurred_at : time() );
			$event['revision']    = $revision ? $revision : Revision::next();
			$event['locale']      = self::locale();
			$event['timezone']    = wp_timezone_string();
		}
		$event['data'] = (object) $data;
		if ( is_multisite() ) {
			$event['blog_id'] = get_current_blog_id();
		}
		$body = wp_json_encode( $event, JSON_UNESCAPED_SLASHES );
		return is_string( $body ) && 'null' !== $body ? $body : '';
	}

	/**
	 * The locale in which people write here, without WordPress's variants such as "formal".
	 *
	 * @return string Such as de_DE, or fi.
	 */
	private static function locale() {
		$found = array();
		return 1 === preg_match( '/^[a-z]{2,3}(?:_[A-Z]{2})?/', get_locale(), $found ) ? $found[0] : 'en_US';
	}
}
