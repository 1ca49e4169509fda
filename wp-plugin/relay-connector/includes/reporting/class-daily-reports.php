<?php
/**
 * The daily reports to the gateway.
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
 * Reports the counts of each UTC day to the gateway, so that both sides can be compared. A report is a signed event but
 * is not in the outbox: a gateway that does not support reports must not fill the list of events.
 */
final class Daily_Reports {

	const TYPE   = 'relay.report';
	const OPTION = 'relay_connector_reports';

	/**
	 * At most this many missing days are reported after an outage.
	 */
	const MOST_DAYS = 14;

	/**
	 * Minutes after midnight UTC. Each site has its own minute, so that not all sites report at once.
	 */
	const FIRST_MINUTE = 10;
	const LAST_MINUTE  = 59;

	/**
	 * After a gateway has refused a report, it is asked again after this time: it may have been updated.
	 */
	const ASK_AGAIN_S = 604800;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The daily counts.
	 *
	 * @var Daily_Counts
	 */
	private $daily_counts;

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
	 * Takes what a report needs.
	 *
	 * @param Settings        $settings     The settings.
	 * @param Daily_Counts    $daily_counts The daily counts.
	 * @param Circuit_Breaker $breaker      The circuit breaker.
	 * @param Gateway_Client  $client       The client.
	 */
	public function __construct( Settings $settings, Daily_Counts $daily_counts, Circuit_Breaker $breaker, Gateway_Client $client ) {
		$this->settings     = $settings;
		$this->daily_counts = $daily_counts;
		$this->breaker      = $breaker;
		$this->client       = $client;
	}

	/**
	 * Starts with today. Days before the connection was set up are not reported.
	 *
	 * @return Stored_State The stored state of the reports.
	 */
	public function start() {
		$stored = new Stored_State( self::OPTION );
		$stored->create(
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
	 * The stored state of the reports.
	 *
	 * @return array|null With next (first second of the oldest day without an accepted report), due_at (Unix seconds of
	 *                    its next attempt), refused (HTTP status with which the gateway refused it, or 0), sentence (why
	 *                    it was not sent otherwise, or ''), taken_at (Unix seconds of the last success, 0 for none).
	 *                    Null before reports started.
	 */
	public function state() {
		$state = ( new Stored_State( self::OPTION ) )->value;
		if ( null === $state ) {
			return null;
		}
		$state           = $this->without_outdated( $state );
		$state['due_at'] = max( $state['next'] + DAY_IN_SECONDS + 60 * $state['minute'], $state['due_at'] );
		return $state;
	}

	/**
	 * Sends the oldest missing report, if it is due. Until it is accepted, every attempt has the same id and bytes.
	 *
	 * @param int  $timeout_s Timeout of the request, in seconds.
	 * @param bool $asked     Whether a person asked for it: then it only matters that the day is over.
	 * @return Send_Decision|null Null if there is nothing to send now.
	 */
	public function send_next( $timeout_s, $asked = false ) {
		$stored = $this->start();
		if ( null === $stored->value ) {
			return null;
		}
		$state = $this->without_outdated( $stored->value );
		$ready = $state['next'] + DAY_IN_SECONDS + ( $asked ? 0 : 60 * $state['minute'] );
		if ( time() < $ready || ( ! $asked && time() < $state['due_at'] ) ) {
			return null;
		}
		if ( '' === $state['body'] ) {
			$this->daily_counts->close_days();
			$state = $this->with_report( $state );
		}
		++$state['attempts'];
		// Stored before it is sent. If another process was faster, that one sends the report.
		if ( ! $stored->replace( $state ) ) {
			return null;
		}
		$response   = $this->client->post( $state['event_id'], $state['body'], $timeout_s );
		$classifier = new Response_Classifier( $this->settings );
		$decision   = Send_Decision::for_response( $response, $classifier->classify( $response ), $classifier->explain( $response ), min( 20, $state['attempts'] ), wp_rand( 0, 1000 ) / 1000 );
		$this->breaker->record( $decision );
		$stored->replace( $this->after_attempt( $state, $decision ) );
		return $decision;
	}

	/**
	 * The state without outdated parts: days too long ago, and waits and refusals that belong to another plugin version
	 * or another gateway.
	 *
	 * @param array $state The state.
	 * @return array
	 */
	private function without_outdated( array $state ) {
		$oldest = Daily_Counts::day_start( time() ) - DAY_IN_SECONDS * self::MOST_DAYS;
		if ( $state['next'] < $oldest ) {
			$state = array_merge( $state, self::empty_report(), array( 'next' => $oldest ) );
		}
		if ( $state['made_for'] !== $this->version_and_connection() ) {
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
	private function with_report( array $state ) {
		$day  = gmdate( 'Y-m-d', $state['next'] );
		$id   = 'report-' . $day . '-' . bin2hex( random_bytes( 8 ) );
		$data = array(
			'day'    => $day,
			'until'  => gmdate( 'Y-m-d\TH:i:s\Z' ),
			'counts' => (object) $this->daily_counts->counts( $state['next'] ),
			'plugin' => RELAY_CONNECTOR_VERSION,
		);
		return array_merge(
			$state,
			array(
				'event_id' => $id,
				'body'     => Envelope::encode( self::TYPE, $id, $data ),
				'attempts' => 0,
				'due_at'   => 0,
				'made_for' => $this->version_and_connection(),
			)
		);
	}

	/**
	 * The state after an attempt.
	 *
	 * @param array         $state    The state.
	 * @param Send_Decision $decision The outcome.
	 * @return array
	 */
	private function after_attempt( array $state, Send_Decision $decision ) {
		$state['made_for'] = $this->version_and_connection();
		if ( Outbox::SENT === $decision->state ) {
			$taken = array(
				'next'     => $state['next'] + DAY_IN_SECONDS,
				'refused'  => 0,
				'sentence' => '',
				'taken_at' => time(),
			);
			return array_merge( $state, self::empty_report(), $taken );
		}
		if ( Outbox::PARKED === $decision->state ) {
			// An updated plugin may build the report differently, so it is built again.
			$refused = array(
				'due_at'   => time() + self::ASK_AGAIN_S,
				'refused'  => $decision->status,
				'sentence' => '',
			);
			return array_merge( $state, self::empty_report(), $refused );
		}
		$state['due_at']   = time() + $decision->wait_s;
		$state['refused']  = 0;
		$state['sentence'] = $decision->explanation;
		return $state;
	}

	/**
	 * The part of the state that belongs to one report, empty.
	 *
	 * @return array
	 */
	private static function empty_report() {
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
	private function version_and_connection() {
		return RELAY_CONNECTOR_VERSION . ' ' . $this->settings->connection_hash();
	}
}
