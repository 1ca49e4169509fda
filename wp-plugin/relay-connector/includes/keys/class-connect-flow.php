<?php
/**
 * Connecting with a button.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Keys;

use Relay_Connector\Ascii;
use Relay_Connector\Events\Plain_Text;
use Relay_Connector\Sending\Gateway_Address;
use Relay_Connector\Sending\Gateway_Client;
use Relay_Connector\Sending\Gateway_Response;
use Relay_Connector\Sending\Response_Classifier;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Opens Relay in the admin's browser, where an admin of Relay allows this site, and exchanges the one-time code for the
 * key, from server to server. The steps are those of the OAuth authorization code flow with PKCE; docs/connect.md of
 * Relay specifies them.
 */
final class Connect_Flow {

	const STATE = 'relay_state';
	const CODE  = 'relay_code';
	const ERROR = 'relay_error';

	const TRANSIENT    = 'relay_connector_connect_';
	const TYPED        = 'relay_connector_typed_';
	const LIFETIME_S   = 600;
	const TIMEOUT_S    = 15;
	const LONGEST_NAME = 100;

	/**
	 * Parts of the paths of Relay that people copy together with its address.
	 */
	const OWN_PATHS = '#/(webhooks|sources|destinations|events|connect|sign-in|dead-letters)(/.*)?$#';

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
	 * The address of Relay in a text that a person has typed: a host, a page of Relay, or a gateway address.
	 *
	 * @param string $typed The text.
	 * @return string
	 */
	public static function address_of( $typed ) {
		$typed = trim( (string) $typed );
		if ( '' !== $typed && ! preg_match( '#^[a-z][a-z0-9+.-]*://#i', $typed ) ) {
			$typed = 'https://' . $typed;
		}
		$typed = (string) preg_replace( '/[?#].*$/', '', esc_url_raw( $typed, array( 'http', 'https' ) ) );
		return rtrim( (string) preg_replace( self::OWN_PATHS, '', $typed ), '/' );
	}

	/**
	 * Begins: remembers who asked, and for what, for ten minutes.
	 *
	 * @param string $address What the admin typed as the address of Relay.
	 * @param string $back    The page to return to.
	 * @return array With problem (a message, or '') and url (where the browser goes).
	 */
	public function start( $address, $back ) {
		set_transient( self::TYPED . get_current_user_id(), Ascii::encode( $address ), self::LIFETIME_S );
		$address = self::address_of( $address );
		$problem = $this->problem( $address, $back );
		if ( '' !== $problem ) {
			return array(
				'problem' => $problem,
				'url'     => '',
			);
		}
		$state    = self::random();
		$verifier = self::random();
		set_transient( self::key(), compact( 'state', 'verifier', 'address' ), self::LIFETIME_S );
		$values = array(
			'site'      => home_url(),
			'return'    => $back,
			'state'     => $state,
			'challenge' => self::base64url( hash( 'sha256', $verifier, true ) ),
			'name'      => mb_substr( Plain_Text::from_title( get_bloginfo( 'name' ) ), 0, self::LONGEST_NAME ),
		);
		return array(
			'problem' => '',
			'url'     => $address . '/connect?' . http_build_query( $values, '', '&', PHP_QUERY_RFC3986 ),
		);
	}

	/**
	 * What this user typed as the address of Relay, until the site is connected. After an error it can be corrected.
	 *
	 * @return string '' if nothing was typed in the last ten minutes.
	 */
	public static function typed() {
		$typed = Ascii::decode( get_transient( self::TYPED . get_current_user_id() ) );
		return is_string( $typed ) ? $typed : '';
	}

	/**
	 * Deletes what this user typed, because the site is connected.
	 */
	public static function forget_typed() {
		delete_transient( self::TYPED . get_current_user_id() );
	}

	/**
	 * Ends: checks that this user asked, and exchanges the code. The code and what start() remembered are used once.
	 *
	 * @param string $state The state that came back.
	 * @param string $code  The code, or ''.
	 * @param string $error The error, or ''.
	 * @return array With passed, text and name (what the site is called in Relay).
	 */
	public function finish( $state, $code, $error ) {
		$asked = get_transient( self::key() );
		if ( ! is_array( $asked ) || ! isset( $asked['state'] ) || ! hash_equals( $asked['state'], $state ) ) {
			return self::result( false, __( 'This request to connect is more than ten minutes old, was already used, or was started by another user. Nothing was changed. Choose "Connect to Relay" again.', 'relay-connector' ) );
		}
		delete_transient( self::key() );
		if ( '' !== $error || '' === $code ) {
			return self::result( false, __( 'The request was refused in Relay. Nothing was changed. An admin of Relay can allow it: choose "Connect to Relay" again, or ask for a connection string.', 'relay-connector' ) );
		}
		$url      = $asked['address'] . '/connect/token';
		$body     = array(
			'code'     => $code,
			'verifier' => $asked['verifier'],
			'site'     => home_url(),
		);
		$response = $this->client->post_json( $url, (string) wp_json_encode( $body, JSON_UNESCAPED_SLASHES ), self::TIMEOUT_S );
		$values   = 200 === $response->status ? Connection_String::members( $response->json ) : null;
		if ( ! $values ) {
			return self::result( false, $this->explain( $response, $url ) );
		}
		$problem = $this->settings->connect( $values );
		if ( '' === $problem ) {
			self::forget_typed();
		}
		$name    = isset( $response->json['name'] ) && is_string( $response->json['name'] ) ? sanitize_text_field( $response->json['name'] ) : '';
		return self::result( '' === $problem, $problem, $name );
	}

	/**
	 * Why the browser is not sent to Relay.
	 *
	 * @param string $address The address of Relay.
	 * @param string $back    The page to return to.
	 * @return string A message, or ''.
	 */
	private function problem( $address, $back ) {
		$problem = $this->settings->blocked_reason();
		if ( '' !== $problem ) {
			return $problem;
		}
		if ( '' === $address ) {
			return __( 'The address of Relay is missing. Enter the address at which you open Relay in your browser, such as https://relay.example.com.', 'relay-connector' );
		}
		if ( self::origin( home_url() ) !== self::origin( $back ) ) {
			return __( 'The admin pages of this site have another host than its front page, so Relay cannot return to them. Use a connection string instead.', 'relay-connector' );
		}
		$place   = new Gateway_Address( $address );
		$problem = $place->format_problem();
		if ( '' !== $problem ) {
			return $problem;
		}
		$response = $this->client->check_address( $address );
		return $response ? ( new Response_Classifier( $this->settings, $address ) )->explain( $response ) : '';
	}

	/**
	 * Why there is no key.
	 *
	 * @param Gateway_Response $response The response.
	 * @param string           $url      The address that was called.
	 * @return string
	 */
	private function explain( Gateway_Response $response, $url ) {
		$error = isset( $response->json['error'] ) ? $response->json['error'] : '';
		$host  = ( new Gateway_Address( $url ) )->host();
		if ( 'invalid_code' === $error ) {
			return __( 'Relay did not accept the code. A code is valid for five minutes and works once. Nothing was changed. Choose "Connect to Relay" again.', 'relay-connector' );
		}
		if ( 'https_required' === $error ) {
			return __( 'Relay gives the key only over https (426). Enter the address of Relay with https://. If it has none, the administrator of Relay must set it up.', 'relay-connector' );
		}
		if ( 429 === $response->status ) {
			return __( 'Relay received too many attempts to connect from this server (429). Nothing was changed. Wait a minute, then choose "Connect to Relay" again.', 'relay-connector' );
		}
		if ( 200 === $response->status || in_array( $response->status, array( 400, 404, 405 ), true ) || $response->is_html ) {
			/* translators: 1: host name, 2: HTTP status. */
			return sprintf( __( '%1$s responded, but not as Relay does when a site connects (status %2$d). The address may be wrong, or Relay is an older version. Check the address, or use a connection string.', 'relay-connector' ), $host, $response->status );
		}
		if ( $response->status >= 500 ) {
			/* translators: 1: host name, 2: HTTP status. */
			return sprintf( __( '%1$s cannot answer right now (status %2$d). The problem is on the side of Relay. Nothing was changed. Choose "Connect to Relay" again in a minute.', 'relay-connector' ), $host, $response->status );
		}
		return ( new Response_Classifier( $this->settings, $url ) )->explain( $response );
	}

	/**
	 * Scheme, host and port of an address.
	 *
	 * @param string $url The address.
	 * @return string
	 */
	private static function origin( $url ) {
		$place = new Gateway_Address( $url );
		return wp_parse_url( $url, PHP_URL_SCHEME ) . '://' . $place->host() . ':' . $place->port();
	}

	/**
	 * A random text of 43 characters.
	 *
	 * @return string
	 */
	private static function random() {
		return self::base64url( random_bytes( 32 ) );
	}

	/**
	 * Bytes in base64url without padding.
	 *
	 * @param string $bytes The bytes.
	 * @return string
	 */
	private static function base64url( $bytes ) {
		return rtrim( strtr( base64_encode( $bytes ), '+/', '-_' ), '=' );
	}

	/**
	 * The name of the transient of the current user.
	 *
	 * @return string
	 */
	private static function key() {
		return self::TRANSIENT . get_current_user_id();
	}

	/**
	 * Builds the result.
	 *
	 * @param bool   $passed Whether the site is connected.
	 * @param string $text   The explanation, if it is not.
	 * @param string $name   What the site is called in Relay.
	 * @return array
	 */
	private static function result( $passed, $text, $name = '' ) {
		return compact( 'passed', 'text', 'name' );
	}
}
