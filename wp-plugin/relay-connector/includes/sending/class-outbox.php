<?php
/**
 * The outbox: the events to send.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Ascii;
use Relay_Connector\Settings;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Own table, in which each change counts at once for every process.

/**
 * One row is one event. It is waiting, sent, parked (failed; a person decides), withdrawn (its object was deleted or is
 * spam) or deleted (by a person). Finished rows stay for some time, because the daily counts are computed from them.
 */
final class Outbox {

	const WAITING   = 'waiting';
	const SENT      = 'sent';
	const PARKED    = 'parked';
	const WITHDRAWN = 'withdrawn';
	const DELETED   = 'deleted';

	/**
	 * Longer than the longest request, so that only a process that died loses its claim.
	 */
	const CLAIM_S = 90;

	const RELEASED_AT_ONCE = 10;

	/**
	 * Within this time, an entry id of a form plugin means the same entry, even if the plugin fires its hook again.
	 */
	const ENTRY_ID_REUSE_S = 86400;

	/**
	 * Whether this request has recorded an event.
	 *
	 * @var bool
	 */
	private $has_new = false;

	/**
	 * The objects that this request has recorded events of: by site and object key, true.
	 *
	 * @var array
	 */
	private $objects = array();

	/**
	 * The events that this request holds: by site and event id, true.
	 *
	 * @var array
	 */
	private $held = array();

	/**
	 * Records an event. This is one statement for a new event, and all that happens while a visitor waits. The event id
	 * is set here, so that every attempt has the same one. An event that exists stays unchanged, unless it was
	 * withdrawn: then it is requeued.
	 *
	 * @param New_Event $event The event.
	 * @return string The event id if the event was recorded or requeued, else ''.
	 */
	public function add( New_Event $event ) {
		global $wpdb;
		$now      = time();
		$due_at   = $now + $event->hold_s;
		$revision = Revision::next();
		$event_id = 'wp-' . wp_generate_uuid4();
		$key      = '' === $event->dedupe_key ? $event_id : $event->dedupe_key;
		$done     = $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->relay_connector_outbox} (event_id, dedupe_key, event_type, object_id, object_key, detail, is_initial, revision, state, created_at, due_at) VALUES (%s, %s, %s, %d, %s, %s, %d, %d, 'waiting', %d, %d)", $event_id, $key, $event->type, $event->object_id, $event->object_key, $event->detail, $event->is_initial, $revision, $now, $due_at ) );
		$is_known = 0 === $done;
		if ( $is_known ) {
			// Not in the same statement: the SQLite drop-in cannot upsert into a table with two unique keys.
			$done = $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET state = 'waiting', attempts = 0, revision = %d, created_at = %d, due_at = %d, finished_at = 0 WHERE dedupe_key = %s AND state = 'withdrawn'", $revision, $now, $due_at, $key ) );
		}
		if ( false === $done ) {
			Lost_Events::record( $event->type . ' ' . $event->object_id . ': ' . $wpdb->last_error );
			return '';
		}
		if ( ! $done ) {
			return '';
		}
		$known = $is_known ? $this->find_by_key( $key ) : null;
		return $this->note( $known ? $known->event_id : $event_id, $event->object_key, $event->hold_s > 0 );
	}

	/**
	 * Releases the events that this request holds. One that was already tried keeps its due time.
	 */
	public function release_held() {
		global $wpdb;
		$by_site    = $this->held;
		$this->held = array();
		foreach ( $by_site as $site => $events ) {
			$is_other = get_current_blog_id() !== $site;
			if ( $is_other ) {
				switch_to_blog( $site );
			}
			foreach ( array_chunk( array_keys( $events ), self::RELEASED_AT_ONCE ) as $ids ) {
				$ids = array_pad( $ids, self::RELEASED_AT_ONCE, '' );
				$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET due_at = %d WHERE event_id IN (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) AND state = 'waiting' AND attempts = 0", array_merge( array( time() ), $ids ) ) ); // phpcs:ignore WordPress.DB.PreparedSQLPlaceholders.ReplacementsWrongNumber -- The array has eleven values.
			}
			if ( $is_other ) {
				restore_current_blog();
			}
		}
	}

	/**
	 * Deletes an event that this request holds, because its cause was discarded.
	 *
	 * @param string $event_id What add() returned.
	 */
	public function remove_held( $event_id ) {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->relay_connector_outbox} WHERE event_id = %s AND state = 'waiting' AND attempts = 0 AND body IS NULL", $event_id ) );
		unset( $this->held[ get_current_blog_id() ][ $event_id ] );
	}

	/**
	 * Requeues the withdrawn events of an object. Whether each of them should be sent is decided again when it is sent.
	 *
	 * @param string $object_key The object.
	 */
	public function requeue_withdrawn( $object_key ) {
		global $wpdb;
		$now = time();
		if ( $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET state = 'waiting', attempts = 0, revision = %d, created_at = %d, due_at = %d, finished_at = 0 WHERE object_key = %s AND state = 'withdrawn' AND body IS NULL", Revision::next(), $now, $now, $object_key ) ) ) {
			$this->note( '', $object_key, false );
		}
	}

	/**
	 * Whether this request has recorded an event.
	 *
	 * @return bool
	 */
	public function has_new() {
		return $this->has_new;
	}

	/**
	 * The objects of the current site that this request has recorded events of.
	 *
	 * @return string[]
	 */
	public function new_objects() {
		$site = get_current_blog_id();
		return isset( $this->objects[ $site ] ) ? array_map( 'strval', array_keys( $this->objects[ $site ] ) ) : array();
	}

	/**
	 * Notes an event of this request.
	 *
	 * @param string $event_id   The event id.
	 * @param string $object_key The object, '' for none.
	 * @param bool   $is_held    Whether it is held.
	 * @return string The event id.
	 */
	private function note( $event_id, $object_key, $is_held ) {
		$this->has_new = true;
		$site          = get_current_blog_id();
		if ( '' !== $object_key ) {
			$this->objects[ $site ][ $object_key ] = true;
		}
		if ( $is_held ) {
			$this->held[ $site ][ $event_id ] = true;
		}
		return $event_id;
	}

	/**
	 * Records an event with its body, for events without an object on this site.
	 *
	 * @param string $type       The event type.
	 * @param string $event_id   The event id.
	 * @param string $body       The JSON text.
	 * @param string $dedupe_key A key is recorded only once; '' to use the event id.
	 * @param int    $object_id  The id in the other plugin, or 0.
	 * @param string $object_key As in New_Event.
	 * @param int    $revision   The revision in the body, if the event has an object key.
	 * @return bool Whether it was recorded; false also if the key exists.
	 */
	public function add_with_body( $type, $event_id, $body, $dedupe_key = '', $object_id = 0, $object_key = '', $revision = 0 ) {
		global $wpdb;
		$now  = time();
		$done = $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->relay_connector_outbox} (event_id, dedupe_key, event_type, object_id, object_key, revision, body, state, created_at, due_at) VALUES (%s, %s, %s, %d, %s, %d, %s, 'waiting', %d, %d)", $event_id, '' === $dedupe_key ? $event_id : $dedupe_key, $type, $object_id, $object_key, $revision, $body, $now, $now ) );
		if ( 1 === $done ) {
			$this->note( $event_id, $object_key, false );
		} elseif ( false === $done ) {
			Lost_Events::record( $type . ': ' . $wpdb->last_error );
		}
		return 1 === $done;
	}

	/**
	 * Records an event for an entry that has an id in another plugin. A reinstalled form plugin starts at 1 again: an id
	 * that was recorded long ago belongs to another entry, so the new one gets a key of its own.
	 *
	 * @param string $type       The event type.
	 * @param string $event_id   The event id.
	 * @param string $body       The JSON text.
	 * @param string $dedupe_key A key is recorded only once within a day.
	 * @param int    $object_id  The id in the other plugin, or 0.
	 */
	public function add_entry( $type, $event_id, $body, $dedupe_key, $object_id ) {
		global $wpdb;
		if ( $this->add_with_body( $type, $event_id, $body, $dedupe_key, $object_id ) ) {
			return;
		}
		$recorded_at = $wpdb->get_var( $wpdb->prepare( "SELECT MAX(created_at) FROM {$wpdb->relay_connector_outbox} WHERE dedupe_key = %s OR dedupe_key LIKE %s", $dedupe_key, $wpdb->esc_like( $dedupe_key . ':' ) . '%' ) );
		if ( null === $recorded_at || time() - (int) $recorded_at <= self::ENTRY_ID_REUSE_S ) {
			return;
		}
		if ( ! $this->add_with_body( $type, $event_id, $body, $dedupe_key . ':' . $event_id, $object_id ) && '' === $wpdb->last_error ) {
			Lost_Events::record( $type . ' ' . $object_id . ': ' . $dedupe_key );
		}
	}

	/**
	 * Stores the body that is about to be sent, so that every attempt sends the same bytes.
	 *
	 * @param object $row  A claimed row.
	 * @param string $body The JSON text.
	 * @return bool False if the claim was lost or the body could not be stored.
	 */
	public function store_body( $row, $body ) {
		global $wpdb;
		return 1 === $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET body = %s, revision = %d WHERE id = %d AND claimed_by = %s", $body, $row->revision, $row->id, $row->claimed_by ) );
	}

	/**
	 * Stores the outcome of an attempt and releases the claim. Does nothing if another run has taken over.
	 *
	 * @param object        $row      A claimed row.
	 * @param Send_Decision $decision The decision.
	 */
	public function finish_attempt( $row, Send_Decision $decision ) {
		global $wpdb;
		$now      = time();
		$finished = self::WAITING === $decision->state ? 0 : $now;
		// A finished event needs no body, and what is not stored cannot leak. An admin can choose to see it for some hours.
		$keeps = self::SENT === $decision->state ? self::shows_sent( $row->event_type ) : self::WITHDRAWN !== $decision->state;
		$body  = $keeps ? (string) $row->body : '';
		$done  = $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET state = %s, due_at = %d, finished_at = %d, last_status = %d, last_answer = %s, body = NULLIF(%s, ''), claimed_by = '', claimed_until = 0 WHERE id = %d AND claimed_by = %s", $decision->state, $now + $decision->wait_s, $finished, $decision->status, self::ascii( $decision->explanation ), $body, $row->id, $row->claimed_by ) );
		if ( false === $done ) {
			Lost_Events::record( $row->event_type . ' ' . $row->object_id . ': ' . $wpdb->last_error, false );
		}
	}

	/**
	 * Whether the content of a sent event is stored for some hours. That of requests to erase a person never is.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	private static function shows_sent( $type ) {
		return Settings::show_sent_hours() > 0 && 0 !== strpos( $type, 'relay.' );
	}

	/**
	 * Deletes the content of sent events that was stored for longer than the admin chose.
	 */
	public static function forget_old_sent() {
		self::forget_sent_until( time() - HOUR_IN_SECONDS * Settings::show_sent_hours() );
	}

	/**
	 * Deletes the content of all sent events.
	 */
	public static function forget_all_sent() {
		self::forget_sent_until( time() );
	}

	/**
	 * Deletes the content of events that were sent before a time.
	 *
	 * @param int $until Unix seconds.
	 */
	private static function forget_sent_until( $until ) {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET body = NULL WHERE state = 'sent' AND finished_at <= %d AND body IS NOT NULL", $until ) );
	}

	/**
	 * Deletes the content of one sent event.
	 *
	 * @param int $id The row.
	 * @return bool Whether there was any.
	 */
	public function forget( $id ) {
		global $wpdb;
		return (bool) $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET body = NULL WHERE id = %d AND state = 'sent' AND body IS NOT NULL", $id ) );
	}

	/**
	 * A sentence as any table can store it. Outbox_Query decodes it. The body is always ASCII.
	 *
	 * @param string $sentence The sentence.
	 * @return string The sentence itself if it is ASCII.
	 */
	private static function ascii( $sentence ) {
		return preg_match( '/[^\x00-\x7F]/', $sentence ) ? Ascii::encode( $sentence ) : $sentence;
	}

	/**
	 * Requeues a parked or waiting row, with its event id and body unchanged.
	 *
	 * @param int $id The row.
	 * @return bool Whether there is such a row.
	 */
	public function retry( $id ) {
		global $wpdb;
		$done = $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET attempts = CASE WHEN state = 'parked' THEN 0 ELSE attempts END, state = 'waiting', due_at = 0, finished_at = 0 WHERE id = %d AND state IN ('waiting', 'parked')", $id ) );
		// MySQL does not count a row that was already like this.
		return false !== $done && null !== $wpdb->get_var( $wpdb->prepare( "SELECT id FROM {$wpdb->relay_connector_outbox} WHERE id = %d AND state = 'waiting'", $id ) );
	}

	/**
	 * Deletes the content of a waiting or parked row and hides it, because a person decided not to send it. The rest of
	 * the row is kept for the daily counts. The same object can be recorded again as a new event.
	 *
	 * @param int $id The row.
	 * @return bool Whether there was such a row that is not being sent right now.
	 */
	public function delete( $id ) {
		global $wpdb;
		$now = time();
		return (bool) $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET state = 'deleted', dedupe_key = CONCAT('deleted:', event_id), finished_at = %d, body = NULL, last_answer = NULL WHERE id = %d AND state IN ('waiting', 'parked') AND claimed_until <= %d", $now, $id, $now ) );
	}

	/**
	 * One row.
	 *
	 * @param int $id The row.
	 * @return object|null
	 */
	public function find( $id ) {
		global $wpdb;
		return $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->relay_connector_outbox} WHERE id = %d", $id ) );
	}

	/**
	 * The row of an event.
	 *
	 * @param string $event_id The event's id.
	 * @return object|null Without its body.
	 */
	public function find_by_event_id( $event_id ) {
		global $wpdb;
		return $wpdb->get_row( $wpdb->prepare( "SELECT id, event_id, event_type, object_id, state FROM {$wpdb->relay_connector_outbox} WHERE event_id = %s", $event_id ) );
	}

	/**
	 * The row with a dedupe key.
	 *
	 * @param string $dedupe_key The key.
	 * @return object|null Without its body.
	 */
	public function find_by_key( $dedupe_key ) {
		global $wpdb;
		return $wpdb->get_row( $wpdb->prepare( "SELECT id, event_id, event_type, object_id, state FROM {$wpdb->relay_connector_outbox} WHERE dedupe_key = %s", $dedupe_key ) );
	}

	/**
	 * Rows that hold personal data, with their bodies, oldest first: unfinished ones, and sent ones with stored content.
	 *
	 * @param int $after_id Only rows with a higher id.
	 * @param int $limit    The maximum number of rows.
	 * @return object[]
	 */
	public function with_content( $after_id, $limit ) {
		global $wpdb;
		return (array) $wpdb->get_results( $wpdb->prepare( "SELECT id, event_id, dedupe_key, event_type, object_id, object_key, detail, is_initial, revision, body, state, created_at FROM {$wpdb->relay_connector_outbox} WHERE (state IN ('waiting', 'parked') OR (state = 'sent' AND body IS NOT NULL)) AND id > %d ORDER BY id LIMIT %d", $after_id, $limit ) );
	}

	/**
	 * Deletes the content of an unfinished row that must not be sent any more. A run that is sending it loses its claim.
	 *
	 * @param int    $id       The row.
	 * @param string $sentence The reason.
	 * @return bool Whether there was such a row.
	 */
	public function withdraw( $id, $sentence ) {
		global $wpdb;
		return (bool) $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET state = 'withdrawn', finished_at = %d, body = NULL, last_answer = %s, claimed_by = '', claimed_until = 0 WHERE id = %d AND state IN ('waiting', 'parked')", time(), self::ascii( $sentence ), $id ) );
	}

	/**
	 * When the next waiting row can be claimed. A row behind another one of its object does not count.
	 *
	 * @return int Unix seconds, possibly in the past; 0 if no row waits.
	 */
	public function next_due() {
		global $wpdb;
		return (int) $wpdb->get_var( "SELECT MIN(CASE WHEN o.claimed_until > o.due_at THEN o.claimed_until WHEN o.due_at > 0 THEN o.due_at ELSE 1 END) FROM {$wpdb->relay_connector_outbox} o LEFT JOIN {$wpdb->relay_connector_outbox} b ON b.object_key = o.object_key AND b.state = 'waiting' AND b.id < o.id AND o.object_key <> '' WHERE o.state = 'waiting' AND b.id IS NULL" );
	}

	/**
	 * The numbers that the status is based on.
	 *
	 * @return object With waiting, parked (counts), oldest_at (Unix seconds of the oldest waiting row, 0 for none) and
	 *                parked_at (Unix seconds since the first row was parked, 0 for none).
	 */
	public function summary() {
		global $wpdb;
		$row = $wpdb->get_row( "SELECT SUM(state = 'waiting') AS waiting, SUM(state = 'parked') AS parked, MIN(CASE WHEN state = 'waiting' THEN created_at END) AS oldest_at, MIN(CASE WHEN state = 'parked' THEN finished_at END) AS parked_at FROM {$wpdb->relay_connector_outbox} WHERE state IN ('waiting', 'parked')" );
		return (object) array(
			'waiting'   => $row ? (int) $row->waiting : 0,
			'parked'    => $row ? (int) $row->parked : 0,
			'oldest_at' => $row ? (int) $row->oldest_at : 0,
			'parked_at' => $row ? (int) $row->parked_at : 0,
		);
	}

	/**
	 * Deletes rows that were finished before a time. Waiting and parked rows are kept, however old they are.
	 *
	 * @param int $before Unix seconds.
	 * @return int How many.
	 */
	public function purge( $before ) {
		global $wpdb;
		return (int) $wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->relay_connector_outbox} WHERE state IN ('sent', 'withdrawn', 'deleted') AND finished_at < %d", $before ) );
	}
}
