<?php
/**
 * What the buttons do.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Connection_Test;
use Relay_Connector\Outbox;
use Relay_Connector\Runner;
use Relay_Connector\Settings;
use Relay_Connector\Trouble;

defined( 'ABSPATH' ) || exit;

/**
 * One method a button. Each looks at nonce and capability itself, then sends the admin back to the page.
 */
final class Actions {

	const TEST   = 'relay_connector_test';
	const SEND   = 'relay_connector_send_row';
	const DELETE = 'relay_connector_delete_row';
	const FORGET = 'relay_connector_forget_trouble';

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
	 * The runner.
	 *
	 * @var Runner
	 */
	private $runner;

	/**
	 * The test.
	 *
	 * @var Connection_Test
	 */
	private $test;

	/**
	 * Takes what the buttons act on.
	 *
	 * @param Settings        $settings The settings.
	 * @param Outbox          $outbox   The outbox.
	 * @param Runner          $runner   The runner.
	 * @param Connection_Test $test     The test.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Runner $runner, Connection_Test $test ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->runner   = $runner;
		$this->test     = $test;
	}

	/**
	 * Hooks the buttons in, for users who are logged in.
	 */
	public function add_hooks() {
		add_action( 'admin_post_' . self::TEST, array( $this, 'test' ) );
		add_action( 'admin_post_' . self::SEND, array( $this, 'send' ) );
		add_action( 'admin_post_' . self::DELETE, array( $this, 'delete' ) );
		add_action( 'admin_post_' . self::FORGET, array( $this, 'forget' ) );
	}

	/**
	 * Where the outcome waits for the page that shows it.
	 *
	 * @return string
	 */
	public static function result_key() {
		return 'relay_connector_result_' . get_current_user_id();
	}

	/**
	 * "Send a test event".
	 */
	public function test() {
		check_admin_referer( self::TEST );
		$this->require_capability();
		$result = $this->test->run();
		$this->leave( $result['passed'], $result['passed'] ? __( 'It works.', 'relay-connector' ) : __( 'The test did not go through.', 'relay-connector' ), $result['text'] );
	}

	/**
	 * "Send now" and "Try again".
	 */
	public function send() {
		check_admin_referer( self::SEND );
		$this->require_capability();
		$id = isset( $_POST['row'] ) ? absint( wp_unslash( $_POST['row'] ) ) : 0;
		if ( ! $this->settings->is_configured() ) {
			$this->leave( false, __( 'Not sent.', 'relay-connector' ), __( 'The gateway address or the secret is missing: enter both and save first.', 'relay-connector' ) );
		}
		$verdict = $this->outbox->retry( $id ) ? $this->runner->run_one( $id ) : null;
		if ( null === $verdict ) {
			$this->leave( false, __( 'Not sent.', 'relay-connector' ), __( 'The event is already finished, or another run is sending right now. Look at the list again in a minute.', 'relay-connector' ) );
		}
		$this->leave( Outbox::SENT === $verdict->state, Outbox::SENT === $verdict->state ? __( 'Sent.', 'relay-connector' ) : __( 'Not sent.', 'relay-connector' ), $verdict->sentence );
	}

	/**
	 * "Delete", for a parked row.
	 */
	public function delete() {
		check_admin_referer( self::DELETE );
		$this->require_capability();
		$id = isset( $_POST['row'] ) ? absint( wp_unslash( $_POST['row'] ) ) : 0;
		if ( $this->outbox->delete_parked( $id ) ) {
			$this->leave( true, __( 'Deleted.', 'relay-connector' ), __( 'The event is off the list and will not be sent.', 'relay-connector' ) );
		}
		$this->leave( false, __( 'Nothing was deleted.', 'relay-connector' ), __( 'Only parked events can be deleted, and this one is not parked any more.', 'relay-connector' ) );
	}

	/**
	 * "I have read this".
	 */
	public function forget() {
		check_admin_referer( self::FORGET );
		$this->require_capability();
		Trouble::forget();
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
	 * @param bool   $passed Whether it went well.
	 * @param string $title  In two words.
	 * @param string $text   In sentences.
	 */
	private function leave( $passed, $title, $text ) {
		set_transient( self::result_key(), compact( 'passed', 'title', 'text' ), HOUR_IN_SECONDS );
		wp_safe_redirect( Settings_Page::url() );
		exit;
	}
}
