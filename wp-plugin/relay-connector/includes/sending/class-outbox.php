<?php
/**
 * The rows that wait to be sent.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * One row is one event. A row is waiting, sent, parked (a person must look), withdrawn (its object is gone or spam)
 * or deleted (by a person). Finished rows stay for a while: they are also what the days are counted by.
 */
final class Outbox {

	const WAITING   = 'waiting';
	const SENT      = 'sent';
	const PARKED    = 'parked';
	const WITHDRAWN = 'withdrawn';
	const DELETED   = 'deleted';

	/**
	 * Longer than the longest request, so that only a runner that died loses its claim.
	 */
	const CLAIM_S = 90;

	/**
	 * For so long an entry's number means the same entry, however often its plugin speaks of it.
	 */
	const ENTRY_ID_REUSE_S = 86400;

	/**
	 * Whether this request has noted an event down.
	 *
	 * @var bool
	 */
	private $has_new = false;

	/**
	 * Notes an event down: one statement for a new one, and all that happens while a visitor waits. The event id is
	 * fixed here, so every later attempt carries the same one. An event noted before stays as it is, unless it had been
	 * withdrawn: then it is noted anew.
	 *
	 * @param string $type       The event type.
	 * @param int    $object_id  The object that the event is about.
	 * @param string $dedupe_key The same key is noted only once.
	 * @param int    $hold_s     Not to be sent before so many seconds have passed, unless let_go() says so.
	 */
	public function add( $type, $object_id, $dedupe_key, $hold_s = 0 ) {
		global $wpdb;
		$now  = time();
		$done = $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->relay_connector_outbox} (event_id, dedupe_key, event_type, object_id, state, created_at, due_at) VALUES (%s, %s, %s, %d, 'waiting', %d, %d)", 'wp-' . wp_generate_uuid4(), $dedupe_key, $type, $object_id, $now, $now + $hold_s ) );
		if ( 0 === $done ) {
			// Not in the same statement: the SQLite drop-in cannot do that to a table with two unique keys.
			$done = $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET state = 'waiting', attempts = 0, created_at = %d, due_at = %d, finished_at = 0 WHERE dedupe_key = %s AND state = 'withdrawn'", $now, $now + $hold_s, $dedupe_key ) );
		}
		if ( false === $done ) {
			Lost_Events::record( $type . ' ' . $object_id . ': ' . $wpdb->last_error );
			return;
		}
		$this->has_new = $this->has_new || 0 === $hold_s;
	}

	/**
	 * Lets a held event be sent. One that was tried before keeps its wait.
	 *
	 * @param string $dedupe_key The key that it was noted under.
	 */
	public function release( $dedupe_key ) {
		global $wpdb;
		if ( $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET due_at = %d WHERE dedupe_key = %s AND state = 'waiting' AND attempts = 0", time(), $dedupe_key ) ) ) {
			$this->has_new = true;
		}
	}

	/**
	 * Takes a held event out again, as if it had never been noted: nothing has happened after all.
	 *
	 * @param string $dedupe_key The key that it was noted under.
	 */
	public function remove_held( $dedupe_key ) {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->relay_connector_outbox} WHERE dedupe_key = %s AND state = 'waiting' AND attempts = 0 AND body IS NULL", $dedupe_key ) );
	}

	/**
	 * Notes an event down whose body is known already: for what no object on this site stands for.
	 *
	 * @param string $type       The event type.
	 * @param string $event_id   The event id.
	 * @param string $body       The JSON text.
	 * @param string $dedupe_key The same key is noted only once; '' for the event id.
	 * @param int    $object_id  The number that another plugin keeps it under, or 0.
	 * @return bool Whether it is noted down; false also when the key was known.
	 */
	public function add_with_body( $type, $event_id, $body, $dedupe_key = '', $object_id = 0 ) {
		global $wpdb;
		$now  = time();
		$done = $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->relay_connector_outbox} (event_id, dedupe_key, event_type, object_id, body, state, created_at, due_at) VALUES (%s, %s, %s, %d, %s, 'waiting', %d, %d)", $event_id, '' === $dedupe_key ? $event_id : $dedupe_key, $type, $object_id, $body, $now, $now ) );
		if ( 1 === $done ) {
			$this->has_new = true;
		} elseif ( false === $done ) {
			Lost_Events::record( $type . ': ' . $wpdb->last_error );
		}
		return 1 === $done;
	}

	/**
	 * The same for an entry that another plugin numbers. A form plugin that was installed anew begins with 1 again: a known
	 * number that was noted long ago is another entry's, and this one is noted under a key of its own.
	 *
	 * @param string $type       The event type.
	 * @param string $event_id   The event id.
	 * @param string $body       The JSON text.
	 * @param string $dedupe_key The same key is noted only once within a day.
	 * @param int    $object_id  The number that the other plugin keeps it under, or 0.
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
	 * Whether this request has noted an event down.
	 *
	 * @return bool
	 */
	public function has_new() {
		return $this->has_new;
	}

	/**
	 * Claims the row that has been due longest. The attempt is counted before it is made: a row whose sending kills PHP
	 * is counted too and comes back later and later instead of at once.
	 *
	 * @param string   $runner Token of the claiming runner.
	 * @param int|null $id     Only this row, due or not.
	 * @return object|null
	 */
	public function claim( $runner, $id = null ) {
		global $wpdb;
		$now = time();
		if ( null === $id ) {
			$claimed = $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET claimed_by = %s, claimed_until = %d, attempts = attempts + 1 WHERE state = 'waiting' AND due_at <= %d AND claimed_until <= %d ORDER BY due_at, id LIMIT 1", $runner, $now + self::CLAIM_S, $now, $now ) );
		} else {
			$claimed = $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET claimed_by = %s, claimed_until = %d, attempts = attempts + 1 WHERE state = 'waiting' AND id = %d AND claimed_until <= %d", $runner, $now + self::CLAIM_S, $id, $now ) );
		}
		if ( ! $claimed ) {
			return null;
		}
		return $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->relay_connector_outbox} WHERE state = 'waiting' AND claimed_by = %s", $runner ) );
	}

	/**
	 * Keeps the body that is about to be sent, so that every later attempt sends the very same bytes.
	 *
	 * @param object $row  A claimed row.
	 * @param string $body The JSON text.
	 * @return bool False when the claim was lost or the body could not be kept.
	 */
	public function store_body( $row, $body ) {
		global $wpdb;
		return 1 === $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET body = %s WHERE id = %d AND claimed_by = %s", $body, $row->id, $row->claimed_by ) );
	}

	/**
	 * Writes down how an attempt ended and gives the claim back. Does nothing if another runner has taken over.
	 *
	 * @param object        $row      A claimed row.
	 * @param Send_Decision $decision What the answer means.
	 */
	public function finish_attempt( $row, Send_Decision $decision ) {
		global $wpdb;
		$now      = time();
		$finished = self::WAITING === $decision->state ? 0 : $now;
		// A finished event needs no body any more: what is not kept cannot leak.
		$body  = in_array( $decision->state, array( self::SENT, self::WITHDRAWN ), true ) ? '' : (string) $row->body;
		$write = static function ( $sentence ) use ( $wpdb, $row, $decision, $now, $finished, $body ) {
			return $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET state = %s, due_at = %d, finished_at = %d, last_status = %d, last_answer = %s, body = NULLIF(%s, ''), claimed_by = '', claimed_until = 0 WHERE id = %d AND claimed_by = %s", $decision->state, $now + $decision->wait_s, $finished, $decision->status, $sentence, $body, $row->id, $row->claimed_by ) );
		};
		// The gateway's own words may have letters that the table's character set has not; the body never has any.
		if ( false === $write( $decision->explanation ) && false === $write( self::ascii( $decision->explanation ) ) ) {
			Lost_Events::record( $row->event_type . ' ' . $row->object_id . ': ' . $wpdb->last_error, false );
		}
	}

	/**
	 * A text with plain letters only, as any table can hold it.
	 *
	 * @param string $text The text.
	 * @return string
	 */
	private static function ascii( $text ) {
		return (string) preg_replace( '/[^\x20-\x7E]+/', '?', remove_accents( $text ) );
	}

	/**
	 * Puts a parked or waiting row at the head of the queue, with its event id and its body as they are.
	 *
	 * @param int $id The row.
	 * @return bool Whether there is such a row.
	 */
	public function retry( $id ) {
		global $wpdb;
		$done = $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET attempts = CASE WHEN state = 'parked' THEN 0 ELSE attempts END, state = 'waiting', due_at = 0, finished_at = 0 WHERE id = %d AND state IN ('waiting', 'parked')", $id ) );
		// A row that stood there already counts as unchanged, not as missing.
		return false !== $done && null !== $wpdb->get_var( $wpdb->prepare( "SELECT id FROM {$wpdb->relay_connector_outbox} WHERE id = %d AND state = 'waiting'", $id ) );
	}

	/**
	 * Empties a waiting or parked row and takes it off the list: a person has decided that it need not be sent. What is
	 * left of it can be counted; the same object, noted again, is a new event.
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
	 * The row of an event that this site has sent or will send.
	 *
	 * @param string $event_id The event's id.
	 * @return object|null Without its body.
	 */
	public function find_by_event_id( $event_id ) {
		global $wpdb;
		return $wpdb->get_row( $wpdb->prepare( "SELECT id, event_id, event_type, object_id, state FROM {$wpdb->relay_connector_outbox} WHERE event_id = %s", $event_id ) );
	}

	/**
	 * The row that a dedupe key was noted under.
	 *
	 * @param string $dedupe_key The key.
	 * @return object|null Without its body.
	 */
	public function find_by_key( $dedupe_key ) {
		global $wpdb;
		return $wpdb->get_row( $wpdb->prepare( "SELECT id, event_id, event_type, object_id, state FROM {$wpdb->relay_connector_outbox} WHERE dedupe_key = %s", $dedupe_key ) );
	}

	/**
	 * Rows that are not finished, with their bodies, oldest first.
	 *
	 * @param int $after_id Only those with a higher number.
	 * @param int $limit    At most so many.
	 * @return object[]
	 */
	public function unfinished( $after_id, $limit ) {
		global $wpdb;
		return (array) $wpdb->get_results( $wpdb->prepare( "SELECT id, event_id, dedupe_key, event_type, object_id, body, state, created_at FROM {$wpdb->relay_connector_outbox} WHERE state IN ('waiting', 'parked') AND id > %d ORDER BY id LIMIT %d", $after_id, $limit ) );
	}

	/**
	 * Empties an unfinished row, because it is not to be sent any more. A run that is sending it right now finds its
	 * claim gone.
	 *
	 * @param int    $id       The row.
	 * @param string $sentence The reason.
	 * @return bool Whether there was such a row.
	 */
	public function withdraw( $id, $sentence ) {
		global $wpdb;
		return (bool) $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET state = 'withdrawn', finished_at = %d, body = NULL, last_answer = %s, claimed_by = '', claimed_until = 0 WHERE id = %d AND state IN ('waiting', 'parked')", time(), $sentence, $id ) );
	}

	/**
	 * When the next waiting row can be claimed.
	 *
	 * @return int Unix seconds, which may be past; 0 when none waits.
	 */
	public function next_due() {
		global $wpdb;
		return (int) $wpdb->get_var( "SELECT MIN(CASE WHEN claimed_until > due_at THEN claimed_until WHEN due_at > 0 THEN due_at ELSE 1 END) FROM {$wpdb->relay_connector_outbox} WHERE state = 'waiting'" );
	}

	/**
	 * What an admin has to know at a glance.
	 *
	 * @return object With waiting, parked (counts), oldest_at (unix seconds of the oldest waiting row, 0 for none) and
	 *                parked_at (unix seconds since when the oldest parked row is, 0 for none).
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
	 * Deletes rows that were finished before a moment. Waiting and parked rows stay, however old they are.
	 *
	 * @param int $before Unix seconds.
	 * @return int How many.
	 */
	public function purge( $before ) {
		global $wpdb;
		return (int) $wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->relay_connector_outbox} WHERE state IN ('sent', 'withdrawn', 'deleted') AND finished_at < %d", $before ) );
	}
}
