<?php

/** Personal data in events without the e-mail address. */
final class PrivacyTest extends RelayTestCase {

	private function call( $what, $email ) {
		$all = apply_filters( "wp_privacy_personal_data_$what", array() );
		return call_user_func( $all['relay-connector']['callback'], $email, 1 );
	}

	/** The event types in the export. */
	private function types( $email ) {
		$types = array();
		foreach ( $this->call( 'exporters', $email )['data'] as $item ) {
			$types[] = $item['data'][0]['value'];
		}
		sort( $types );
		return $types;
	}

	public function test_a_person_is_found_where_the_address_is_not_sent() {
		$this->choose( array( 'fields' => array( 'comments.author_email' => 0, 'orders.email' => 0, 'users.email' => 0 ) ) );
		$order = wc_create_order();
		standin_wc_fill( $order );
		$order->save();
		foreach ( array( 'Jane@Example.org', 'bob@example.org' ) as $i => $email ) {
			wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_content' => 'Tea', 'comment_author' => 'J', 'comment_author_email' => $email, 'comment_approved' => 1 ) );
			wp_insert_user( array( 'user_login' => "customer$i", 'user_pass' => 'x', 'user_email' => $email ) );
		}
		$this->end_request();
		$this->status = 503;
		$this->send_all();
		$this->assertSame( array( 'comment.created', 'order.created', 'user.registered' ), $this->types( 'jane@example.org' ) );
		$this->assertSame( array(), $this->types( 'nobody@example.org' ) );
		$this->assertSame( array(), $this->types( '' ) );
		$this->assertTrue( $this->call( 'erasers', 'jane@example.org' )['items_removed'] );
		$states = array();
		foreach ( $this->rows() as $row ) {
			$states[ $row->state ][] = $row->event_type;
		}
		$this->assertCount( 3, $states['withdrawn'] );
		$this->assertSame( array( 'comment.created', 'user.registered', 'relay.erase' ), $states['waiting'], 'those of somebody else' );
	}
}
