<?php

use Relay_Connector\Outbox;

final class OutboxTest extends RelayTestCase {

	public function test_a_key_is_noted_once() {
		$outbox = new Outbox();
		$outbox->add( 'user.registered', 1, 'user.registered:1' );
		$outbox->add( 'user.registered', 1, 'user.registered:1' );
		$this->assertCount( 1, $this->rows() );
		$this->assertTrue( $outbox->add_ready( 'x.a', 'wp-1', '{}', 'x.a:1', 9 ) );
		$this->assertFalse( $outbox->add_ready( 'x.a', 'wp-2', '{}', 'x.a:1', 9 ) );
		$this->assertSame( 'wp-1', $outbox->find_by_key( 'x.a:1' )->event_id );
		$this->assertCount( 2, $this->rows() );
	}

	public function test_one_row_is_claimed_by_one_runner() {
		$outbox = new Outbox();
		$outbox->add( 'user.registered', 1, 'user.registered:1' );
		$claimed = $outbox->claim( 'runner-1' );
		$this->assertSame( '1', $claimed->attempts );
		$this->assertNull( $outbox->claim( 'runner-2' ) );
		$outbox->release( $claimed );
		$this->assertSame( '1', $outbox->claim( 'runner-2' )->attempts );
	}

	public function test_a_failed_event_waits_and_goes_out_again_with_the_same_bytes() {
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
}
