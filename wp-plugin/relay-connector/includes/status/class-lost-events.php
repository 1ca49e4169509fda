<?php
/**
 * Events that could not be recorded.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Status;

use Relay_Connector\Ascii;

defined( 'ABSPATH' ) || exit;

/**
 * If an event cannot be recorded, the visitor's request must not fail, but an admin must know.
 */
final class Lost_Events {

	const OPTION = 'relay_connector_trouble';

	/**
	 * Stores the latest error and the number of lost events.
	 *
	 * @param string $detail  What could not be recorded, and the database's error message.
	 * @param bool   $is_lost Whether an event was lost. If not, it was sent and only a later step failed.
	 */
	public static function record( $detail, $is_lost = true ) {
		$old = self::read();
		if ( ! $is_lost && $old && $old['count'] ) {
			// Do not overwrite the reason for a lost event, which is more important.
			return;
		}
		update_option(
			self::OPTION,
			array(
				'count'  => ( $old ? $old['count'] : 0 ) + ( $is_lost ? 1 : 0 ),
				'at'     => time(),
				'detail' => Ascii::encode( mb_substr( $detail, 0, 300 ) ),
			)
		);
	}

	/**
	 * The stored error.
	 *
	 * @return array|null With count (the number of lost events), at, detail (of the latest error).
	 */
	public static function read() {
		$lost_events = get_option( self::OPTION );
		if ( ! is_array( $lost_events ) ) {
			return null;
		}
		$lost_events['detail'] = (string) Ascii::decode( $lost_events['detail'] );
		return $lost_events;
	}

	/**
	 * Deletes the stored error after a person has dismissed it.
	 */
	public static function clear() {
		delete_option( self::OPTION );
	}
}
