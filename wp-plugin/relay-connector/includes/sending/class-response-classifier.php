<?php
/**
 * The meaning of a response.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * The only class that interprets a Gateway_Response. Each explanation says what happened, on whose side the cause is,
 * and what to do now.
 */
final class Response_Classifier {

	const ACCEPTED      = 'accepted';
	const DUPLICATE     = 'duplicate';
	const REFUSED       = 'refused';
	const UNAUTHORIZED  = 'unauthorized';
	const NOT_ALLOWED   = 'not_allowed';
	const GONE          = 'gone';
	const WRONG_ADDRESS = 'wrong_address';
	const LIMITED       = 'limited';
	const BUSY          = 'busy';
	const UNREACHABLE   = 'unreachable';

	/**
	 * The statuses of a gateway that has the event.
	 */
	const TAKEN = array( 'accepted', 'duplicate' );

	/**
	 * The gateway refuses a timestamp that differs by more than 300 s. The limit here is a little lower, because the
	 * response takes time.
	 */
	const CLOCK_LIMIT_S = 290;
	const CLOCK_WARN_S  = 60;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The address that was called.
	 *
	 * @var string
	 */
	private $url;

	/**
	 * Takes the address and the fingerprint for the explanations.
	 *
	 * @param Settings $settings The settings.
	 * @param string   $url      The address that was called; '' for the one for events.
	 */
	public function __construct( Settings $settings, $url = '' ) {
		$this->settings = $settings;
		$this->url      = '' === $url ? $settings->endpoint() : $url;
	}

	/**
	 * Classifies a response.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string One of the constants.
	 */
	public function classify( Gateway_Response $response ) {
		$status = $response->status;
		if ( 0 === $status ) {
			$wrong = array( Gateway_Response::ADDRESS, Gateway_Response::INTERNAL_ADDRESS );
			return in_array( $response->failure, $wrong, true ) ? self::WRONG_ADDRESS : self::UNREACHABLE;
		}
		if ( $status >= 200 && $status < 300 ) {
			// Many servers answer 200 to everything: parked domains, load balancers, other APIs. Treating them as a gateway would
			// lose every event, so only a gateway's own status values count.
			return self::has_value( $response, 'status', self::TAKEN ) ? self::ACCEPTED : self::WRONG_ADDRESS;
		}
		if ( 409 === $status ) {
			return self::has_value( $response, 'status', self::TAKEN ) || self::has_value( $response, 'error', array( 'event_id_conflict' ) ) ? self::DUPLICATE : self::WRONG_ADDRESS;
		}
		$known = array(
			401 => self::UNAUTHORIZED,
			403 => self::NOT_ALLOWED,
			404 => self::WRONG_ADDRESS,
			405 => self::WRONG_ADDRESS,
			408 => self::BUSY,
			410 => self::GONE,
			413 => self::REFUSED,
			425 => self::BUSY,
			429 => self::LIMITED,
		);
		if ( isset( $known[ $status ] ) ) {
			return $known[ $status ];
		}
		if ( $status >= 500 ) {
			return self::BUSY;
		}
		return $response->is_html || $status < 400 ? self::WRONG_ADDRESS : self::REFUSED;
	}

	/**
	 * Explains a response.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string One or more sentences.
	 */
	public function explain( Gateway_Response $response ) {
		switch ( $this->classify( $response ) ) {
			case self::ACCEPTED:
				return $this->explain_accepted( $response );
			case self::DUPLICATE:
				return __( 'The gateway already has an event with this ID. You do not have to do anything.', 'relay-connector' );
			case self::UNAUTHORIZED:
				return $this->explain_unauthorized( $response );
			case self::NOT_ALLOWED:
				return $this->explain_not_allowed( $response );
			case self::GONE:
				return __( 'The gateway reports that this address no longer exists (410). The site was probably removed in Relay. Add it there again and copy the new address, key ID and secret to this page.', 'relay-connector' );
			case self::WRONG_ADDRESS:
				return $this->explain_wrong_address( $response );
			case self::LIMITED:
				/* translators: %s: a length of time, such as "2 minutes". */
				return sprintf( __( 'The gateway does not accept more events from this site at the moment, because the site\'s rate limit is reached (429). Events wait on this site and are sent later, in %s at the earliest. If this happens often, raise the limit of this site in Relay.', 'relay-connector' ), $this->duration_text( max( 1, $response->retry_after_s ) ) );
			case self::BUSY:
				/* translators: %d: HTTP status. */
				return sprintf( __( 'The gateway was reached but cannot accept the event right now (status %d). The problem is on the gateway\'s side; this site works correctly. Events wait on this site and are retried automatically. If the problem lasts, check the gateway\'s log.', 'relay-connector' ), $response->status );
			case self::REFUSED:
				return $this->explain_refused( $response );
			default:
				return $this->explain_unreachable( $response );
		}
	}

	/**
	 * Whether a field of the response has one of the expected values.
	 *
	 * @param Gateway_Response $response The response.
	 * @param string           $name     Either status or error.
	 * @param string[]         $words    The expected values.
	 * @return bool
	 */
	private static function has_value( Gateway_Response $response, $name, array $words ) {
		return isset( $response->json[ $name ] ) && in_array( $response->json[ $name ], $words, true );
	}

	/**
	 * The event was accepted.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string
	 */
	private function explain_accepted( Gateway_Response $response ) {
		/* translators: %d: milliseconds. */
		$text = sprintf( __( 'The gateway accepted the event after %d ms.', 'relay-connector' ), $response->took_ms );
		if ( null !== $response->clock_ahead_s && abs( $response->clock_ahead_s ) > self::CLOCK_WARN_S ) {
			$text .= ' ' . $this->explain_clock( $response ) . ' ' . __( 'This is still accepted, but have the clock synchronized before the difference grows.', 'relay-connector' );
		}
		return $text;
	}

	/**
	 * The signature or the time is wrong. The gateway never says which, so the clocks are compared here.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string
	 */
	private function explain_unauthorized( Gateway_Response $response ) {
		if ( $response->is_html ) {
			return __( 'The gateway is behind a login page (401, with a web page). Something between this site and Relay asks for a password. Allow requests to the gateway address without a password; Relay verifies the signature itself.', 'relay-connector' );
		}
		if ( null !== $response->clock_ahead_s && abs( $response->clock_ahead_s ) >= self::CLOCK_LIMIT_S ) {
			return $this->explain_clock( $response ) . ' ' . __( 'The gateway rejects events with a timestamp that differs by more than 5 minutes (401). Ask your host to synchronize the clock (NTP), then send a test event. The key may be correct.', 'relay-connector' );
		}
		return sprintf(
			/* translators: 1: what is said about the key id, 2: fingerprint of the secret. */
			__( 'The gateway does not accept the signature (401). It does not say why. Check that the key ID (%1$s) and the secret belong to the same key of this site in Relay, that Relay shows the fingerprint %2$s for this key, and that the key is not revoked or expired. If in doubt, rotate the key in Relay and copy the new key ID and secret to this page.', 'relay-connector' ),
			/* translators: %s: a key id. */
			'' === $this->settings->key_id() ? __( 'not set', 'relay-connector' ) : $this->settings->key_id(),
			$this->settings->fingerprint()
		) . ( null === $response->clock_ahead_s ? '' : ' ' . __( 'The clocks agree, so the time is not the cause.', 'relay-connector' ) );
	}

	/**
	 * This server's address is not on the allowlist.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string
	 */
	private function explain_not_allowed( Gateway_Response $response ) {
		if ( $response->is_html ) {
			return __( 'Something in front of the gateway blocks this site (403, with a web page), probably a firewall or a bot check. Allow requests to the gateway address there.', 'relay-connector' );
		}
		return __( 'The gateway does not accept events from this server\'s IP address (403). Add the outgoing IP address of this web server to the allowed addresses of this site in Relay. Relay shows it with the rejected request, and your host knows it.', 'relay-connector' );
	}

	/**
	 * The address does not lead to a Relay gateway.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string
	 */
	private function explain_wrong_address( Gateway_Response $response ) {
		if ( Gateway_Response::ADDRESS === $response->failure ) {
			return $response->detail;
		}
		if ( Gateway_Response::INTERNAL_ADDRESS === $response->failure ) {
			$address = new Gateway_Address( $this->url );
			return sprintf(
				/* translators: 1: IP address, 2: host name and port. */
				__( 'The gateway address leads to %1$s, which is inside this server\'s own network, so nothing was sent. If your gateway is there, add this line to wp-config.php: define( \'RELAY_CONNECTOR_ALLOW_HOST\', \'%2$s\' );', 'relay-connector' ),
				$response->detail,
				$address->host() . ':' . $address->port()
			);
		}
		if ( $response->status >= 300 && $response->status < 400 ) {
			/* translators: 1: HTTP status, 2: web address. */
			return sprintf( __( 'The gateway address redirects to another address (status %1$d, %2$s). Signed events do not follow redirects. Enter the final address on this page.', 'relay-connector' ), $response->status, '' === $response->location ? '?' : $response->location );
		}
		if ( $response->json && 404 === $response->status ) {
			return __( 'The gateway responds but does not know this address (404). Copy the address again from your site\'s page in Relay: it must end with the name of the site.', 'relay-connector' );
		}
		/* translators: %d: HTTP status. */
		return sprintf( __( 'A web server responds at this address, but it is not a Relay gateway (status %d, not a gateway\'s response). Check the address: it usually ends with /webhooks/wp, or with /webhooks/wp/ and the name of your site. Copy it from your site\'s page in Relay.', 'relay-connector' ), $response->status );
	}

	/**
	 * The gateway refuses this event.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string
	 */
	private function explain_refused( Gateway_Response $response ) {
		if ( 413 === $response->status ) {
			return __( 'The event is larger than the gateway accepts (413). It is kept on this site and is not retried automatically. Raise the size limit of the gateway, then choose "Try again".', 'relay-connector' );
		}
		/* translators: 1: HTTP status, 2: the gateway's error message. */
		return sprintf( __( 'The gateway accepted the signature but rejects this event (status %1$d: %2$s). The event is kept on this site and is not retried automatically. The plugin and the gateway probably have different versions: update the older one, then choose "Try again".', 'relay-connector' ), $response->status, $this->gateway_message( $response->json ) );
	}

	/**
	 * There was no response.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string
	 */
	private function explain_unreachable( Gateway_Response $response ) {
		$address = new Gateway_Address( $this->url );
		$place   = $address->host() . ':' . $address->port();
		switch ( $response->failure ) {
			case Gateway_Response::NAME_NOT_FOUND:
				/* translators: %s: host name. */
				return sprintf( __( 'The host name %s cannot be resolved (DNS). Check the gateway address for typos. If it is correct, its DNS record (an IPv4 address) is missing, or DNS does not work on this server: ask your host.', 'relay-connector' ), $address->host() );
			case Gateway_Response::REFUSED:
				/* translators: %s: host and port. */
				return sprintf( __( 'Nothing is listening at %s: the connection was refused. The gateway is not running, or the port in the address is wrong. Start the gateway or correct the address.', 'relay-connector' ), $place );
			case Gateway_Response::TIMED_OUT:
				/* translators: 1: host and port, 2: seconds. */
				return sprintf( __( '%1$s did not respond within %2$d seconds. A firewall may be dropping the connection, or the gateway is not responding. Check that the gateway is running, then ask your host whether this server can connect to it.', 'relay-connector' ), $place, $response->timeout_s );
			case Gateway_Response::TLS:
				/* translators: 1: host and port, 2: technical detail. */
				return sprintf( __( 'No secure connection (TLS) to %1$s: its certificate has expired, is for another name, or is signed by an authority that this server does not trust. Renew the gateway\'s certificate. Details: %2$s', 'relay-connector' ), $place, $response->detail );
			case Gateway_Response::BLOCKED_HERE:
				/* translators: %s: host name. */
				return sprintf( __( 'This site blocks the request itself. If wp-config.php sets WP_HTTP_BLOCK_EXTERNAL, add %s to WP_ACCESSIBLE_HOSTS there. Otherwise a security plugin blocks it: allow the gateway in its settings.', 'relay-connector' ), $address->host() );
			default:
				/* translators: 1: host and port, 2: technical detail. */
				return sprintf( __( 'The connection to %1$s was closed before a response was received. The event waits on this site and is retried automatically. If the problem lasts, check the log of the gateway and of any proxy in front of it. Details: %2$s', 'relay-connector' ), $place, $response->detail );
		}
	}

	/**
	 * The difference between the two clocks.
	 *
	 * @param Gateway_Response $response The response.
	 * @return string
	 */
	public function explain_clock( Gateway_Response $response ) {
		$gap = $this->duration_text( abs( (int) $response->clock_ahead_s ) );
		return $response->clock_ahead_s > 0
			/* translators: %s: a length of time. */
			? sprintf( __( 'The clock of this web server is %s ahead of the gateway\'s clock.', 'relay-connector' ), $gap )
			/* translators: %s: a length of time. */
			: sprintf( __( 'The clock of this web server is %s behind the gateway\'s clock.', 'relay-connector' ), $gap );
	}

	/**
	 * A duration as text.
	 *
	 * @param int $seconds The duration.
	 * @return string
	 */
	private function duration_text( $seconds ) {
		if ( $seconds < 60 ) {
			/* translators: %d: number of seconds. */
			return sprintf( _n( '%d second', '%d seconds', $seconds, 'relay-connector' ), $seconds );
		}
		return human_time_diff( 0, $seconds );
	}

	/**
	 * The gateway's error as one short text.
	 *
	 * @param array $json The decoded body.
	 * @return string
	 */
	private function gateway_message( array $json ) {
		$words = array();
		array_walk_recursive(
			$json,
			static function ( $value, $key ) use ( &$words ) {
				if ( is_scalar( $value ) ) {
					$words[] = is_int( $key ) || in_array( $key, array( 'error', 'detail' ), true ) ? (string) $value : $key . ': ' . $value;
				}
			}
		);
		// Lists of reasons lose their field names above, so the names are added in front.
		$fields = isset( $json['detail'] ) && is_array( $json['detail'] ) ? implode( ', ', array_keys( $json['detail'] ) ) . ': ' : '';
		$text   = $words ? $words[0] . ( count( $words ) > 1 ? ', ' . $fields . implode( '; ', array_slice( $words, 1 ) ) : '' ) : __( 'no reason given', 'relay-connector' );
		return mb_substr( $text, 0, 300 );
	}
}
