<?php
/**
 * Listens for one submitted form.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Listening;

use Relay_Connector\Plugin;

defined( 'ABSPATH' ) || exit;

/**
 * After an admin has pressed "Listen", the next form that is sent from the same browser is examined. The browser is
 * recognized by a cookie, so that the entries of visitors are never examined. The result waits for the admin for half an
 * hour.
 */
final class Form_Listener {

	const COOKIE   = Plugin::LISTEN_COOKIE;
	const RESULT   = 'relay_connector_heard';
	const KEEP_S   = 1800;
	const MOST_RAW = 262144;

	/**
	 * The recorder of this request.
	 *
	 * @var Recorder|null
	 */
	private $recorder = null;

	/**
	 * Listens in requests of the browser that an admin has chosen. All others have no such cookie.
	 */
	public function add_hooks() {
		if ( isset( $_COOKIE[ self::COOKIE ], $_SERVER['REQUEST_METHOD'] ) && 'POST' === $_SERVER['REQUEST_METHOD'] ) {
			add_action( 'init', array( $this, 'start' ), -1000 );
		}
	}

	/**
	 * Starts a session for this browser.
	 */
	public static function begin() {
		$token = wp_generate_password( 40, false );
		Form_Sources::listen( $token );
		self::forget();
		self::send_cookie( $token, time() + Form_Sources::LISTEN_S );
	}

	/**
	 * Ends the session.
	 */
	public static function end() {
		Form_Sources::stop();
		self::forget();
		self::send_cookie( '', time() - DAY_IN_SECONDS );
	}

	/**
	 * What was found.
	 *
	 * @return array[]|null Null if no form was sent; an empty list if none of its values was found. See Recorder.
	 */
	public static function result() {
		$stored = get_transient( self::RESULT );
		$found  = is_string( $stored ) ? json_decode( $stored, true ) : null;
		return is_array( $found ) ? $found : null;
	}

	/**
	 * Deletes what was found.
	 */
	public static function forget() {
		delete_transient( self::RESULT );
	}

	/**
	 * Starts the recorder, if this request can be that of a form.
	 */
	public function start() {
		try {
			$token = isset( $_COOKIE[ self::COOKIE ] ) ? sanitize_text_field( wp_unslash( $_COOKIE[ self::COOKIE ] ) ) : '';
			if ( ! Form_Sources::listens_to( $token ) || ! $this->may_be_form() ) {
				return;
			}
			$recorder = new Recorder( $this->submitted() );
			if ( $recorder->has_values() ) {
				$this->recorder = $recorder;
				$recorder->start();
				add_action( 'shutdown', array( $this, 'finish' ), 0 );
			}
		} catch ( \Throwable $error ) {
			// The form must work in any case.
			unset( $error );
		}
	}

	/**
	 * Stores what was found, and ends the session if it is anything.
	 */
	public function finish() {
		$this->recorder->stop();
		$found = $this->recorder->found();
		if ( $found ) {
			set_transient( self::RESULT, wp_json_encode( $found ), self::KEEP_S );
			Form_Sources::stop();
		}
	}

	/**
	 * Whether the request is sent by a page of the site, and not by a page of wp-admin or a login.
	 *
	 * @return bool
	 */
	private function may_be_form() {
		global $pagenow;
		$action = isset( $_REQUEST['action'] ) ? sanitize_key( wp_unslash( $_REQUEST['action'] ) ) : ''; // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- The form of another plugin, which checks it.
		if ( wp_doing_cron() || 'wp-login.php' === $pagenow || 'heartbeat' === $action || 0 === strpos( $action, 'relay_connector_' ) ) {
			return false;
		}
		return ! is_admin() || wp_doing_ajax() || 'admin-post.php' === $pagenow;
	}

	/**
	 * The fields of the request: posted, or sent as JSON.
	 *
	 * @return array
	 */
	private function submitted() {
		// phpcs:ignore WordPress.Security.NonceVerification.Missing -- The form of another plugin, which checks it.
		$fields = wp_unslash( $_POST ); // safe: only compared.
		$type   = isset( $_SERVER['CONTENT_TYPE'] ) ? sanitize_text_field( wp_unslash( $_SERVER['CONTENT_TYPE'] ) ) : '';
		if ( ! $fields && false !== strpos( $type, 'json' ) ) {
			$json = json_decode( substr( (string) \WP_REST_Server::get_raw_data(), 0, self::MOST_RAW ), true );
			return is_array( $json ) ? $json : array();
		}
		return $this->with_nested( $fields );
	}

	/**
	 * The fields, and those that a form plugin has put into one text.
	 *
	 * @param array $fields The posted fields.
	 * @return array
	 */
	private function with_nested( array $fields ) {
		foreach ( $fields as $key => $value ) {
			if ( ! is_string( $value ) || strlen( $value ) > self::MOST_RAW ) {
				continue;
			}
			$inner = array();
			if ( '{' === substr( $value, 0, 1 ) || '[' === substr( $value, 0, 1 ) ) {
				$inner = json_decode( $value, true );
			} elseif ( 1 === preg_match( '/^[^=&\s]+=[^\s]*&/', $value ) ) {
				wp_parse_str( $value, $inner );
			}
			if ( is_array( $inner ) && $inner ) {
				$fields[ $key ] = $inner;
			}
		}
		return $fields;
	}

	/**
	 * Sends the cookie, for the whole site.
	 *
	 * @param string $value Its value.
	 * @param int    $until When it expires, in Unix seconds.
	 */
	private static function send_cookie( $value, $until ) {
		if ( ! headers_sent() ) {
			setcookie(
				self::COOKIE,
				$value,
				array(
					'expires'  => $until,
					'path'     => defined( 'SITECOOKIEPATH' ) && SITECOOKIEPATH ? SITECOOKIEPATH : '/',
					'domain'   => defined( 'COOKIE_DOMAIN' ) && COOKIE_DOMAIN ? COOKIE_DOMAIN : '',
					'secure'   => is_ssl(),
					'httponly' => true,
					'samesite' => 'Lax',
				)
			);
		}
	}
}
