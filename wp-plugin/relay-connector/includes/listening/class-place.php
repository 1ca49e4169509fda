<?php
/**
 * A place in the arguments of a hook.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Listening;

defined( 'ABSPATH' ) || exit;

/**
 * A list of keys: the number of the argument, and then keys of arrays and names of public properties.
 */
final class Place {

	/**
	 * The value at a place.
	 *
	 * @param array $keys      The keys.
	 * @param array $arguments The arguments of the hook.
	 * @return mixed Null if there is none.
	 */
	public static function value( array $keys, array $arguments ) {
		$found = $arguments;
		foreach ( $keys as $key ) {
			if ( is_array( $found ) && array_key_exists( $key, $found ) ) {
				$found = $found[ $key ];
			} elseif ( is_object( $found ) && array_key_exists( (string) $key, get_object_vars( $found ) ) ) {
				$found = $found->$key;
			} else {
				return null;
			}
		}
		return $found;
	}
}
