<?php

use Relay_Connector\Status\Lost_Events;

final class CustomEventsTest extends RelayTestCase {

	public function test_the_function_returns_the_id_of_the_sent_event() {
		$id = relay_connector_send_event( 'x.booking_made', array( 'room' => 12, 'guest' => "Jane\x00", 'extras' => array(), 'options' => new stdClass() ) );
		$this->assertMatchesRegularExpression( '/^wp-[0-9a-f-]{36}$/', $id );
		list( $event ) = $this->send_all();
		$this->assertSame( $id, $event['event_id'] );
		$this->assertStringContainsString( '"data":{"room":12,"guest":"Jane","extras":[],"options":{}}', $this->requests[0]['body'] );
	}

	public function test_the_action_does_the_same() {
		do_action( 'relay_connector_send_event', 'x.booking_made', array( 'room' => 12 ), array( 'key' => 'booking-77' ) );
		$this->assertSame( array( 'room' => 12 ), $this->sent( 'x.booking_made' ) );
	}

	public function test_a_key_is_sent_once_for_a_type() {
		$first = relay_connector_send_event( 'x.a', array(), array( 'key' => 7 ) );
		$this->assertSame( $first, relay_connector_send_event( 'x.a', array(), array( 'key' => '7' ) ) );
		$this->assertNotSame( $first, relay_connector_send_event( 'x.b', array(), array( 'key' => 7 ) ) );
		$this->assertCount( 2, $this->send_all() );
	}

	/** What cannot be sent: type, fields. */
	public function faults() {
		$deep = array();
		for ( $i = 0; $i < 40; $i++ ) {
			$deep = array( $deep );
		}
		return array(
			array( 'order.created', array() ),
			array( 'x.', array() ),
			array( 'x.Big', array() ),
			array( "x.line\n", array() ),
			array( 'x.order.refunded', array() ),
			array( array(), array() ),
			array( 'x.a', 'text' ),
			array( 'x.a', array( 'n' => INF ) ),
			array( 'x.a', $deep ),
			array( 'x.a', array( 'n' => str_repeat( 'a', 200000 ) ) ),
		);
	}

	/** @dataProvider faults */
	public function test_events_that_the_gateway_would_reject_are_refused( $type, $data ) {
		$answer = relay_connector_send_event( $type, $data );
		$this->assertInstanceOf( WP_Error::class, $answer );
		$this->assertSame( 'relay_connector_refused', $answer->get_error_code() );
		$this->assertSame( array(), $this->rows() );
		do_action( 'relay_connector_send_event', $type, $data );
		$this->assertStringContainsString( 'relay_connector_send_event', Lost_Events::read()['detail'], 'an action cannot answer: the admins are told' );
		Lost_Events::clear();
	}

	public function test_invalid_characters_do_not_stop_an_event() {
		relay_connector_send_event( 'x.bytes', array( 'text' => "a\xffb" ) );
		$this->assertSame( 'a?b', $this->sent( 'x.bytes' )['text'] );
	}
}
