<?php
/**
 * Lengths and times in the form that the gateway accepts.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Shortens texts and writes times. Plain_Text decodes.
 */
final class Text {

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
	 * A time as the gateway expects it.
	 *
	 * @param int $time Unix seconds.
	 * @return string Such as 2026-01-31T23:59:59Z.
	 */
	public static function timestamp( $time ) {
		return gmdate( 'Y-m-d\TH:i:s\Z', $time );
	}
}
