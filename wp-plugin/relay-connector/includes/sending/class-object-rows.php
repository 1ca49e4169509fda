<?php
/**
 * The rows of one object.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Own table, and the order of events must be exact.

/**
 * Answers, when a row is about to be sent for the first time, what happened to its object before and after.
 */
final class Object_Rows {

	/**
	 * Within this time, an equal change directly after another is the same change, reported twice.
	 */
	const REPEATED_S = 86400;

	/**
	 * Whether the row reports the same change as the object's row before it. This happens if two requests confirm the
	 * same payment at the same moment. If anything else was recorded in between, it is a change of its own.
	 *
	 * @param object $row A row without a body.
	 * @return bool
	 */
	public static function is_repeated( $row ) {
		global $wpdb;
		if ( '' === $row->object_key || '' === $row->detail ) {
			return false;
		}
		$before = $wpdb->get_row( $wpdb->prepare( "SELECT event_type, detail, created_at FROM {$wpdb->relay_connector_outbox} WHERE object_key = %s AND id < %d ORDER BY id DESC LIMIT 1", $row->object_key, $row->id ) );
		return $before && $before->event_type === $row->event_type && $before->detail === $row->detail
			&& (int) $row->created_at - (int) $before->created_at <= self::REPEATED_S;
	}

	/**
	 * Whether a later row has the same content: it is of the same type, and both would be built from the object as it is
	 * now.
	 *
	 * @param object $row A row without a body.
	 * @return bool
	 */
	public static function is_superseded( $row ) {
		global $wpdb;
		if ( '' === $row->object_key || '' !== $row->detail || $row->dedupe_key !== $row->event_id ) {
			return false;
		}
		return null !== $wpdb->get_var( $wpdb->prepare( "SELECT id FROM {$wpdb->relay_connector_outbox} WHERE object_key = %s AND state = 'waiting' AND id > %d AND event_type = %s AND detail = '' AND body IS NULL LIMIT 1", $row->object_key, $row->id, $row->event_type ) );
	}

	/**
	 * The revision with which the row is sent: the recorded one, unless the object's earlier rows have a greater one
	 * because the clock was set back.
	 *
	 * @param object $row A row.
	 * @return int
	 */
	public static function next_revision( $row ) {
		global $wpdb;
		$revision = (int) $row->revision ? (int) $row->revision : (int) $row->created_at * Revision::PER_SECOND;
		if ( '' === $row->object_key ) {
			return $revision;
		}
		$before = $wpdb->get_var( $wpdb->prepare( "SELECT MAX(revision) FROM {$wpdb->relay_connector_outbox} WHERE object_key = %s AND id <> %d AND (id < %d OR state <> 'waiting')", $row->object_key, $row->id, $row->id ) );
		return max( $revision, (int) $before + 1 );
	}
}
