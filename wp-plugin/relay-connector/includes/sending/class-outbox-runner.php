<?php
/**
 * Sends due events.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Events\Event_Source;
use Relay_Connector\Events\Event_Withdrawn;
use Relay_Connector\Reporting\Daily_Reports;
use Relay_Connector\Settings;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * A run is limited in time and rows: claim a row, build its body once, send it, store the outcome, take the next row.
 *
 * Events of one object are sent in order; see Row_Claims. Between objects, the event that has been due longest is first. If
 * the queue is long, every second event is the newest one, so that a new event does not wait until the queue is empty.
 */
final class Outbox_Runner {

	const LONGEST_RUN_S   = 20;
	const MOST_ROWS       = 200;
	const TIMEOUT_S       = 15;
	const FAILURES_IN_ROW = 2;

	/**
	 * After this many events in a run, the queue is long.
	 */
	const LONG_QUEUE = 20;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The outbox.
	 *
	 * @var Outbox
	 */
	private $outbox;

	/**
	 * The circuit breaker.
	 *
	 * @var Circuit_Breaker
	 */
	private $breaker;

	/**
	 * The client.
	 *
	 * @var Gateway_Client
	 */
	private $client;

	/**
	 * The event sources.
	 *
	 * @var iterable<Event_Source>
	 */
	private $sources;

	/**
	 * The daily reports.
	 *
	 * @var Daily_Reports
	 */
	private $reports;

	/**
	 * The claims.
	 *
	 * @var Row_Claims
	 */
	private $claims;

	/**
	 * Whether this request has had a run.
	 *
	 * @var bool
	 */
	private $has_run = false;

	/**
	 * Takes what a run needs.
	 *
	 * @param Settings        $settings The settings.
	 * @param Outbox          $outbox   The outbox.
	 * @param Circuit_Breaker $breaker  The circuit breaker.
	 * @param Gateway_Client  $client   The client.
	 * @param iterable        $sources  The event sources.
	 * @param Daily_Reports   $reports  The daily reports.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Circuit_Breaker $breaker, Gateway_Client $client, iterable $sources, Daily_Reports $reports ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->breaker  = $breaker;
		$this->client   = $client;
		$this->sources  = $sources;
		$this->reports  = $reports;
		$this->claims   = new Row_Claims();
	}

	/**
	 * Sends due rows until none is left, the time is up, the circuit breaker stops it, or the gateway fails twice in a
	 * row. Then sends missing reports, if there was no failure.
	 *
	 * @param int      $timeout_s Timeout of one request, in seconds.
	 * @param int      $most_rows The maximum number of rows.
	 * @param string[] $objects   Objects with events to send first.
	 * @return int|null How many rows were processed; null if another run is in progress.
	 */
	public function run( $timeout_s = self::TIMEOUT_S, $most_rows = self::MOST_ROWS, array $objects = array() ) {
		return $this->with_lock(
			function ( Run_Lock $lock ) use ( $timeout_s, $most_rows, &$objects ) {
				$stop_at  = microtime( true ) + self::LONGEST_RUN_S;
				$failures = 0;
				$done     = 0;
				while ( $done < $most_rows && $failures < self::FAILURES_IN_ROW && $this->breaker->allows_sending() ) {
					// A request may use its whole timeout, so the timeout is shortened to end the run in time.
					$left = (int) floor( $stop_at - microtime( true ) );
					$row  = $left >= 1 && $lock->renew() ? $this->next_row( $objects, $done ) : null;
					if ( ! $row ) {
						break;
					}
					$decision = $this->send( $row, min( $timeout_s, $left ) );
					$failures = Outbox::WAITING === $decision->state ? $failures + 1 : 0;
					++$done;
				}
				if ( 0 === $failures && $this->breaker->allows_sending() ) {
					$this->send_reports( $lock, $stop_at, $timeout_s, false );
				}
				return $done;
			}
		);
	}

	/**
	 * Sends one row now because a person asked for it, even if it is not due or sending is paused. Earlier rows of the same
	 * object are sent before.
	 *
	 * @param int $id The row.
	 * @return Send_Decision|null The decision about the row, or about the earlier one that keeps it back. Null if another
	 *                            run is in progress or the row is not waiting.
	 */
	public function run_one( $id ) {
		return $this->with_lock(
			function ( Run_Lock $lock ) use ( $id ) {
				$stop_at  = microtime( true ) + self::LONGEST_RUN_S;
				$decision = null;
				do {
					$left = (int) floor( $stop_at - microtime( true ) );
					$row  = $left >= 1 && $lock->renew() ? $this->claims->row( $id ) : null;
					if ( ! $row ) {
						return $decision;
					}
					$decision = $this->send( $row, min( self::TIMEOUT_S, $left ) );
				} while ( (int) $row->id !== (int) $id && Outbox::WAITING !== $decision->state );
				if ( (int) $row->id !== (int) $id ) {
					$decision->explanation = __( 'An earlier event of the same object must be sent first.', 'relay-connector' ) . ' ' . $decision->explanation;
				}
				return $decision;
			}
		);
	}

	/**
	 * Sends the missing reports now, because a person asked for it.
	 *
	 * @return array|null With taken (the number accepted) and sentence (why the last one was not, or ''). Null if
	 *                    another run is in progress.
	 */
	public function run_reports() {
		return $this->with_lock(
			function ( Run_Lock $lock ) {
				return $this->send_reports( $lock, microtime( true ) + self::LONGEST_RUN_S, self::TIMEOUT_S, true );
			}
		);
	}

	/**
	 * Whether this request has had a run, which changes when other rows are due.
	 *
	 * @return bool
	 */
	public function has_run() {
		return $this->has_run;
	}

	/**
	 * The display name of a row's object, with personal data masked.
	 *
	 * @param object $row A row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$source = $this->source_of( $row->event_type );
		return $source ? $source->describe( $row ) : array(
			'label' => (string) $row->object_id,
			'url'   => '',
		);
	}

	/**
	 * The fields that a row sends or would send now.
	 *
	 * @param object $row A row, with its body if it has one.
	 * @return array The event's fields; empty if they are not known.
	 */
	public function fields( $row ) {
		if ( '' !== (string) $row->body ) {
			$body = json_decode( $row->body, true );
			return is_array( $body ) && isset( $body['data'] ) ? (array) $body['data'] : array();
		}
		$source = $this->source_of( $row->event_type );
		try {
			if ( ! $source ) {
				return array();
			}
			$source->check( $row );
			return $source->data( $row );
		} catch ( \Throwable $reason ) {
			return array();
		}
	}

	/**
	 * The e-mail address of the person the object belongs to, even if it is not sent.
	 *
	 * @param object $row A row.
	 * @return string '' if it is not known.
	 */
	public function email( $row ) {
		$source = $this->source_of( $row->event_type );
		try {
			return $source ? $source->email( $row ) : '';
		} catch ( \Throwable $reason ) {
			return '';
		}
	}

	/**
	 * Sends missing reports, oldest first, until one is not accepted.
	 *
	 * @param Run_Lock $lock      The lock.
	 * @param float    $stop_at   When the run must end, in Unix seconds.
	 * @param int      $timeout_s Timeout of one request, in seconds.
	 * @param bool     $asked     Whether a person asked for it.
	 * @return array With taken and sentence.
	 */
	private function send_reports( Run_Lock $lock, $stop_at, $timeout_s, $asked ) {
		$taken    = 0;
		$decision = null;
		do {
			$left     = (int) floor( $stop_at - microtime( true ) );
			$decision = $left >= 1 && $lock->renew() ? $this->reports->send_next( min( $timeout_s, $left ), $asked ) : null;
			$is_sent  = $decision && Outbox::SENT === $decision->state;
			$taken  += $is_sent ? 1 : 0;
		} while ( $is_sent );
		return array(
			'taken'    => $taken,
			'sentence' => $decision ? $decision->explanation : '',
		);
	}

	/**
	 * Claims the next row.
	 *
	 * @param string[] $objects Objects with events to send first; receives those that are left.
	 * @param int      $done    How many rows were processed.
	 * @return object|null
	 */
	private function next_row( array &$objects, $done ) {
		while ( $objects ) {
			$row = $this->claims->first_of( reset( $objects ) );
			if ( $row ) {
				return $row;
			}
			array_shift( $objects );
		}
		$row = $done >= self::LONG_QUEUE && 1 === $done % 2 ? $this->claims->newest() : null;
		return $row ? $row : $this->claims->oldest();
	}

	/**
	 * Runs code while holding the lock.
	 *
	 * @param callable $callback Receives the lock.
	 * @return mixed Null if the plugin is not configured or another run is in progress.
	 */
	private function with_lock( callable $callback ) {
		$this->has_run = true;
		if ( ! $this->settings->is_configured() ) {
			return null;
		}
		$lock = new Run_Lock();
		if ( ! $lock->acquire() ) {
			return null;
		}
		try {
			return $callback( $lock );
		} finally {
			$lock->release();
		}
	}

	/**
	 * Sends one claimed row and stores the outcome.
	 *
	 * @param object $row       A claimed row.
	 * @param int    $timeout_s Timeout of the request, in seconds.
	 * @return Send_Decision
	 */
	private function send( $row, $timeout_s ) {
		$source   = $this->source_of( $row->event_type );
		$decision = $this->prepare( $row, $source );
		if ( null === $decision ) {
			$response   = $this->client->post( $row->event_id, $row->body, $timeout_s );
			$classifier = new Response_Classifier( $this->settings );
			$decision   = Send_Decision::for_response( $response, $classifier->classify( $response ), $classifier->explain( $response ), (int) $row->attempts, wp_rand( 0, 1000 ) / 1000 );
			$this->apply_decision( $row, $decision, $source );
		}
		$this->outbox->finish_attempt( $row, $decision );
		return $decision;
	}

	/**
	 * Applies the response to everything except the row itself. Other plugins can hook into each of these changes. An
	 * error there must not keep the outcome from being stored, or the row would be sent again and again.
	 *
	 * @param object        $row      A claimed row.
	 * @param Send_Decision $decision The decision.
	 * @param Event_Source  $source   Its event source.
	 */
	private function apply_decision( $row, Send_Decision $decision, Event_Source $source ) {
		try {
			$this->breaker->record( $decision );
		} catch ( \Throwable $error ) {
			Lost_Events::record( $row->event_type . ' ' . $row->object_id . ': ' . $error->getMessage(), false );
		}
		if ( Outbox::SENT !== $decision->state ) {
			return;
		}
		try {
			$source->record_sent( $row );
			$this->settings->record_connected();
		} catch ( \Throwable $error ) {
			Lost_Events::record( $row->event_type . ' ' . $row->object_id . ': ' . $error->getMessage(), false );
		}
	}

	/**
	 * Checks that the event should still be sent, and builds its body if it has none.
	 *
	 * @param object            $row    A claimed row; receives its body.
	 * @param Event_Source|null $source Its event source.
	 * @return Send_Decision|null Null if the row is ready to be sent.
	 */
	private function prepare( $row, $source ) {
		if ( ! $source ) {
			/* translators: %s: an event type such as comment.created. */
			return Send_Decision::parked( 0, sprintf( __( 'This plugin does not know events of the type %s. It is probably an older version. Update the plugin, then choose "Try again".', 'relay-connector' ), $row->event_type ) );
		}
		try {
			$source->check( $row );
			if ( '' !== (string) $row->body ) {
				return null;
			}
			if ( Object_Rows::is_repeated( $row ) ) {
				return Send_Decision::withdrawn( __( 'Not sent, because the same change was recorded twice.', 'relay-connector' ) );
			}
			if ( Object_Rows::is_superseded( $row ) ) {
				return Send_Decision::withdrawn( __( 'Not sent, because a later event of this type has the same content.', 'relay-connector' ) );
			}
			/**
			 * Filters the fields of an event before it is sent for the first time.
			 *
			 * @param array  $data      The fields.
			 * @param string $type      The event type.
			 * @param int    $object_id The object that the event is about.
			 */
			$data          = (array) apply_filters( 'relay_connector_event_data', $source->data( $row ), $row->event_type, (int) $row->object_id );
			$row->revision = Object_Rows::next_revision( $row );
			$row->body     = Envelope::encode( $row->event_type, $row->event_id, $data, (int) $row->created_at, $row->revision );
		} catch ( Event_Withdrawn $reason ) {
			return Send_Decision::withdrawn( $reason->getMessage() );
		} catch ( \Throwable $error ) {
			/* translators: %s: technical detail. */
			return Send_Decision::parked( 0, sprintf( __( 'The event could not be built on this site: %s. The cause is probably another plugin: deactivate the one you last installed or updated, then choose "Try again".', 'relay-connector' ), $error->getMessage() ) );
		}
		if ( '' === $row->body ) {
			return Send_Decision::parked( 0, __( 'The event could not be encoded as JSON on this site: a field contains a value that is neither text nor a number. If another plugin changes the event\'s fields, deactivate it, then choose "Try again".', 'relay-connector' ) );
		}
		if ( ! $this->outbox->store_body( $row, $row->body ) ) {
			// The next attempt might send other bytes under the same id, so nothing is sent now.
			$decision              = new Send_Decision();
			$decision->wait_s      = Send_Decision::FIRST_WAIT_S;
			$decision->explanation = __( 'The event was not sent, because this site\'s database did not store its content. It is retried automatically. If the problem lasts, ask your host whether the database is full or read-only.', 'relay-connector' );
			return $decision;
		}
		return null;
	}

	/**
	 * The event source of a type.
	 *
	 * @param string $type The event type.
	 * @return Event_Source|null
	 */
	private function source_of( $type ) {
		foreach ( $this->sources as $source ) {
			if ( $source->handles( $type ) ) {
				return $source;
			}
		}
		return null;
	}
}
