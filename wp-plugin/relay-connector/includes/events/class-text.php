<?php
/**
 * Texts in the form that the gateway accepts.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Cleans and shortens texts from people and plugins.
 */
final class Text {

	/**
	 * The text without control characters, except line breaks and tabs.
	 *
	 * @param string $text The text.
	 * @return string
	 */
	public static function clean( $text ) {
		return (string) preg_replace( '/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/', '', str_replace( array( "\r\n", "\r" ), "\n", $text ) );
	}

	/**
	 * The text, cut to a number of characters.
	 *
	 * @param string $text    The text.
	 * @param int    $longest The number of characters.
	 * @return string
	 */
	public static function cut( $text, $longest ) {
		return mb_strlen( $text, 'UTF-8' ) > $longest ? mb_substr( $text, 0, $longest, 'UTF-8' ) : $text;
	}

	/**
	 * The text as one line without markup and entities, for names and titles.
	 *
	 * @param string $text    The text.
	 * @param int    $longest The number of characters.
	 * @return string
	 */
	public static function line( $text, $longest = 200 ) {
		$plain = wp_specialchars_decode( wp_strip_all_tags( self::clean( (string) $text ), true ), ENT_QUOTES );
		return self::cut( trim( $plain ), $longest );
	}

	/**
	 * A time as the gateway expects it.
	 *
	 * @param int $time Unix seconds.
	 * @return string Such as 2026-01-31T23:59:59Z.
	 */
	public static function timestamp( $time ) {
		return gmdate( 'Y-m-d\TH:i:s\Z', $time );
	}
}
