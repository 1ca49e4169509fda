<?php
/**
 * What went wrong where nobody was looking.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

defined( 'ABSPATH' ) || exit;

/**
 * An event that could not even be noted down must not break the visitor's comment, and must not go unseen either.
 */
final class Trouble {

	const OPTION = 'relay_connector_trouble';

	/**
	 * Keeps the newest trouble and counts.
	 *
	 * @param string $detail What could not be noted down, and the database's own words.
	 */
	public static function note( $detail ) {
		$old = self::read();
		update_option(
			self::OPTION,
			array(
				'count'  => $old ? $old['count'] + 1 : 1,
				'at'     => time(),
				'detail' => mb_substr( $detail, 0, 300 ),
			)
		);
	}

	/**
	 * What is kept.
	 *
	 * @return array|null With count, at, detail.
	 */
	public static function read() {
		$trouble = get_option( self::OPTION );
		return is_array( $trouble ) ? $trouble : null;
	}

	/**
	 * Forgets it: a person has read it.
	 */
	public static function forget() {
		delete_option( self::OPTION );
	}
}
