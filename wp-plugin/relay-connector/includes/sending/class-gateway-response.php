<?php
/**
 * The response.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

/**
 * The result of one request: an HTTP response, or the reason why there is none.
 */
final class Gateway_Response {

	const ADDRESS          = 'address';
	const NAME_NOT_FOUND   = 'name_not_found';
	const INTERNAL_ADDRESS = 'internal_address';
	const REFUSED          = 'refused';
	const TIMED_OUT        = 'timed_out';
	const TLS              = 'tls';
	const BLOCKED_HERE     = 'blocked_here';
	const BROKEN_OFF       = 'broken_off';

	/**
	 * The longest Retry-After that is honored.
	 */
	const LONGEST_WAIT_S = 86400;

	/**
	 * HTTP status, 0 if there was no response.
	 *
	 * @var int
	 */
	public $status = 0;

	/**
	 * One of the constants above if there was no response.
	 *
	 * @var string
	 */
	public $failure = '';

	/**
	 * Detail of the failure: a host, an address or the transport's error message.
	 *
	 * @var string
	 */
	public $detail = '';

	/**
	 * The decoded JSON body, empty if it is not JSON.
	 *
	 * @var array
	 */
	public $json = array();

	/**
	 * Whether the response is a web page, which a gateway never sends.
	 *
	 * @var bool
	 */
	public $is_html = false;

	/**
	 * The target of a redirect.
	 *
	 * @var string
	 */
	public $location = '';

	/**
	 * Seconds from Retry-After, 0 if there is none.
	 *
	 * @var int
	 */
	public $retry_after_s = 0;

	/**
	 * Seconds by which this site's clock is ahead of the gateway's; null if the response had no Date header.
	 *
	 * @var int|null
	 */
	public $clock_ahead_s = null;

	/**
	 * Duration of the request.
	 *
	 * @var int
	 */
	public $took_ms = 0;

	/**
	 * Timeout of the request.
	 *
	 * @var int
	 */
	public $timeout_s = 0;

	/**
	 * Nothing was sent, because the address may not be called.
	 *
	 * @param string $failure One of the constants.
	 * @param string $detail  The detail.
	 * @return self
	 */
	public static function not_sent( $failure, $detail ) {
		$result          = new self();
		$result->failure = $failure;
		$result->detail  = $detail;
		return $result;
	}

	/**
	 * There was no response.
	 *
	 * @param \WP_Error $error     The transport's error.
	 * @param int       $took_ms   Duration of the request.
	 * @param int       $timeout_s Timeout of the request.
	 * @return self
	 */
	public static function failed( \WP_Error $error, $took_ms, $timeout_s ) {
		$text  = $error->get_error_message();
		$codes = array(
			6  => self::NAME_NOT_FOUND,
			7  => self::REFUSED,
			28 => self::TIMED_OUT,
			35 => self::TLS,
			51 => self::TLS,
			53 => self::TLS,
			58 => self::TLS,
			59 => self::TLS,
			60 => self::TLS,
			77 => self::TLS,
			83 => self::TLS,
		);

		$failure = self::BROKEN_OFF;
		if ( 'http_request_not_executed' === $error->get_error_code() ) {
			$failure = self::BLOCKED_HERE;
		} elseif ( preg_match( '/cURL error (\d+)/', $text, $found ) ) {
			$failure = isset( $codes[ (int) $found[1] ] ) ? $codes[ (int) $found[1] ] : self::BROKEN_OFF;
		} elseif ( preg_match( '/ssl|tls|certificate/i', $text ) ) {
			$failure = self::TLS;
		} elseif ( preg_match( '/timed? ?out/i', $text ) ) {
			$failure = self::TIMED_OUT;
		} elseif ( preg_match( '/refused/i', $text ) ) {
			$failure = self::REFUSED;
		}
		$result            = self::not_sent( $failure, $text );
		$result->took_ms   = $took_ms;
		$result->timeout_s = $timeout_s;
		return $result;
	}

	/**
	 * A response was received.
	 *
	 * @param array $response What WordPress's HTTP functions return.
	 * @param int   $took_ms  Duration of the request.
	 * @param int   $now      Unix seconds on this site's clock.
	 * @return self
	 */
	public static function received( array $response, $took_ms, $now ) {
		$body = (string) wp_remote_retrieve_body( $response );
		$json = json_decode( $body, true );

		$result                = new self();
		$result->status        = (int) wp_remote_retrieve_response_code( $response );
		$result->took_ms       = $took_ms;
		$result->json          = is_array( $json ) ? $json : array();
		$result->is_html       = false !== stripos( self::header( $response, 'content-type' ), 'html' ) || '<' === substr( ltrim( $body ), 0, 1 );
		$result->location      = self::header( $response, 'location' );
		$result->retry_after_s = self::seconds( self::header( $response, 'retry-after' ), $now );
		$date                  = strtotime( self::header( $response, 'date' ) );
		$result->clock_ahead_s = $date ? $now - $date : null;
		return $result;
	}

	/**
	 * One header as text; of a repeated header, the last value.
	 *
	 * @param array  $response What WordPress's HTTP functions return.
	 * @param string $name     The header.
	 * @return string
	 */
	private static function header( array $response, $name ) {
		$value = wp_remote_retrieve_header( $response, $name );
		return is_array( $value ) ? (string) end( $value ) : (string) $value;
	}

	/**
	 * A Retry-After header in seconds. It can be a number or a date.
	 *
	 * @param string $value The header.
	 * @param int    $now   Unix seconds.
	 * @return int 0 if there is none.
	 */
	private static function seconds( $value, $now ) {
		$value = trim( $value );
		if ( '' === $value ) {
			return 0;
		}
		$wait = ctype_digit( $value ) ? (int) $value : (int) strtotime( $value ) - $now;
		return max( 0, min( self::LONGEST_WAIT_S, $wait ) );
	}
}
