<?php
/**
 * What went wrong where nobody was looking.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Status;

defined( 'ABSPATH' ) || exit;

/**
 * An event that could not even be noted down must not break the visitor's comment, and must not go unseen either.
 */
final class Lost_Events {

	const OPTION = 'relay_connector_trouble';

	/**
	 * Keeps the newest trouble and counts.
	 *
	 * @param string $detail  What could not be noted down, and the database's own words.
	 * @param bool   $is_lost Whether an event is lost by it; else one was sent, and only what comes after it went wrong.
	 */
	public static function record( $detail, $is_lost = true ) {
		$old = self::read();
		if ( ! $is_lost && $old && $old['count'] ) {
			// A lost event is worse news; its reason is not to be written over.
			return;
		}
		update_option(
			self::OPTION,
			array(
				'count'  => ( $old ? $old['count'] : 0 ) + ( $is_lost ? 1 : 0 ),
				'at'     => time(),
				'detail' => mb_substr( $detail, 0, 300 ),
			)
		);
	}

	/**
	 * What is kept.
	 *
	 * @return array|null With count (how many events were lost), at, detail (of the newest).
	 */
	public static function read() {
		$lost_events = get_option( self::OPTION );
		return is_array( $lost_events ) ? $lost_events : null;
	}

	/**
	 * Forgets it: a person has read it.
	 */
	public static function clear() {
		delete_option( self::OPTION );
	}
}
