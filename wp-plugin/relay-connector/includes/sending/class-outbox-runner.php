<?php
/**
 * Sends what is due.
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
 * One bounded run: claim a row, build its body once, send, write down how it ended, next row.
 */
final class Outbox_Runner {

	const LONGEST_RUN_S   = 20;
	const MOST_ROWS       = 200;
	const TIMEOUT_S       = 15;
	const FAILURES_IN_ROW = 2;

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
	 * The gate.
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
	 * @var Event_Source[]
	 */
	private $sources;

	/**
	 * The reports.
	 *
	 * @var Daily_Reports
	 */
	private $reports;

	/**
	 * Whether there was a run in this request.
	 *
	 * @var bool
	 */
	private $has_run = false;

	/**
	 * Takes what a run needs.
	 *
	 * @param Settings        $settings The settings.
	 * @param Outbox          $outbox   The outbox.
	 * @param Circuit_Breaker $breaker  The gate.
	 * @param Gateway_Client  $client   The client.
	 * @param Event_Source[]  $sources  The event sources.
	 * @param Daily_Reports   $reports  The reports.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Circuit_Breaker $breaker, Gateway_Client $client, array $sources, Daily_Reports $reports ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->breaker  = $breaker;
		$this->client   = $client;
		$this->sources  = $sources;
		$this->reports  = $reports;
	}

	/**
	 * Sends due rows until there are none, the time is up, the gate closes or the gateway fails twice in a row; then the
	 * reports that are missing, if all went well.
	 *
	 * @param int $timeout_s Longest time for one request.
	 * @param int $most_rows At most so many rows.
	 * @return int|null How many rows were dealt with; null when another runner is at work.
	 */
	public function run( $timeout_s = self::TIMEOUT_S, $most_rows = self::MOST_ROWS ) {
		return $this->with_lock(
			function ( Run_Lock $lock ) use ( $timeout_s, $most_rows ) {
				$stop_at  = microtime( true ) + self::LONGEST_RUN_S;
				$failures = 0;
				$done     = 0;
				while ( $done < $most_rows && $failures < self::FAILURES_IN_ROW && $this->breaker->allows_sending() ) {
					// A request may use up its whole timeout: it is shortened so that the run still ends in time.
					$left = (int) floor( $stop_at - microtime( true ) );
					$row  = $left >= 1 && $lock->renew() ? $this->outbox->claim( wp_generate_uuid4() ) : null;
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
	 * Sends one row now, due or not: a person has asked for it. A pause or a wait does not stop a person.
	 *
	 * @param int $id The row.
	 * @return Send_Decision|null Null when another runner is at work or the row is not waiting.
	 */
	public function run_one( $id ) {
		return $this->with_lock(
			function () use ( $id ) {
				$row = $this->outbox->claim( wp_generate_uuid4(), $id );
				return $row ? $this->send( $row, self::TIMEOUT_S ) : null;
			}
		);
	}

	/**
	 * Sends the missing reports now: a person has asked for it.
	 *
	 * @return array|null With taken (how many) and sentence (why the last one was not, or ''). Null when another runner
	 *                    is at work.
	 */
	public function run_reports() {
		return $this->with_lock(
			function ( Run_Lock $lock ) {
				return $this->send_reports( $lock, microtime( true ) + self::LONGEST_RUN_S, self::TIMEOUT_S, true );
			}
		);
	}

	/**
	 * Whether there was a run in this request, after which other rows are due at other times.
	 *
	 * @return bool
	 */
	public function has_run() {
		return $this->has_run;
	}

	/**
	 * How an admin would call the object of a row, with personal fields masked.
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
	 * What a row sends, or would send now.
	 *
	 * @param object $row A row with its body, if it has one.
	 * @return array The event's fields; empty when they cannot be known.
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
	 * The e-mail address of the person whom a row's object belongs to, whether it is sent or not.
	 *
	 * @param object $row A row.
	 * @return string '' when it cannot be known.
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
	 * Sends missing reports, oldest first, as long as they are taken.
	 *
	 * @param Run_Lock $lock      The lock.
	 * @param float    $stop_at   When the run has to end, in unix seconds.
	 * @param int      $timeout_s Longest time for one request.
	 * @param bool     $asked     Whether a person has asked for it.
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
	 * Does something while no other runner can.
	 *
	 * @param callable $callback Is given the lock.
	 * @return mixed Null when nothing may be sent or another runner is at work.
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
	 * Sends one claimed row and writes down how it ended.
	 *
	 * @param object $row       A claimed row.
	 * @param int    $timeout_s Longest time for the request.
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
	 * Takes in what the answer has shown besides the row's own state. Other plugins hear of each of these changes; what
	 * goes wrong there must not keep the row from being settled, or it would be sent again and again.
	 *
	 * @param object        $row      A claimed row.
	 * @param Send_Decision $decision What the answer means.
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
	 * Asks the event source whether the event still stands, and builds its body if that was not done before.
	 *
	 * @param object            $row    A claimed row; gets its body.
	 * @param Event_Source|null $source Its event source.
	 * @return Send_Decision|null Null when the row is ready to be sent.
	 */
	private function prepare( $row, $source ) {
		if ( ! $source ) {
			/* translators: %s: an event type such as comment.created. */
			return Send_Decision::parked( 0, sprintf( __( 'No part of this plugin knows events of the type %s; probably an older version is running. Update the plugin, then choose "Try again".', 'relay-connector' ), $row->event_type ) );
		}
		try {
			$source->check( $row );
			if ( '' !== (string) $row->body ) {
				return null;
			}
			/**
			 * Changes the fields of an event before it is sent for the first time.
			 *
			 * @param array  $data      The fields.
			 * @param string $type      The event type.
			 * @param int    $object_id The object that the event is about.
			 */
			$data      = (array) apply_filters( 'relay_connector_event_data', $source->data( $row ), $row->event_type, (int) $row->object_id );
			$row->body = Envelope::encode( $row->event_type, $row->event_id, $data );
		} catch ( Event_Withdrawn $reason ) {
			return Send_Decision::withdrawn( $reason->getMessage() );
		} catch ( \Throwable $error ) {
			/* translators: %s: technical detail. */
			return Send_Decision::parked( 0, sprintf( __( 'The event could not be put together on this site: %s. Most likely another plugin is at fault: switch off the last one you added or updated, then choose "Try again".', 'relay-connector' ), $error->getMessage() ) );
		}
		if ( '' === $row->body ) {
			return Send_Decision::parked( 0, __( 'The event could not be written as JSON on this site: a field holds something that is neither text nor number. If another plugin changes the event\'s fields, switch that off, then choose "Try again".', 'relay-connector' ) );
		}
		if ( ! $this->outbox->store_body( $row, $row->body ) ) {
			// Unkept, the next attempt might send other bytes under the same id; so nothing is sent this time.
			$decision              = new Send_Decision();
			$decision->wait_s      = Send_Decision::FIRST_WAIT_S;
			$decision->explanation = __( 'The event was not sent, because this site\'s database did not keep its text. It is tried again by itself; if it lasts, ask your host whether the database is full or read-only.', 'relay-connector' );
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
