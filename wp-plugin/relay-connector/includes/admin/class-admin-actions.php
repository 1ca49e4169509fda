<?php
/**
 * What the buttons do.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Status\Connection_Test;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * One method a button. Each looks at nonce and capability itself, then sends the admin back to the page.
 */
final class Admin_Actions {

	const TEST              = 'relay_connector_test';
	const FETCH_KEY         = 'relay_connector_fetch_key';
	const CLEAR_LOST_EVENTS = 'relay_connector_forget_trouble';

	/**
	 * The test.
	 *
	 * @var Connection_Test
	 */
	private $test;

	/**
	 * The exchange of keys.
	 *
	 * @var Key_Exchange
	 */
	private $keys;

	/**
	 * Takes what the buttons act on.
	 *
	 * @param Connection_Test $test The test.
	 * @param Key_Exchange    $keys The exchange of keys.
	 */
	public function __construct( Connection_Test $test, Key_Exchange $keys ) {
		$this->test = $test;
		$this->keys = $keys;
	}

	/**
	 * Hooks the buttons in, for users who are logged in.
	 */
	public function add_hooks() {
		add_action( 'admin_post_' . self::TEST, array( $this, 'test' ) );
		add_action( 'admin_post_' . self::FETCH_KEY, array( $this, 'fetch_key' ) );
		add_action( 'admin_post_' . self::CLEAR_LOST_EVENTS, array( $this, 'clear_lost_events' ) );
	}

	/**
	 * "Send a test event".
	 */
	public function test() {
		check_admin_referer( self::TEST );
		$this->require_capability();
		$result = $this->test->run();
		$this->redirect( $result['passed'], $result['passed'] ? __( 'It works.', 'relay-connector' ) : __( 'The test did not go through.', 'relay-connector' ), $result['text'], $result['steps'] );
	}

	/**
	 * "Fetch the new key".
	 */
	public function fetch_key() {
		check_admin_referer( self::FETCH_KEY );
		$this->require_capability();
		$result = $this->keys->fetch();
		$this->redirect( $result['passed'], $result['passed'] ? __( 'Done.', 'relay-connector' ) : __( 'The key was not changed.', 'relay-connector' ), $result['text'] );
	}

	/**
	 * "I have read this".
	 */
	public function clear_lost_events() {
		check_admin_referer( self::CLEAR_LOST_EVENTS );
		$this->require_capability();
		Lost_Events::clear();
		wp_safe_redirect( Settings_Page::url() );
		exit;
	}

	/**
	 * Ends the request for those who may not.
	 */
	private function require_capability() {
		if ( ! current_user_can( Settings_Page::capability() ) ) {
			wp_die( esc_html__( 'You may not do this. Ask an administrator of this site.', 'relay-connector' ), 403 );
		}
	}

	/**
	 * Back to the page, which then shows the outcome.
	 *
	 * @param bool    $passed Whether it went well.
	 * @param string  $title  In two words.
	 * @param string  $text   In sentences.
	 * @param array[] $steps  The steps of the way, if any.
	 */
	private function redirect( $passed, $title, $text, array $steps = array() ) {
		Action_Result::store( compact( 'passed', 'title', 'text', 'steps' ) );
		wp_safe_redirect( Settings_Page::url() );
		exit;
	}
}
