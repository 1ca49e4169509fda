<?php
/**
 * Signed requests to the gateway.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Keys\Signer;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Posts one body to the gateway. Every error is returned as a Gateway_Response; nothing is thrown.
 */
final class Gateway_Client {

	const JSON_HEADERS = array(
		'Content-Type' => 'application/json',
		'Accept'       => 'application/json',
	);

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * Takes the address, the key id and the secret from the settings.
	 *
	 * @param Settings $settings The settings.
	 */
	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/**
	 * Signs and sends an event. Each attempt has a new timestamp, but the same id and body.
	 *
	 * @param string $event_id  The event id.
	 * @param string $body      The JSON text.
	 * @param int    $timeout_s Timeout of the whole request, in seconds.
	 * @return Gateway_Response
	 */
	public function post( $event_id, $body, $timeout_s ) {
		return $this->send( $this->settings->endpoint(), $this->settings->key_id(), $this->settings->secret(), $event_id, $body, $timeout_s );
	}

	/**
	 * Signs and sends a question about the key to the URL next to the one for events.
	 *
	 * @param string $key_id    The id of the signing key, '' if it is not known.
	 * @param string $secret    Its secret.
	 * @param string $event_id  An id for this request.
	 * @param string $body      The JSON text.
	 * @param int    $timeout_s Timeout of the whole request, in seconds.
	 * @return Gateway_Response
	 */
	public function post_key_request( $key_id, $secret, $event_id, $body, $timeout_s ) {
		return $this->send( $this->settings->key_endpoint(), $key_id, $secret, $event_id, $body, $timeout_s );
	}

	/**
	 * Sends JSON without a signature, for the exchange of a one-time code.
	 *
	 * @param string $url       The address.
	 * @param string $body      The JSON text.
	 * @param int    $timeout_s Timeout of the whole request, in seconds.
	 * @return Gateway_Response
	 */
	public function post_json( $url, $body, $timeout_s ) {
		return $this->request( $url, self::JSON_HEADERS, $body, $timeout_s );
	}

	/**
	 * Why an address may not be called.
	 *
	 * @param string $url The address.
	 * @return Gateway_Response|null Null if it may be called.
	 */
	public function check_address( $url ) {
		$address = new Gateway_Address( $url );
		$problem = $address->format_problem();
		if ( '' !== $problem ) {
			return Gateway_Response::not_sent( Gateway_Response::ADDRESS, $problem );
		}
		$ips = $address->resolve();
		if ( ! $ips ) {
			return Gateway_Response::not_sent( Gateway_Response::NAME_NOT_FOUND, $address->host() );
		}
		$internal = $address->internal_ip( $ips );
		return '' === $internal ? null : Gateway_Response::not_sent( Gateway_Response::INTERNAL_ADDRESS, $internal );
	}

	/**
	 * Signs and sends one request.
	 *
	 * @param string $url       The address.
	 * @param string $key_id    The key's id, or ''.
	 * @param string $secret    The key's secret.
	 * @param string $event_id  The event id.
	 * @param string $body      The JSON text.
	 * @param int    $timeout_s Timeout of the whole request, in seconds.
	 * @return Gateway_Response
	 */
	private function send( $url, $key_id, $secret, $event_id, $body, $timeout_s ) {
		$timestamp = (string) time();
		$headers   = self::JSON_HEADERS + array(
			'X-WP-Timestamp' => $timestamp,
			'X-Event-Id'     => $event_id,
			'X-WP-Signature' => Signer::sign( $secret, $timestamp, $body ),
		);
		if ( '' !== $key_id ) {
			$headers['X-WP-Key-Id'] = $key_id;
		}
		return $this->request( $url, $headers, $body, $timeout_s );
	}

	/**
	 * Sends one request, if the address may be called.
	 *
	 * @param string   $url       The address.
	 * @param string[] $headers   The headers.
	 * @param string   $body      The JSON text.
	 * @param int      $timeout_s Timeout of the whole request, in seconds.
	 * @return Gateway_Response
	 */
	private function request( $url, array $headers, $body, $timeout_s ) {
		$refusal = $this->check_address( $url );
		if ( $refusal ) {
			return $refusal;
		}
		$address = new Gateway_Address( $url );

		add_filter( 'http_request_host_is_external', array( $address, 'allow_host' ), 10, 2 );
		add_filter( 'http_allowed_safe_ports', array( $address, 'allow_port' ), 10, 2 );
		$started  = microtime( true );
		try {
			$response = wp_safe_remote_post(
				$url,
				array(
					'timeout'             => $timeout_s,
					'redirection'         => 0,
					'sslverify'           => true,
					'limit_response_size' => 65536,
					'user-agent'          => 'Relay-Connector/' . RELAY_CONNECTOR_VERSION . '; ' . home_url(),
					'headers'             => $headers,
					'body'                => $body,
				)
			);
		} catch ( \Throwable $error ) {
			// Other plugins filter requests and responses: an error in one of them must not end the run.
			$response = new \WP_Error( 'relay_connector_fault', $error->getMessage() );
		}
		$took_ms  = (int) round( 1000 * ( microtime( true ) - $started ) );
		remove_filter( 'http_request_host_is_external', array( $address, 'allow_host' ), 10 );
		remove_filter( 'http_allowed_safe_ports', array( $address, 'allow_port' ), 10 );

		return is_wp_error( $response )
			? Gateway_Response::failed( $response, $took_ms, $timeout_s )
			: Gateway_Response::received( $response, $took_ms, time() );
	}
}
