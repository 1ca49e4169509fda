<?php
/**
 * Revisions of objects.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

/**
 * A revision is the time in microseconds, so it needs no query, grows over restarts and restored backups, and does not
 * start again when the plugin is reinstalled. See Object_Rows::next_revision() for a clock that was set back.
 */
final class Revision {

	const PER_SECOND = 1000000;

	/**
	 * The last one of this process.
	 *
	 * @var int
	 */
	private static $last = 0;

	/**
	 * A revision that is greater than all earlier ones of this process.
	 *
	 * @return int
	 */
	public static function next() {
		// Microseconds do not fit into the integers of a 32-bit PHP.
		$now        = PHP_INT_SIZE < 8 ? time() : (int) floor( microtime( true ) * self::PER_SECOND );
		self::$last = max( self::$last + 1, $now );
		return self::$last;
	}
}
