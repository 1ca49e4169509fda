<?php
/**
 * The handlers of the buttons on the settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Keys\Connect_Flow;
use Relay_Connector\Keys\Connection_String;
use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Settings;
use Relay_Connector\Status\Connection_Test;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * One method per button. Each checks the nonce and the capability, then redirects to the settings page.
 */
final class Admin_Actions {

	const TEST              = 'relay_connector_test';
	const FETCH_KEY         = 'relay_connector_fetch_key';
	const CONNECT           = 'relay_connector_connect';
	const PASTE             = 'relay_connector_paste';
	const CLEAR_LOST_EVENTS = 'relay_connector_forget_trouble';

	/**
	 * The connection test.
	 *
	 * @var Connection_Test
	 */
	private $test;

	/**
	 * The key exchange.
	 *
	 * @var Key_Exchange
	 */
	private $keys;

	/**
	 * Connecting with a button.
	 *
	 * @var Connect_Flow
	 */
	private $flow;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * Takes what the buttons use.
	 *
	 * @param Connection_Test $test     The connection test.
	 * @param Key_Exchange    $keys     The key exchange.
	 * @param Connect_Flow    $flow     Connecting with a button.
	 * @param Settings        $settings The settings.
	 */
	public function __construct( Connection_Test $test, Key_Exchange $keys, Connect_Flow $flow, Settings $settings ) {
		$this->test     = $test;
		$this->keys     = $keys;
		$this->flow     = $flow;
		$this->settings = $settings;
	}

	/**
	 * Registers the handlers, for logged-in users only.
	 */
	public function add_hooks() {
		add_action( 'admin_post_' . self::TEST, array( $this, 'test' ) );
		add_action( 'admin_post_' . self::FETCH_KEY, array( $this, 'fetch_key' ) );
		add_action( 'admin_post_' . self::CONNECT, array( $this, 'connect' ) );
		add_action( 'admin_post_' . self::PASTE, array( $this, 'paste' ) );
		add_action( 'load-settings_page_' . Settings_Page::SLUG, array( $this, 'finish_connect' ) );
		add_action( 'admin_post_' . self::CLEAR_LOST_EVENTS, array( $this, 'clear_lost_events' ) );
	}

	/**
	 * Handles "Send a test event".
	 */
	public function test() {
		check_admin_referer( self::TEST );
		$this->require_capability();
		$result = $this->test->run();
		$this->redirect( $result['passed'], $result['passed'] ? __( 'It works.', 'relay-connector' ) : __( 'The test failed.', 'relay-connector' ), $result['text'], $result['steps'] );
	}

	/**
	 * Handles "Fetch the new key".
	 */
	public function fetch_key() {
		check_admin_referer( self::FETCH_KEY );
		$this->require_capability();
		$result = $this->keys->fetch();
		$this->redirect( $result['passed'], $result['passed'] ? __( 'Done.', 'relay-connector' ) : __( 'The key was not changed.', 'relay-connector' ), $result['text'] );
	}

	/**
	 * Handles "Connect to Relay": opens Relay in the browser.
	 */
	public function connect() {
		check_admin_referer( self::CONNECT );
		$this->require_capability();
		$typed = isset( $_POST['address'] ) ? sanitize_text_field( wp_unslash( $_POST['address'] ) ) : '';
		$begun = $this->flow->start( $typed, Settings_Page::url() );
		if ( '' !== $begun['problem'] ) {
			$this->redirect( false, __( 'Not connected.', 'relay-connector' ), $begun['problem'] );
		}
		$host = wp_parse_url( $begun['url'], PHP_URL_HOST );
		add_filter(
			'allowed_redirect_hosts',
			static function ( $hosts ) use ( $host ) {
				$hosts[] = $host;
				return $hosts;
			}
		);
		wp_safe_redirect( $begun['url'] );
		exit;
	}

	/**
	 * Relay has returned to the settings page. There is no nonce: the state is one, and it is used once.
	 */
	public function finish_connect() {
		if ( ! isset( $_GET[ Connect_Flow::STATE ] ) || ! current_user_can( Settings_Page::capability() ) ) { // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- The state that comes back is a one-time value, checked in Connect_Flow.
			return;
		}
		$state = sanitize_text_field( wp_unslash( $_GET[ Connect_Flow::STATE ] ) ); // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- The state that comes back is a one-time value, checked in Connect_Flow.
		$code  = isset( $_GET[ Connect_Flow::CODE ] ) ? sanitize_text_field( wp_unslash( $_GET[ Connect_Flow::CODE ] ) ) : ''; // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- The state that comes back is a one-time value, checked in Connect_Flow.
		$error = isset( $_GET[ Connect_Flow::ERROR ] ) ? sanitize_text_field( wp_unslash( $_GET[ Connect_Flow::ERROR ] ) ) : ''; // phpcs:ignore WordPress.Security.NonceVerification.Recommended -- The state that comes back is a one-time value, checked in Connect_Flow.
		$done  = $this->flow->finish( $state, $code, $error );
		if ( ! $done['passed'] ) {
			$this->redirect( false, __( 'Not connected.', 'relay-connector' ), $done['text'] );
		}
		$this->report_connected( $done['name'] );
	}

	/**
	 * Handles the connection string.
	 */
	public function paste() {
		check_admin_referer( self::PASTE );
		$this->require_capability();
		$typed      = isset( $_POST['connection'] ) ? sanitize_textarea_field( wp_unslash( $_POST['connection'] ) ) : '';
		$connection = Connection_String::parse( $typed );
		$problem    = $connection ? $this->settings->connect( $connection ) : Connection_String::problem( $typed );
		if ( '' !== $problem ) {
			$this->redirect( false, __( 'Not connected.', 'relay-connector' ), $problem );
		}
		Connect_Flow::forget_typed();
		$this->report_connected( '' );
	}

	/**
	 * Tests a new connection and shows the result.
	 *
	 * @param string $name What the site is called in Relay, if that is known.
	 */
	private function report_connected( $name ) {
		$host   = (string) wp_parse_url( $this->settings->endpoint(), PHP_URL_HOST );
		$result = $this->test->run();
		$text   = '' === $name
			/* translators: %s: host name. */
			? sprintf( __( 'The connection to %s was saved.', 'relay-connector' ), $host )
			/* translators: 1: name of the site in Relay, 2: host name. */
			: sprintf( __( 'This site is connected as “%1$s” to Relay at %2$s.', 'relay-connector' ), $name, $host );
		$title = $result['passed'] ? __( 'Connected.', 'relay-connector' ) : __( 'Connected, but the test failed.', 'relay-connector' );
		$this->redirect( $result['passed'], $title, $text . ' ' . $result['text'], $result['steps'] );
	}

	/**
	 * Handles "Dismiss".
	 */
	public function clear_lost_events() {
		check_admin_referer( self::CLEAR_LOST_EVENTS );
		$this->require_capability();
		Lost_Events::clear();
		wp_safe_redirect( Settings_Page::url() );
		exit;
	}

	/**
	 * Ends the request if the user lacks the capability.
	 */
	private function require_capability() {
		if ( ! current_user_can( Settings_Page::capability() ) ) {
			wp_die( esc_html__( 'You are not allowed to do this. Ask an administrator of this site.', 'relay-connector' ), 403 );
		}
	}

	/**
	 * Stores the result and redirects to the settings page.
	 *
	 * @param bool    $passed Whether it succeeded.
	 * @param string  $title  A short title.
	 * @param string  $text   The explanation.
	 * @param array[] $steps  The steps of the connection test, if any.
	 */
	private function redirect( $passed, $title, $text, array $steps = array() ) {
		Action_Result::store( compact( 'passed', 'title', 'text', 'steps' ) );
		wp_safe_redirect( Settings_Page::url() );
		exit;
	}
}
