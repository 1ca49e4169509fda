<?php
/**
 * The REST route for results from the gateway.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Results;

use Relay_Connector\Keys\Signer;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Settings;
use Relay_Connector\Status\Connection_Test;

defined( 'ABSPATH' ) || exit;

/**
 * The gateway posts the result of an event to relay-connector/v1/callback, signed with this site's own key:
 *
 *   X-Relay-Timestamp  Unix seconds, at most five minutes off
 *   X-Relay-Key-Id     the key that signed; only informative
 *   X-Relay-Signature  base64 of HMAC-SHA256(secret, timestamp + "." + raw body); several, separated by spaces,
 *                      during a rotation
 *
 * The body is {"event_id", "event", "delivery", "result": {…}}. Each delivery takes effect once. With "test": true, or
 * for a test event, the request is only verified.
 */
final class Result_Callback {

	const REST_NAMESPACE = 'relay-connector/v1';
	const ROUTE          = '/callback';
	const WINDOW_S       = 300;
	const LARGEST_BODY   = 262144;

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
	 * Takes the keys and the events that were sent.
	 *
	 * @param Settings $settings The settings.
	 * @param Outbox   $outbox   The outbox.
	 */
	public function __construct( Settings $settings, Outbox $outbox ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
	}

	/**
	 * Adds the route. Only requests signed with a key of this site are accepted.
	 */
	public function add_route() {
		register_rest_route(
			self::REST_NAMESPACE,
			self::ROUTE,
			array(
				'methods'             => 'POST',
				'callback'            => array( $this, 'handle' ),
				'permission_callback' => array( $this, 'verify_signature' ),
			)
		);
	}

	/**
	 * The URL that the gateway calls. It also works without pretty permalinks.
	 *
	 * @return string
	 */
	public static function url() {
		return home_url( '/?rest_route=/' . self::REST_NAMESPACE . self::ROUTE );
	}

	/**
	 * Whether a request is recent and signed with a key of this site.
	 *
	 * @param \WP_REST_Request $request The request.
	 * @return true|\WP_Error
	 */
	public function verify_signature( $request ) {
		$body      = (string) $request->get_body();
		$timestamp = (string) $request->get_header( 'x-relay-timestamp' );
		$given     = preg_split( '/ +/', trim( (string) $request->get_header( 'x-relay-signature' ) ), 8 );
		if ( strlen( $body ) > self::LARGEST_BODY ) {
			return new \WP_Error( 'relay_connector_too_large', __( 'The request body is too large.', 'relay-connector' ), array( 'status' => 413 ) );
		}
		$is_fresh = preg_match( '/^[0-9]{1,12}\z/', $timestamp ) && abs( time() - (int) $timestamp ) <= self::WINDOW_S;
		foreach ( $this->settings->secrets() as $secret ) {
			$expected = Signer::sign( $secret, $timestamp, $body );
			foreach ( $given as $signature ) {
				if ( hash_equals( $expected, $signature ) && $is_fresh ) {
					return true;
				}
			}
		}
		// The same response for every cause.
		return new \WP_Error( 'relay_connector_unauthorized', __( 'The signature or the timestamp is not valid.', 'relay-connector' ), array( 'status' => 401 ) );
	}

	/**
	 * Processes one result and fires the action for it.
	 *
	 * @param \WP_REST_Request $request A request that verify_signature() has accepted.
	 * @return \WP_REST_Response
	 */
	public function handle( $request ) {
		$message = json_decode( (string) $request->get_body(), true );
		$problem = self::invalid_field( $message );
		if ( '' !== $problem ) {
			/* translators: %s: name of a field. */
			return self::error_response( 400, 'invalid_body', sprintf( __( 'The body is not a valid result: check %s.', 'relay-connector' ), $problem ) );
		}
		if ( ! empty( $message['test'] ) || Connection_Test::TYPE === $message['event'] ) {
			return self::respond( 200, array( 'status' => 'tested' ) );
		}
		$sent = $this->outbox->find_by_event_id( $message['event_id'] );
		if ( ! $sent || $sent->event_type !== $message['event'] ) {
			return self::error_response( 422, 'unknown_event', __( 'This site has not sent this event, or it is no longer stored.', 'relay-connector' ) );
		}
		$claim = new Delivery_Claim( $message['delivery'] );
		if ( ! $claim->acquire() ) {
			return $claim->is_done()
				? self::respond( 200, array( 'status' => 'duplicate' ) )
				: self::error_response( 503, 'in_progress', __( 'Another request is processing this result.', 'relay-connector' ), Delivery_Claim::LEASE_S );
		}
		try {
			/**
			 * Fires once for each delivery of a result for an event of this site.
			 *
			 * @param string                              $event_type Such as comment.created.
			 * @param string                              $event_id   The event's id.
			 * @param array                               $result     The result from the gateway.
			 * @param \WP_Comment|\WP_User|\WC_Order|null $what       The object of the event, if it still exists.
			 */
			do_action( 'relay_connector_result', $message['event'], $message['event_id'], $message['result'], $this->subject( $sent ) );
		} catch ( \Throwable $error ) {
			$claim->release();
			return self::error_response( 500, 'listener_failed', __( 'Another plugin on this site failed to process this result. Send it again after the problem is fixed.', 'relay-connector' ) );
		}
		$claim->finish();
		return self::respond( 200, array( 'status' => 'accepted' ) );
	}

	/**
	 * The name of the first invalid field, '' if all are valid.
	 *
	 * @param mixed $message The decoded body.
	 * @return string
	 */
	private static function invalid_field( $message ) {
		foreach ( array( 'event_id', 'event', 'delivery' ) as $name ) {
			if ( ! isset( $message[ $name ] ) || ! is_string( $message[ $name ] ) || ! preg_match( '/^[A-Za-z0-9._:-]{1,128}\z/', $message[ $name ] ) ) {
				return $name;
			}
		}
		return isset( $message['result'] ) && is_array( $message['result'] ) ? '' : 'result';
	}

	/**
	 * The object of an event.
	 *
	 * @param object $sent A row of the outbox.
	 * @return object|null
	 */
	private function subject( $sent ) {
		$id    = (int) $sent->object_id;
		$found = null;
		if ( 0 === strpos( $sent->event_type, 'comment.' ) ) {
			$found = get_comment( $id );
		} elseif ( 0 === strpos( $sent->event_type, 'user.' ) ) {
			$found = get_userdata( $id );
		} elseif ( 0 === strpos( $sent->event_type, 'order.' ) && function_exists( 'wc_get_order' ) ) {
			$found = wc_get_order( $id );
		}
		return $found ? $found : null;
	}

	/**
	 * An error response in the format of the REST API.
	 *
	 * @param int    $status        HTTP status.
	 * @param string $code          The error code.
	 * @param string $message       The error message.
	 * @param int    $retry_after_s Seconds for Retry-After, 0 for none.
	 * @return \WP_REST_Response
	 */
	private static function error_response( $status, $code, $message, $retry_after_s = 0 ) {
		$response = self::respond(
			$status,
			array(
				'code'    => 'relay_connector_' . $code,
				'message' => $message,
				'data'    => array( 'status' => $status ),
			)
		);
		if ( $retry_after_s ) {
			$response->header( 'Retry-After', (string) $retry_after_s );
		}
		return $response;
	}

	/**
	 * A response that must not be cached.
	 *
	 * @param int   $status HTTP status.
	 * @param array $body   The body.
	 * @return \WP_REST_Response
	 */
	private static function respond( $status, array $body ) {
		$response = new \WP_REST_Response( $body, $status );
		$response->header( 'Cache-Control', 'no-store' );
		return $response;
	}
}
