<?php

use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Outbox_Query;
use Relay_Connector\Sending\Row_Claims;
use Relay_Connector\Status\Lost_Events;

final class OutboxTest extends RelayTestCase {

	public function test_a_key_is_recorded_once() {
		$outbox = new Outbox();
		$this->record_once( 'user.registered', 1 );
		$this->record_once( 'user.registered', 1 );
		$this->assertCount( 1, $this->rows() );
		$this->assertTrue( $outbox->add_with_body( 'x.a', 'wp-1', '{}', 'x.a:1', 9 ) );
		$this->assertFalse( $outbox->add_with_body( 'x.a', 'wp-2', '{}', 'x.a:1', 9 ) );
		$this->assertSame( 'wp-1', $outbox->find_by_key( 'x.a:1' )->event_id );
		$this->assertCount( 2, $this->rows() );
	}

	public function test_one_row_is_claimed_by_one_run() {
		$this->record_once( 'user.registered', 1 );
		$claims  = new Row_Claims();
		$claimed = $claims->oldest();
		$this->assertSame( '1', $claimed->attempts );
		$this->assertNull( $claims->oldest() );
		$this->assertNull( $claims->newest() );
		$this->assertNull( $claims->row( $claimed->id ) );
	}

	public function test_a_failed_event_is_retried_with_the_same_bytes() {
		global $wpdb;
		relay_connector_send_event( 'x.again', array( 'n' => 1 ) );
		$this->status = 503;
		$this->send_all();
		$first = $this->requests[0];
		$this->assertSame( 'waiting', $this->rows()[0]->state );
		$this->assertGreaterThan( time() + 30, (int) $this->rows()[0]->due_at );
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET due_at = 0" );
		$this->status = 202;
		$this->send_all();
		$this->assertSame( $first['body'], $this->requests[0]['body'] );
		$this->assertSame( $first['headers']['X-Event-Id'], $this->requests[0]['headers']['X-Event-Id'] );
		$this->assertSame( 'sent', $this->rows()[0]->state );
		$this->assertNull( $this->rows()[0]->body, 'what is sent is not kept' );
	}

	/** The hooks that fire for a sent event. */
	public function hooks_after_an_event() {
		return array( array( 'added_comment_meta' ), array( 'added_option' ) );
	}

	/** @dataProvider hooks_after_an_event */
	public function test_a_failing_hook_does_not_keep_a_sent_event_from_being_finished( $hook ) {
		delete_option( 'relay_connector_connected_at' );
		$fail = static function ( $name_or_id = '', $id = 0, $key = '' ) {
			if ( 'relay_connector_connected_at' === $name_or_id || '_relay_connector_sent' === $key ) {
				throw new Error( 'broken add-on' );
			}
		};
		foreach ( array( 'One', 'Two' ) as $text ) {
			wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_content' => $text, 'comment_approved' => 1 ) );
		}
		add_action( $hook, $fail, 10, 3 );
		try {
			$events = $this->send_all();
		} finally {
			remove_action( $hook, $fail );
		}
		$this->assertCount( 2, $events );
		$this->assertSame( array( 'sent', 'sent' ), wp_list_pluck( $this->rows(), 'state' ) );
		$lost_events = Lost_Events::read();
		Lost_Events::clear();
		$this->assertStringContainsString( 'broken add-on', $lost_events['detail'] );
		$this->assertSame( 0, $lost_events['count'], 'no event is lost' );
	}

	public function test_a_response_that_the_table_cannot_store_is_stored_as_ascii() {
		$this->status = 422;
		$this->answer = '{"error":"zu früh “日本”"}';
		// What $wpdb does for a table whose character set lacks the character.
		$refuse = static function ( $query ) {
			return false !== strpos( $query, 'last_answer' ) && preg_match( '/[^\x00-\x7F]/', $query ) ? '' : $query;
		};
		relay_connector_send_event( 'x.a', array( 'n' => 1 ) );
		add_filter( 'query', $refuse );
		$this->send_all();
		remove_filter( 'query', $refuse );
		$row = $this->rows()[0];
		$this->assertSame( array( 'parked', '' ), array( $row->state, $row->claimed_by ) );
		$this->assertDoesNotMatchRegularExpression( '/[^\x00-\x7F]/', $row->last_answer );
		$this->assertStringContainsString( '422: zu früh “日本”', ( new Outbox_Query() )->page( 1, 0 )[0]->last_answer );
		$this->assertNotNull( $row->body );
	}

	public function test_a_plugin_that_breaks_the_request_makes_the_event_wait() {
		$fail = static function () {
			throw new Error( 'broken add-on' );
		};
		relay_connector_send_event( 'x.a', array( 'n' => 1 ) );
		add_filter( 'pre_http_request', $fail, 5 );
		try {
			$this->send_all();
		} finally {
			remove_filter( 'pre_http_request', $fail, 5 );
		}
		$row = $this->rows()[0];
		$this->assertSame( array( 'waiting', '' ), array( $row->state, $row->claimed_by ) );
		$this->assertGreaterThan( time() + 30, (int) $row->due_at );
		$this->assertStringContainsString( 'broken add-on', $row->last_answer );
	}

	public function test_an_event_at_the_head_of_the_queue_can_be_sent_now() {
		global $wpdb;
		$outbox = new Outbox();
		$this->record_once( 'user.registered', 1 );
		$id = (int) $this->rows()[0]->id;
		$this->assertTrue( $outbox->retry( $id ) );
		$this->assertTrue( $outbox->retry( $id ), 'nothing changes in the row, but it waits' );
		$this->assertSame( 1, ( new Outbox_Query() )->retry_all() );
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET state = 'sent'" );
		$this->assertFalse( $outbox->retry( $id ) );
		$this->assertFalse( $outbox->retry( $id + 1 ) );
	}
}
