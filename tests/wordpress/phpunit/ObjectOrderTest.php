<?php

use Relay_Connector\Sending\New_Event;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Settings;

/** The order of the events of one object, and their revisions. */
final class ObjectOrderTest extends RelayTestCase {

	/** The changes of all status events, as "from>to". */
	private static function changes( array $events ) {
		$changes = array();
		foreach ( $events as $event ) {
			if ( 'order.status_changed' === $event['event'] ) {
				$changes[] = $event['data']['previous_status'] . '>' . $event['data']['status'];
			}
		}
		return $changes;
	}

	/** Changes the status as requests of their own do. */
	private function change( $id, array $statuses ) {
		foreach ( $statuses as $status ) {
			wc_get_order( $id )->update_status( $status );
			$this->end_request();
		}
	}

	/** Statuses that an order goes through. */
	public function histories() {
		return array(
			'back and forth' => array( array( 'processing', 'on-hold', 'processing', 'on-hold', 'processing', 'completed' ) ),
			'card retried'   => array( array( 'failed', 'pending', 'failed', 'pending', 'processing' ) ),
		);
	}

	/** @dataProvider histories */
	public function test_each_change_is_sent_even_if_it_happened_before( array $statuses ) {
		$id = wc_create_order()->get_id();
		$this->send_all();
		$this->change( $id, $statuses );
		$expected = array();
		foreach ( $statuses as $i => $status ) {
			$expected[] = ( $i ? $statuses[ $i - 1 ] : 'pending' ) . '>' . $status;
		}
		$events = $this->send_all();
		$this->assertSame( $expected, self::changes( $events ) );
		$revisions = array_column( $events, 'revision' );
		$sorted    = $revisions;
		sort( $sorted );
		$this->assertSame( $sorted, $revisions );
		$this->assertSame( $revisions, array_unique( $revisions ) );
		foreach ( $events as $event ) {
			$this->assertSame( end( $statuses ), $event['data']['current_status'] );
			$this->assertMatchesRegularExpression( '/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/', $event['occurred_at'] );
		}
	}

	public function test_the_same_change_twice_in_a_row_is_one_change() {
		$id = wc_create_order()->get_id();
		$this->send_all();
		// Two requests have read the order before either of them has changed it.
		do_action( 'woocommerce_order_status_changed', $id, 'pending', 'processing' );
		$this->end_request();
		do_action( 'woocommerce_order_status_changed', $id, 'pending', 'processing' );
		$this->assertSame( array( 'pending>processing' ), self::changes( $this->send_all() ) );
		$this->assertSame( array( 'sent', 'sent', 'withdrawn' ), wp_list_pluck( $this->rows(), 'state' ) );
		$this->change( $id, array( 'on-hold', 'pending' ) );
		do_action( 'woocommerce_order_status_changed', $id, 'pending', 'processing' );
		$this->assertSame( array( 'pending>on-hold', 'on-hold>pending', 'pending>processing' ), self::changes( $this->send_all() ) );
	}

	public function test_the_same_change_a_day_later_is_another_one() {
		global $wpdb;
		$id = wc_create_order()->get_id();
		$this->change( $id, array( 'processing' ) );
		$this->send_all();
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET created_at = created_at - 86500" );
		// The plugin was inactive when the order went back.
		do_action( 'woocommerce_order_status_changed', $id, 'pending', 'processing' );
		$this->assertSame( array( 'pending>processing' ), self::changes( $this->send_all() ) );
	}

	public function test_a_later_event_waits_while_an_earlier_one_of_its_object_waits() {
		global $wpdb;
		$id    = wc_create_order()->get_id();
		$other = wc_create_order()->get_id();
		$this->send_all();
		$this->change( $id, array( 'on-hold' ) );
		$this->status = 503;
		$this->send_all();
		$this->status = 202;
		$this->change( $id, array( 'completed' ) );
		$this->change( $other, array( 'on-hold' ) );
		$events = $this->send_all();
		$this->assertSame( array( $other ), array_column( array_column( $events, 'data' ), 'id' ), 'only the other order' );
		$this->assertGreaterThan( time(), ( new Outbox() )->next_due(), 'no run is scheduled for a row that has to wait' );
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET due_at = 0 WHERE attempts > 0" );
		$this->assertSame( array( 'pending>on-hold', 'on-hold>completed' ), self::changes( $this->send_all() ) );
	}

	/** How a row ends without being sent. */
	public function ends() {
		return array(
			'refused'   => array( 'parked' ),
			'withdrawn' => array( 'withdrawn' ),
			'deleted'   => array( 'deleted' ),
		);
	}

	/** @dataProvider ends */
	public function test_an_event_that_is_given_up_keeps_no_other_back( $end ) {
		$id = wc_create_order()->get_id();
		$this->send_all();
		$this->change( $id, array( 'on-hold' ) );
		$first = (int) $this->rows()[1]->id;
		if ( 'parked' === $end ) {
			$this->status = 422;
			$this->send_all();
			$this->status = 202;
		} elseif ( 'withdrawn' === $end ) {
			( new Outbox() )->withdraw( $first, 'x' );
		} else {
			( new Outbox() )->delete( $first );
		}
		$this->change( $id, array( 'completed' ) );
		$events = $this->send_all();
		$this->assertSame( array( 'on-hold>completed' ), self::changes( $events ) );
		$this->assertSame( $end, $this->rows()[1]->state );
		if ( 'parked' === $end ) {
			$this->assertTrue( ( new Outbox() )->retry( $first ) );
			$retried = $this->send_all();
			$this->assertSame( array( 'pending>on-hold' ), self::changes( $retried ) );
			$this->assertLessThan( $events[0]['revision'], $retried[0]['revision'], 'the gateway knows that it is older' );
		}
	}

	public function test_an_event_sent_by_hand_takes_the_earlier_ones_of_its_object_with_it() {
		$id = wc_create_order()->get_id();
		$this->change( $id, array( 'on-hold', 'completed' ) );
		$rows           = $this->rows();
		$this->requests = array();
		$this->assertSame( 'sent', $this->runner()->run_one( (int) $rows[1]->id )->state );
		$this->assertSame( array( 'sent', 'sent', 'waiting' ), wp_list_pluck( $this->rows(), 'state' ) );
		$this->status = 503;
		$this->change( $id, array( 'processing' ) );
		$decision     = $this->runner()->run_one( (int) $this->rows()[3]->id );
		$this->assertSame( 'waiting', $decision->state );
		$this->assertStringStartsWith( 'An earlier event of the same object must be sent first. The gateway was reached', $decision->explanation );
		$this->assertSame( array( '1', '0' ), array_slice( wp_list_pluck( $this->rows(), 'attempts' ), 2 ), 'the earlier one keeps it back' );
	}

	public function test_a_revision_grows_although_the_clock_was_set_back() {
		global $wpdb;
		$id = wc_create_order()->get_id();
		$this->send_all();
		$ahead = (int) $this->rows()[0]->revision + 600000000;
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET revision = $ahead" );
		$this->change( $id, array( 'on-hold', 'completed' ) );
		$this->assertSame( array( $ahead + 1, $ahead + 2 ), array_column( $this->send_all(), 'revision' ) );
		$this->assertSame( (string) ( $ahead + 2 ), $this->rows()[2]->revision );
	}

	public function test_created_is_first_although_the_status_changes_while_it_is_made_in_the_admin() {
		$id     = standin_wc_admin_order_saved_twice();
		$events = $this->send_all();
		$this->assertSame( array( 'order.created', 'order.status_changed' ), array_column( $events, 'event' ) );
		$this->assertSame( array( $id, $id ), array_column( array_column( $events, 'data' ), 'id' ) );
		$this->assertGreaterThan( $events[0]['revision'], $events[1]['revision'] );
		$this->assertTrue( $events[1]['data']['initial'] );
	}

	public function test_created_is_first_even_if_another_plugin_reports_the_change_before() {
		$order = new WC_Order();
		$order->set_status( 'auto-draft' );
		$order->save();
		do_action( 'woocommerce_order_status_changed', $order->get_id(), 'pending', 'processing' );
		$order->set_status( 'processing' );
		$order->save();
		$events = $this->send_all();
		$this->assertSame( array( 'order.created', 'order.status_changed' ), array_column( $events, 'event' ) );
		$this->assertTrue( $events[1]['data']['initial'] );
	}

	public function test_only_changes_in_the_request_that_creates_the_order_are_initial() {
		$id = standin_wc_block_checkout();
		$this->end_request();
		$this->change( $id, array( 'completed' ) );
		$events = $this->send_all();
		$this->assertArrayNotHasKey( 'initial', $events[0]['data'] );
		$this->assertSame( array( true, false ), array( $events[1]['data']['initial'], $events[2]['data']['initial'] ) );
	}

	public function test_initial_changes_can_be_left_out() {
		update_option( Settings::SKIP_INITIAL, 1 );
		$id = standin_wc_block_checkout();
		$this->end_request();
		$this->change( $id, array( 'completed' ) );
		$events = $this->send_all();
		$this->assertSame( array( 'processing>completed' ), self::changes( $events ) );
		$this->assertSame( 'completed', $events[0]['data']['current_status'] );
	}

	public function test_an_initial_change_is_sent_if_the_order_could_not_be() {
		update_option( Settings::SKIP_INITIAL, 1 );
		$this->status = 422;
		$id           = standin_wc_block_checkout();
		$this->end_request();
		$this->runner()->run();
		$this->assertSame( array( 'parked', 'parked' ), wp_list_pluck( $this->rows(), 'state' ) );
		( new Outbox() )->retry( (int) $this->rows()[1]->id );
		$this->status = 202;
		$this->assertSame( array( 'pending>processing' ), self::changes( $this->send_all() ) );
	}

	public function test_a_payment_of_an_old_order_is_not_initial() {
		global $wpdb;
		update_option( Settings::SKIP_INITIAL, 1 );
		$id = standin_wc_classic_checkout();
		$this->send_all();
		$wpdb->query( "DELETE FROM {$wpdb->relay_connector_outbox}" );
		// The customer pays later: the checkout processes the same order again.
		do_action( 'woocommerce_checkout_order_processed', $id, array(), wc_get_order( $id ) );
		wc_get_order( $id )->update_status( 'processing' );
		$events = $this->send_all();
		$this->assertSame( array( 'on-hold>processing' ), self::changes( $events ) );
		$this->assertFalse( $events[0]['data']['initial'] );
	}

	public function test_changes_withdrawn_with_the_trash_come_back_with_the_order() {
		$id = wc_create_order()->get_id();
		$this->send_all();
		$this->change( $id, array( 'processing', 'trash' ) );
		$this->assertSame( array(), $this->send_all() );
		$this->change( $id, array( 'processing' ) );
		$this->assertSame( array( 'pending>processing' ), self::changes( $this->send_all() ) );
	}

	public function test_a_refund_leaves_in_order_with_its_order() {
		$id = standin_wc_classic_checkout();
		wc_create_refund( array( 'order_id' => $id, 'amount' => '1', 'reason' => '' ) );
		$events = $this->send_all();
		$this->assertSame( array( 'order.created', 'order.status_changed', 'x.order.refunded' ), array_column( $events, 'event' ) );
		$this->assertSame( array_fill( 0, 3, "order:$id" ), wp_list_pluck( $this->rows(), 'object_key' ) );
		$this->assertSame( 'on-hold', $events[2]['data']['current_status'] );
	}

	public function test_of_several_updates_only_the_last_is_sent_and_after_what_came_before() {
		$outbox = new Outbox();
		foreach ( array( '', 'a:b', '', '' ) as $detail ) {
			$event         = new New_Event( 'user.registered', 1, 'user:1' );
			$event->detail = $detail;
			$outbox->add( $event );
		}
		$events = $this->send_all();
		$this->assertCount( 2, $events );
		$this->assertSame( array( 'withdrawn', 'sent', 'withdrawn', 'sent' ), wp_list_pluck( $this->rows(), 'state' ) );
	}

	public function test_custom_events_about_the_same_thing_leave_in_order() {
		$this->status = 503;
		relay_connector_send_event( 'x.booked', array( 'n' => 1 ), array( 'object' => 'booking-77' ) );
		$this->send_all();
		$this->status = 202;
		relay_connector_send_event( 'x.paid', array( 'n' => 2 ), array( 'object' => 'booking-77' ) );
		relay_connector_send_event( 'x.paid', array( 'n' => 3 ), array( 'object' => 'booking-78' ) );
		$this->assertSame( array( 3 ), array_column( array_column( $this->send_all(), 'data' ), 'n' ) );
		$rows = $this->rows();
		$body = json_decode( $rows[1]->body, true );
		$this->assertSame( $rows[1]->revision, (string) $body['revision'] );
		$this->assertGreaterThan( json_decode( $rows[0]->body, true )['revision'], $body['revision'] );
	}

	public function test_a_new_event_does_not_wait_behind_a_long_queue() {
		for ( $i = 0; $i < 30; $i++ ) {
			relay_connector_send_event( 'x.backlog', array( 'n' => $i ) );
		}
		$id = wc_create_order()->get_id();
		$this->end_request();
		$this->change( $id, array( 'processing' ) );
		// At the end of the request: the order of that request, then the oldest.
		$this->assertSame( array( 'order.created', 'order.status_changed', 0, 1, 2 ), $this->sent_by( 5, array( "order:$id" ) ) );
		// By WP-Cron: the oldest, and from some point on the newest too.
		$this->change( $id, array( 'completed' ) );
		$this->assertSame( array_merge( range( 3, 23 ), array( 'order.status_changed', 24, 29 ) ), $this->sent_by( 24, array() ) );
	}

	/** What a run with a limit sends: the number of a custom event, or the type. */
	private function sent_by( $most_rows, array $objects ) {
		$this->requests = array();
		$this->runner()->run( 5, $most_rows, $objects );
		$sent = array();
		foreach ( $this->requests as $request ) {
			$event = json_decode( $request['body'], true );
			if ( 'relay.report' !== $event['event'] ) {
				$sent[] = isset( $event['data']['n'] ) ? $event['data']['n'] : $event['event'];
			}
		}
		return $sent;
	}
}
