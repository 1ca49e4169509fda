<?php
/**
 * Texts that any table can store.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

defined( 'ABSPATH' ) || exit;

/**
 * JSON in ASCII, for options and transients with texts in them. The tables of old sites are in latin1 and store a character
 * such as "→" as "?". An array, which WordPress serializes with the length of each text, can then no longer be read.
 */
final class Ascii {

	/**
	 * A value as ASCII.
	 *
	 * @param mixed $value A text, or an array with texts.
	 * @return string
	 */
	public static function encode( $value ) {
		return (string) wp_json_encode( $value );
	}

	/**
	 * The value again. What an older version stored is returned as it is.
	 *
	 * @param mixed $stored The stored value.
	 * @return mixed
	 */
	public static function decode( $stored ) {
		$value = is_string( $stored ) ? json_decode( $stored, true ) : null;
		return null === $value ? $stored : $value;
	}
}
