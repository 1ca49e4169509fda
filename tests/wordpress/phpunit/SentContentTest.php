<?php

use Relay_Connector\Admin\Event_Content;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Plugin;
use Relay_Connector\Sending\Scheduler;
use Relay_Connector\Services;
use Relay_Connector\Settings;

/** Sent events can show what was sent for some hours, if an admin chooses so. */
final class SentContentTest extends RelayTestCase {

	private function send_comment( $email = 'jane@example.org' ) {
		wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_content' => 'A teapot', 'comment_author' => 'Jane', 'comment_author_email' => $email, 'comment_approved' => 1 ) );
		$this->send_all();
		$rows = $this->rows();
		return end( $rows );
	}

	private function shown( $row ) {
		ob_start();
		Event_Content::render( ( new Outbox() )->find( $row->id ) );
		return wp_strip_all_tags( ob_get_clean() );
	}

	private function call( $what, $email ) {
		$all = apply_filters( "wp_privacy_personal_data_$what", array() );
		return call_user_func( $all['relay-connector']['callback'], $email, 1 );
	}

	public function test_it_is_off_at_first_and_nothing_is_stored() {
		$row = $this->send_comment();
		$this->assertSame( 'sent', $row->state );
		$this->assertNull( $row->body );
		$this->assertStringContainsString( 'no longer stored', $this->shown( $row ) );
	}

	public function test_it_shows_what_the_gateway_received_until_the_time_is_over() {
		global $wpdb;
		update_option( Settings::SHOW_SENT_H, 4 );
		$row = $this->send_comment();
		$this->assertSame( end( $this->requests )['body'], $row->body );
		$this->assertStringContainsString( 'jane@example.org', $this->shown( $row ) );
		foreach ( array( 4 * 3600 - 60 => false, 4 * 3600 + 60 => true ) as $age => $is_over ) {
			$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->relay_connector_outbox} SET finished_at = %d WHERE id = %d", time() - $age, $row->id ) );
			do_action( Scheduler::REGULAR );
			$this->assertSame( $is_over, null === ( new Outbox() )->find( $row->id )->body );
		}
	}

	public function test_switching_it_off_deletes_the_content_at_once() {
		update_option( Settings::SHOW_SENT_H, 72 );
		$row = $this->send_comment();
		update_option( Settings::SHOW_SENT_H, 0 );
		$this->assertNull( ( new Outbox() )->find( $row->id )->body );
	}

	public function test_a_person_gets_and_loses_it() {
		update_option( Settings::SHOW_SENT_H, 4 );
		$bob = $this->send_comment( 'bob@example.org' );
		$row = $this->send_comment();
		$this->assertStringContainsString( 'A teapot', wp_json_encode( $this->call( 'exporters', 'jane@example.org' ) ) );
		$this->assertTrue( $this->call( 'erasers', 'jane@example.org' )['items_removed'] );
		$this->assertSame( array( null, 'sent' ), array( ( new Outbox() )->find( $row->id )->body, ( new Outbox() )->find( $row->id )->state ) );
		$this->assertNotNull( ( new Outbox() )->find( $bob->id )->body );
		( new Services( Plugin::EVENT_SOURCES ) )->runner()->run();
		$this->assertSame( 'relay.erase', json_decode( end( $this->requests )['body'], true )['event'] );
		foreach ( $this->rows() as $one ) {
			$this->assertStringNotContainsString( 'jane@example.org', (string) $one->body, 'also the request to erase' );
		}
	}
}
