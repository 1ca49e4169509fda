<?php
/**
 * The daily report to the gateway.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Reporting;

use Relay_Connector\Sending\Circuit_Breaker;
use Relay_Connector\Sending\Envelope;
use Relay_Connector\Sending\Gateway_Client;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Response_Classifier;
use Relay_Connector\Sending\Send_Decision;
use Relay_Connector\Settings;
use Relay_Connector\Stored_State;

defined( 'ABSPATH' ) || exit;

/**
 * Tells the gateway, once for each UTC day, what this site counted: only then can anybody say that nothing is missing.
 * A report is a signed event like any other, but never in the outbox: a gateway that does not know reports must not
 * fill the list that people read.
 */
final class Daily_Reports {

	const TYPE   = 'relay.report';
	const OPTION = 'relay_connector_reports';

	/**
	 * So many missing days are made up for after an outage.
	 */
	const MOST_DAYS = 14;

	/**
	 * Minutes after midnight, UTC. Each site keeps to one of its own, so that they do not all come at once.
	 */
	const FIRST_MINUTE = 10;
	const LAST_MINUTE  = 59;

	/**
	 * A gateway that refused a report is asked again after this time: it may have been updated.
	 */
	const ASK_AGAIN_S = 604800;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The tally.
	 *
	 * @var Daily_Counts
	 */
	private $tally;

	/**
	 * The gate.
	 *
	 * @var Circuit_Breaker
	 */
	private $gate;

	/**
	 * The client.
	 *
	 * @var Gateway_Client
	 */
	private $client;

	/**
	 * Takes what a report needs.
	 *
	 * @param Settings        $settings The settings.
	 * @param Daily_Counts    $tally    The tally.
	 * @param Circuit_Breaker $gate     The gate.
	 * @param Gateway_Client  $client   The client.
	 */
	public function __construct( Settings $settings, Daily_Counts $tally, Circuit_Breaker $gate, Gateway_Client $client ) {
		$this->settings = $settings;
		$this->tally    = $tally;
		$this->gate     = $gate;
		$this->client   = $client;
	}

	/**
	 * Begins with today: days before the connection was set up are nobody's business.
	 *
	 * @return Stored_State Where the reports stand.
	 */
	public function begin() {
		$stored = new Stored_State( self::OPTION );
		$stored->begin(
			array(
				'next'     => Daily_Counts::day_start( time() ),
				'minute'   => wp_rand( self::FIRST_MINUTE, self::LAST_MINUTE ),
				'event_id' => '',
				'body'     => '',
				'attempts' => 0,
				'due_at'   => 0,
				'made_for' => '',
				'refused'  => 0,
				'sentence' => '',
				'taken_at' => 0,
			)
		);
		return $stored;
	}

	/**
	 * Where the reports stand.
	 *
	 * @return array|null With next (first second of the oldest day that the gateway has no report of), due_at (unix
	 *                    seconds of its next attempt), refused (HTTP status with which the gateway has refused it, or
	 *                    0), sentence (why it was not sent otherwise, or ''), taken_at (unix seconds of the last
	 *                    success, 0 for none). Null before they began.
	 */
	public function standing() {
		$state = ( new Stored_State( self::OPTION ) )->value;
		if ( null === $state ) {
			return null;
		}
		$state           = $this->caught_up( $state );
		$state['due_at'] = max( $state['next'] + DAY_IN_SECONDS + 60 * $state['minute'], $state['due_at'] );
		return $state;
	}

	/**
	 * Sends the oldest missing report, if it is due. Until it is taken, every attempt has the same id and bytes.
	 *
	 * @param int  $timeout_s Longest time for the request.
	 * @param bool $asked     A person has asked for it: only that the day is over counts then.
	 * @return Send_Decision|null Null when there is nothing to send now.
	 */
	public function send_next( $timeout_s, $asked = false ) {
		$stored = $this->begin();
		if ( null === $stored->value ) {
			return null;
		}
		$state = $this->caught_up( $stored->value );
		$ready = $state['next'] + DAY_IN_SECONDS + ( $asked ? 0 : 60 * $state['minute'] );
		if ( time() < $ready || ( ! $asked && time() < $state['due_at'] ) ) {
			return null;
		}
		if ( '' === $state['body'] ) {
			$this->tally->close();
			$state = $this->made( $state );
		}
		++$state['attempts'];
		// Kept before it is sent; and if another runner was faster, the report is its business.
		if ( ! $stored->replace( $state ) ) {
			return null;
		}
		$answer    = $this->client->post( $state['event_id'], $state['body'], $timeout_s );
		$diagnosis = new Response_Classifier( $this->settings );
		$verdict   = Send_Decision::of( $answer, $diagnosis->kind( $answer ), $diagnosis->sentence( $answer ), min( 20, $state['attempts'] ), wp_rand( 0, 1000 ) / 1000 );
		$this->gate->observe( $verdict );
		$stored->replace( $this->settled( $state, $verdict ) );
		return $verdict;
	}

	/**
	 * The state without what has become void: days too long ago, and waits and refusals that were about another plugin
	 * version or another gateway.
	 *
	 * @param array $state The state.
	 * @return array
	 */
	private function caught_up( array $state ) {
		$oldest = Daily_Counts::day_start( time() ) - DAY_IN_SECONDS * self::MOST_DAYS;
		if ( $state['next'] < $oldest ) {
			$state = array_merge( $state, self::nothing_made(), array( 'next' => $oldest ) );
		}
		if ( $state['made_for'] !== $this->counterpart() ) {
			$state = array_merge(
				$state,
				array(
					'due_at'   => 0,
					'refused'  => 0,
					'sentence' => '',
				)
			);
		}
		return $state;
	}

	/**
	 * The state with the report of its next day.
	 *
	 * @param array $state The state.
	 * @return array
	 */
	private function made( array $state ) {
		$day  = gmdate( 'Y-m-d', $state['next'] );
		$id   = 'report-' . $day . '-' . bin2hex( random_bytes( 8 ) );
		$data = array(
			'day'    => $day,
			'until'  => gmdate( 'Y-m-d\TH:i:s\Z' ),
			'counts' => (object) $this->tally->counts( $state['next'] ),
			'plugin' => RELAY_CONNECTOR_VERSION,
		);
		return array_merge(
			$state,
			array(
				'event_id' => $id,
				'body'     => Envelope::encode( self::TYPE, $id, $data ),
				'attempts' => 0,
				'due_at'   => 0,
				'made_for' => $this->counterpart(),
			)
		);
	}

	/**
	 * The state after an attempt.
	 *
	 * @param array         $state   The state.
	 * @param Send_Decision $verdict How it ended.
	 * @return array
	 */
	private function settled( array $state, Send_Decision $verdict ) {
		$state['made_for'] = $this->counterpart();
		if ( Outbox::SENT === $verdict->state ) {
			$taken = array(
				'next'     => $state['next'] + DAY_IN_SECONDS,
				'refused'  => 0,
				'sentence' => '',
				'taken_at' => time(),
			);
			return array_merge( $state, self::nothing_made(), $taken );
		}
		if ( Outbox::PARKED === $verdict->state ) {
			// An updated plugin may write it otherwise, so it is made anew.
			$refused = array(
				'due_at'   => time() + self::ASK_AGAIN_S,
				'refused'  => $verdict->status,
				'sentence' => '',
			);
			return array_merge( $state, self::nothing_made(), $refused );
		}
		$state['due_at']   = time() + $verdict->wait_s;
		$state['refused']  = 0;
		$state['sentence'] = $verdict->sentence;
		return $state;
	}

	/**
	 * The part of the state that belongs to one report, empty.
	 *
	 * @return array
	 */
	private static function nothing_made() {
		return array(
			'event_id' => '',
			'body'     => '',
			'attempts' => 0,
			'due_at'   => 0,
		);
	}

	/**
	 * Changes with the plugin's version and with the connection.
	 *
	 * @return string
	 */
	private function counterpart() {
		return RELAY_CONNECTOR_VERSION . ' ' . $this->settings->connection_hash();
	}
}
