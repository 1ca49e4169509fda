<?php
/**
 * The signature.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Keys;

defined( 'ABSPATH' ) || exit;

/**
 * Signs the timestamp, a full stop and the body with HMAC-SHA256.
 */
final class Signer {

	/**
	 * The signature as the gateway expects it.
	 *
	 * @param string $secret    The shared secret.
	 * @param string $timestamp Unix seconds as text.
	 * @param string $body      The exact bytes that are sent.
	 * @return string Base64.
	 */
	public static function sign( $secret, $timestamp, $body ) {
		return base64_encode( hash_hmac( 'sha256', $timestamp . '.' . $body, $secret, true ) );
	}
}
