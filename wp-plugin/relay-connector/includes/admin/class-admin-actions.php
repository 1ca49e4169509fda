<?php
/**
 * The handlers of the buttons on the settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Status\Connection_Test;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * One method per button. Each checks the nonce and the capability, then redirects to the settings page.
 */
final class Admin_Actions {

	const TEST              = 'relay_connector_test';
	const FETCH_KEY         = 'relay_connector_fetch_key';
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
	 * Takes what the buttons use.
	 *
	 * @param Connection_Test $test The connection test.
	 * @param Key_Exchange    $keys The key exchange.
	 */
	public function __construct( Connection_Test $test, Key_Exchange $keys ) {
		$this->test = $test;
		$this->keys = $keys;
	}

	/**
	 * Registers the handlers, for logged-in users only.
	 */
	public function add_hooks() {
		add_action( 'admin_post_' . self::TEST, array( $this, 'test' ) );
		add_action( 'admin_post_' . self::FETCH_KEY, array( $this, 'fetch_key' ) );
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
