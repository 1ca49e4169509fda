<?php
/**
 * The key exchange.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Keys;

use Relay_Connector\Sending\Gateway_Client;
use Relay_Connector\Sending\Gateway_Response;
use Relay_Connector\Sending\Response_Classifier;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * After a rotation in Relay, the gateway gives the new key to a request signed with the old one, while that is still
 * valid. The new secret is encrypted with a key derived from the old secret (HKDF-SHA256, AES-256-GCM, bound to this
 * request). It is tested before it replaces the old one.
 */
final class Key_Exchange {

	const NEWER      = 'newer';
	const CURRENT    = 'current';
	const NONE_NEWER = 'no_newer_key';
	const NOT_SENT   = 'key_not_handed_over';

	const TIMEOUT_S = 10;
	const CIPHER    = 'aes-256-gcm';
	const PURPOSE   = 'relay key handover 1';
	const TAG_BYTES = 16;

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
	 * Takes the settings and the client.
	 *
	 * @param Settings       $settings The settings.
	 * @param Gateway_Client $client   The client.
	 */
	public function __construct( Settings $settings, Gateway_Client $client ) {
		$this->settings = $settings;
		$this->client   = $client;
	}

	/**
	 * Asks the gateway for the state of the key in use. The gateway stores nothing, so this also checks address, clock,
	 * key and signature without a test event.
	 *
	 * @return Gateway_Response Its json has status (one of the constants) and, for a newer key, until (Unix seconds).
	 */
	public function key_state() {
		return $this->request( $this->settings->key_id(), $this->settings->secret(), 'state', self::new_id() );
	}

	/**
	 * Why this plugin cannot fetch the new key, whatever the gateway answers; '' if it can.
	 *
	 * @return string
	 */
	public function blocked_reason() {
		if ( ! $this->settings->is_configured() ) {
			return __( 'The gateway address or the secret is missing. Enter both and save first.', 'relay-connector' );
		}
		foreach ( array( Settings::SECRET, Settings::KEY_ID ) as $option ) {
			$fixed = $this->settings->overridden_by( $option );
			if ( '' !== $fixed ) {
				/* translators: %s: name of a constant. */
				return sprintf( __( 'The key is set by %s in wp-config.php or the server\'s environment, and this plugin cannot change it. Copy the new key from Relay and enter it there.', 'relay-connector' ), $fixed );
			}
		}
		if ( ! function_exists( 'openssl_decrypt' ) || ! in_array( self::CIPHER, openssl_get_cipher_methods(), true ) ) {
			return __( 'PHP on this server has no OpenSSL with AES-256-GCM, which is needed to decrypt the new key. Copy the new key from Relay manually.', 'relay-connector' );
		}
		return '';
	}

	/**
	 * Fetches the new key, tests it, and replaces the old one.
	 *
	 * @return array With passed (bool) and text.
	 */
	public function fetch() {
		$reason = $this->blocked_reason();
		if ( '' !== $reason ) {
			return self::result( false, $reason );
		}
		$id       = self::new_id();
		$response = $this->request( $this->settings->key_id(), $this->settings->secret(), 'key', $id );
		if ( 200 !== $response->status || ! isset( $response->json['status'] ) ) {
			return self::result( false, $this->explain_refusal( $response ) );
		}
		if ( self::CURRENT === $response->json['status'] ) {
			return self::result( true, __( 'This site already uses the newest key, so there is nothing to fetch. Create a new key in Relay with "Rotate key" first.', 'relay-connector' ) );
		}
		if ( self::NEWER !== $response->json['status'] ) {
			return self::result( false, __( 'The current key is being retired, but Relay has no newer one for this site. Create one on your site\'s page in Relay.', 'relay-connector' ) );
		}
		$key = self::decrypt( $this->settings->secret(), $id, $response->json );
		if ( null === $key ) {
			return self::result( false, __( 'The gateway sent a new key that could not be decrypted, so the old key stays in use. Something between this site and Relay may have changed the response. Try again, or copy the new key manually.', 'relay-connector' ) );
		}
		$tried = $this->request( $key['key_id'], $key['secret'], 'state', self::new_id() );
		if ( 200 !== $tried->status ) {
			return self::result( false, __( 'The new key was received, but the gateway did not accept a request signed with it, so the old key stays in use. Try again in a minute.', 'relay-connector' ) );
		}
		$until = isset( $response->json['until'] ) ? (int) $response->json['until'] : 0;
		$this->settings->change_key( $key['key_id'], $key['secret'], $until );
		/* translators: 1: a key id, 2: fingerprint of a secret. */
		return self::result( true, sprintf( __( 'This site now uses the new key %1$s (fingerprint %2$s). It was tested before the change, and the gateway accepts it. You can revoke the old key in Relay.', 'relay-connector' ), $key['key_id'], $this->settings->fingerprint() ) );
	}

	/**
	 * Decrypts a new key.
	 *
	 * @param string $secret The old key's secret.
	 * @param string $id     The id of the request; a response to another request cannot be decrypted.
	 * @param array  $json   The gateway's response: salt, nonce and sealed, each in base64.
	 * @return array|null With key_id and secret.
	 */
	public static function decrypt( $secret, $id, array $json ) {
		$parts = array();
		foreach ( array( 'salt', 'nonce', 'sealed' ) as $name ) {
			$raw = isset( $json[ $name ] ) && is_string( $json[ $name ] ) ? base64_decode( $json[ $name ], true ) : false; // safe: bytes of a cipher, not code.
			if ( false === $raw || '' === $raw ) {
				return null;
			}
			$parts[ $name ] = $raw;
		}
		if ( strlen( $parts['sealed'] ) <= self::TAG_BYTES ) {
			return null;
		}
		$key   = hash_hkdf( 'sha256', $secret, 32, self::PURPOSE, $parts['salt'] );
		$text  = substr( $parts['sealed'], 0, -self::TAG_BYTES );
		$plain = openssl_decrypt( $text, self::CIPHER, $key, OPENSSL_RAW_DATA, $parts['nonce'], substr( $parts['sealed'], -self::TAG_BYTES ), $id );
		$found = false === $plain ? null : json_decode( $plain, true );
		$whole = is_array( $found ) && isset( $found['key_id'], $found['secret'] ) && is_string( $found['key_id'] ) && is_string( $found['secret'] );
		return $whole && strlen( $found['secret'] ) >= Settings::SHORTEST_SECRET ? $found : null;
	}

	/**
	 * Sends a key request to the gateway.
	 *
	 * @param string $key_id The key that signs.
	 * @param string $secret Its secret.
	 * @param string $want   Either state or key.
	 * @param string $id     The id of the request.
	 * @return Gateway_Response
	 */
	private function request( $key_id, $secret, $want, $id ) {
		$body = wp_json_encode(
			array(
				'want' => $want,
				'site' => home_url(),
			),
			JSON_UNESCAPED_SLASHES
		);
		return $this->client->post_key_request( $key_id, $secret, $id, (string) $body, self::TIMEOUT_S );
	}

	/**
	 * Why the gateway returned no key.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string
	 */
	private function explain_refusal( Gateway_Response $response ) {
		if ( 401 === $response->status && ! $response->is_html ) {
			return __( 'The gateway no longer accepts the current key (401): it has expired or was revoked. Create a new key in Relay with "Rotate key" and copy it to this page manually.', 'relay-connector' );
		}
		if ( in_array( $response->status, array( 404, 405 ), true ) ) {
			return __( 'This gateway cannot provide keys. It is probably an older version. Copy the new key from Relay manually, or update the gateway.', 'relay-connector' );
		}
		if ( 409 === $response->status && isset( $response->json['error'] ) && self::NOT_SENT === $response->json['error'] ) {
			return __( 'The gateway does not send the new key to this site (409): it sent the key before, or it does not know the address of this server. Copy the new key from Relay to this page manually. If nobody fetched the key here, tell the administrator of Relay.', 'relay-connector' );
		}
		if ( 429 === $response->status ) {
			return __( 'The gateway received too many requests (429). Try again in a minute.', 'relay-connector' );
		}
		return ( new Response_Classifier( $this->settings ) )->explain( $response );
	}

	/**
	 * A new request id.
	 *
	 * @return string
	 */
	private static function new_id() {
		return 'wp-key-' . wp_generate_uuid4();
	}

	/**
	 * Builds the result.
	 *
	 * @param bool   $passed Whether the newest key is in use.
	 * @param string $text   The explanation.
	 * @return array
	 */
	private static function result( $passed, $text ) {
		return compact( 'passed', 'text' );
	}
}
