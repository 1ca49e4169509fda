<?php

use Relay_Connector\Admin\Action_Result;
use Relay_Connector\Ascii;
use Relay_Connector\Sending\Circuit_Breaker;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Outbox_Query;
use Relay_Connector\Sending\Send_Decision;
use Relay_Connector\Settings;
use Relay_Connector\Status\Lost_Events;

/** A site with tables in latin1, which store other characters as "?": an array in an option can then no longer be read. */
final class Latin1Test extends RelayTestCase {

	const TEXT = 'Settings → Relay, „więcej” 日本 😀';

	/** @var string The table of the other tests. */
	private $options;

	protected function setUp(): void {
		global $wpdb;
		parent::setUp();
		$this->options = $wpdb->options;
		if ( ! $wpdb->dbh instanceof mysqli ) {
			return; // SQLite has no such tables
		}
		$wpdb->query( 'CREATE TEMPORARY TABLE IF NOT EXISTS relay_lab_options (option_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, option_name varchar(191) NOT NULL UNIQUE, option_value longtext NOT NULL, autoload varchar(20) NOT NULL) CHARACTER SET latin1' );
		$wpdb->query( 'DELETE FROM relay_lab_options' );
		$wpdb->query( "INSERT INTO relay_lab_options SELECT option_id, option_name, option_value, autoload FROM {$wpdb->options}" );
		$wpdb->options = 'relay_lab_options';
		wp_cache_flush();
	}

	protected function tearDown(): void {
		global $wpdb;
		Lost_Events::clear();
		$wpdb->options = $this->options;
		parent::tearDown();
	}

	public function test_the_result_of_a_button_is_shown() {
		Action_Result::store( array( 'passed' => true, 'title' => 'It works.', 'text' => self::TEXT, 'steps' => array( array( 'state' => 'passed', 'label' => 'Clock', 'text' => self::TEXT ) ) ) );
		wp_cache_flush();
		ob_start();
		Action_Result::render();
		$this->assertSame( 2, substr_count( ob_get_clean(), esc_html( self::TEXT ) ) );
	}

	public function test_the_reason_of_a_pause_and_of_a_lost_event_are_stored() {
		Lost_Events::record( self::TEXT );
		$breaker  = new Circuit_Breaker( new Settings() );
		$decision = new Send_Decision();
		$decision->explanation = self::TEXT;
		$decision->pauses      = true;
		$breaker->record( $decision );
		wp_cache_flush();
		$this->assertSame( self::TEXT, Lost_Events::read()['detail'] );
		$this->assertSame( self::TEXT, $breaker->pause()['sentence'] );
	}

	public function test_the_response_in_the_list_of_events_is_stored() {
		global $wpdb;
		$outbox = $wpdb->relay_connector_outbox;
		if ( $wpdb->dbh instanceof mysqli ) {
			// Not with ALTER TABLE, which ends the transaction that is rolled back after the test.
			$made = $wpdb->get_row( "SHOW CREATE TABLE $outbox", ARRAY_N )[1];
			$wpdb->query( preg_replace( array( '/^CREATE TABLE \S+/', '/\b(CHARSET|CHARACTER SET)[= ]\w+/', '/\bCOLLATE[= ]\w+/' ), array( 'CREATE TEMPORARY TABLE relay_lab_outbox', '$1 latin1', '' ), $made ) );
			$wpdb->relay_connector_outbox = 'relay_lab_outbox';
		}
		try {
			$this->status = 422;
			$this->answer = wp_json_encode( array( 'error' => self::TEXT ) );
			relay_connector_send_event( 'x.a', array( 'n' => 1 ) );
			$this->send_all();
			$page = ( new Outbox_Query() )->page( 1, 0 );
			( new Outbox() )->withdraw( $this->queued(), self::TEXT );
			$withdrawn = ( new Outbox_Query() )->page( 1, 0 );
		} finally {
			$wpdb->relay_connector_outbox = $outbox;
		}
		$this->assertStringContainsString( self::TEXT, $page[0]->last_answer );
		$this->assertSame( self::TEXT, $withdrawn[0]->last_answer );
	}

	private function queued() {
		relay_connector_send_event( 'x.b', array( 'n' => 1 ) );
		$rows = $this->rows();
		return (int) end( $rows )->id;
	}

	public function test_what_an_older_version_stored_is_read() {
		foreach ( array( 'A text.', array( 'a' => 1 ), '' ) as $value ) {
			$this->assertSame( $value, Ascii::decode( $value ) );
			$this->assertSame( $value, Ascii::decode( Ascii::encode( $value ) ) );
		}
	}
}
