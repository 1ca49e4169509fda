<?php
/**
 * The connection string.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Keys;

defined( 'ABSPATH' ) || exit;

/**
 * One text with the endpoint, the key id and the secret, as Relay shows it. docs/connect.md of Relay specifies it.
 */
final class Connection_String {

	const PREFIX  = 'relay1_';
	const MEMBERS = array( 'endpoint', 'key_id', 'secret' );

	/**
	 * Reads a connection string. Spaces and line breaks that a mail program may have added are removed.
	 *
	 * @param string $text The text that was pasted.
	 * @return string[]|null With the members above; null if the text is not a complete connection string.
	 */
	public static function parse( $text ) {
		$text = (string) preg_replace( '/[^\x21-\x7e]+/', '', (string) $text );
		if ( 0 !== strpos( $text, self::PREFIX ) ) {
			return null;
		}
		$json = base64_decode( strtr( substr( $text, strlen( self::PREFIX ) ), '-_', '+/' ), true ); // safe: the format of the text, not code.
		return self::members( false === $json ? null : json_decode( $json, true ) );
	}

	/**
	 * The three values, if all are there.
	 *
	 * @param mixed $json What was decoded.
	 * @return string[]|null
	 */
	public static function members( $json ) {
		$found = array();
		foreach ( self::MEMBERS as $name ) {
			if ( ! is_array( $json ) || ! isset( $json[ $name ] ) || ! is_string( $json[ $name ] ) || 1 !== preg_match( '/^[\x21-\x7e]+$/D', $json[ $name ] ) ) {
				return null;
			}
			$found[ $name ] = $json[ $name ];
		}
		return $found;
	}

	/**
	 * What to say about a text that is not a connection string.
	 *
	 * @param string $text The text that was pasted.
	 * @return string
	 */
	public static function problem( $text ) {
		if ( '' === trim( (string) $text ) ) {
			return __( 'The field was empty. Copy the connection string from Relay and paste it here. Relay shows it only once, when a site is added or its key is rotated. If you no longer have it, create a new key in Relay with "Rotate key".', 'relay-connector' );
		}
		return __( 'This is not a complete connection string. It begins with relay1_ and is one long text. Copy it again from Relay with the button next to it. Relay shows it only once. If you no longer have it, create a new key in Relay with "Rotate key".', 'relay-connector' );
	}
}
