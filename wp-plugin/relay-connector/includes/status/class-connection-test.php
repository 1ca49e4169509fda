<?php
/**
 * Handles "Send a test event".
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Status;

use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Sending\Circuit_Breaker;
use Relay_Connector\Sending\Envelope;
use Relay_Connector\Sending\Gateway_Client;
use Relay_Connector\Sending\Response_Classifier;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Sends one signed event without personal data and explains the result.
 */
final class Connection_Test {

	const TYPE      = 'relay.test';
	const TIMEOUT_S = 10;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The client.
	 *
	 * @var Gateway_Client
	 */
	private $client;

	/**
	 * The circuit breaker.
	 *
	 * @var Circuit_Breaker
	 */
	private $breaker;

	/**
	 * The key exchange.
	 *
	 * @var Key_Exchange
	 */
	private $keys;

	/**
	 * The steps of the connection test.
	 *
	 * @var Connection_Steps
	 */
	private $steps;

	/**
	 * Takes what a test needs.
	 *
	 * @param Settings         $settings The settings.
	 * @param Gateway_Client   $client   The client.
	 * @param Circuit_Breaker  $breaker  The circuit breaker.
	 * @param Key_Exchange     $keys     The key exchange.
	 * @param Connection_Steps $steps    The steps of the connection test.
	 */
	public function __construct( Settings $settings, Gateway_Client $client, Circuit_Breaker $breaker, Key_Exchange $keys, Connection_Steps $steps ) {
		$this->settings = $settings;
		$this->client   = $client;
		$this->breaker  = $breaker;
		$this->keys     = $keys;
		$this->steps    = $steps;
	}

	/**
	 * Sends the test event. If it is accepted, a pause ends.
	 *
	 * @return array With passed (bool), text, event_id and steps.
	 */
	public function run() {
		$missing = $this->missing();
		if ( '' !== $missing ) {
			return self::result( false, $missing, '', $this->steps->for_response( null, null ) );
		}
		$event_id   = 'wp-test-' . wp_generate_uuid4();
		$body       = Envelope::encode( self::TYPE, $event_id, array( 'message' => __( 'Test event from Relay Connector', 'relay-connector' ) ) );
		$response   = $this->client->post( $event_id, $body, self::TIMEOUT_S );
		$classifier = new Response_Classifier( $this->settings );
		$sentence   = $classifier->explain( $response );
		$passed     = Response_Classifier::ACCEPTED === $classifier->classify( $response );
		if ( $passed ) {
			$this->breaker->reset();
			$this->settings->record_connected();
		}
		return self::result( $passed, $sentence, $event_id, $this->steps->for_response( $response, $passed ? $this->keys->key_state() : null ) );
	}

	/**
	 * The setting that is missing.
	 *
	 * @return string A message, or ''.
	 */
	private function missing() {
		if ( '' === $this->settings->endpoint() ) {
			return __( 'No test event was sent: the gateway address is missing. Copy it from your site\'s page in Relay and save it first.', 'relay-connector' );
		}
		if ( '' === $this->settings->secret() ) {
			return __( 'No test event was sent: the secret is missing. Relay shows it once, when the key is created. Enter it and save it first.', 'relay-connector' );
		}
		return '';
	}

	/**
	 * Builds the result.
	 *
	 * @param bool    $passed   Whether it was accepted.
	 * @param string  $text     The explanation.
	 * @param string  $event_id The event id, '' if nothing was sent.
	 * @param array[] $steps    The steps of the connection test.
	 * @return array
	 */
	private static function result( $passed, $text, $event_id, array $steps ) {
		return compact( 'passed', 'text', 'event_id', 'steps' );
	}
}
