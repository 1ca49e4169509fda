<?php

use Relay_Connector\Status\Email_Alert;
use Relay_Connector\Sending\Circuit_Breaker;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Settings;
use Relay_Connector\Status\Status;

/** The alert e-mail within one request: its object cache acts like a persistent one between requests. */
final class EmailAlertTest extends RelayTestCase {

	/** @var int How many e-mails were sent. */
	private $mails = 0;

	protected function setUp(): void {
		parent::setUp();
		add_filter( 'pre_wp_mail', array( $this, 'count_mail' ) );
	}

	protected function tearDown(): void {
		remove_filter( 'pre_wp_mail', array( $this, 'count_mail' ) );
		parent::tearDown();
	}

	public function count_mail() {
		++$this->mails;
		return true;
	}

	private function send_if_due() {
		$settings = new Settings();
		( new Email_Alert( new Status( $settings, new Outbox(), new Circuit_Breaker( $settings ) ) ) )->send_if_due();
	}

	public function test_a_second_problem_is_mailed_even_with_a_persistent_object_cache() {
		global $wpdb;
		// Read while there is no problem: from then on the cache says that the option does not exist.
		get_option( Email_Alert::STATE );
		foreach ( array( 1, 2 ) as $time ) {
			$this->record_once( 'user.registered', $time );
			$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET created_at = %d", time() - 7200 ) );
			$this->send_if_due();
			$this->send_if_due();
			$this->assertSame( $time, $this->mails );
			$wpdb->query( "DELETE FROM {$wpdb->relay_connector_outbox}" );
			$this->send_if_due();
		}
	}
}
