<?php

use Automattic\WooCommerce\Utilities\FeaturesUtil;

final class OrdersTest extends RelayTestCase {

	public function test_hpos_and_block_checkouts_are_declared() {
		$this->assertSame( array( RELAY_CONNECTOR_FILE, true ), FeaturesUtil::$declared['custom_order_tables'] );
		$this->assertSame( array( RELAY_CONNECTOR_FILE, true ), FeaturesUtil::$declared['cart_checkout_blocks'] );
	}

	/** Each way to create an order, and the status change that it causes. */
	public function ways() {
		return array(
			'block checkout'   => array( 'standin_wc_block_checkout', 'pending:processing' ),
			'classic checkout' => array( 'standin_wc_classic_checkout', 'pending:on-hold' ),
			'admin'            => array( 'standin_wc_admin_order', '' ),
		);
	}

	/** @dataProvider ways */
	public function test_an_order_is_recorded_once_however_it_is_created( $way, $change ) {
		$id = $way();
		foreach ( $this->rows() as $row ) {
			$this->assertGreaterThan( time() + 200, (int) $row->due_at, 'while the request runs nothing goes' );
		}
		$this->end_request();
		$recorded = array();
		foreach ( $this->rows() as $row ) {
			$this->assertSame( "order:$id", $row->object_key );
			$recorded[] = "$row->event_type $row->detail $row->is_initial";
		}
		$this->assertSame( array_merge( array( 'order.created  0' ), $change ? array( "order.status_changed $change 1" ) : array() ), $recorded );
	}

	public function test_an_order_created_by_code_is_sent_with_later_changes_of_the_request() {
		$order = wc_create_order();
		standin_wc_fill( $order );
		$order->save();
		$data = $this->sent( 'order.created' );
		$this->assertSame( '129.90', $data['total'] );
		$this->assertCount( 2, $data['items'] );
	}

	public function test_the_fields_of_an_order() {
		$id     = standin_wc_block_checkout();
		$events = $this->send_all();
		$this->assertCount( 2, $events );
		$data = $events[0]['data'];
		$this->assertSame( array( $id, "SHOP-$id", 'processing', 'EUR', '129.90', '20.74' ), array( $data['id'], $data['number'], $data['status'], $data['currency'], $data['total'], $data['total_tax'] ) );
		$this->assertSame( "Jane O'Neill & Söhne", $data['customer']['name'] );
		$this->assertSame( 'jane@example.org', $data['customer']['email'] );
		$this->assertSame( array( 'city' => 'Köln', 'country' => 'DE' ), $data['customer']['billing'] );
		$this->assertSame( 'Ring twice', $data['customer_note'] );
		$this->assertSame(
			array( 'name' => 'Blue teapot', 'sku' => 'TEA-BLUE', 'product_id' => 5, 'quantity' => 1, 'total' => '89.90', 'subtotal' => '89.90', 'total_tax' => '0.00' ),
			$data['items'][0]
		);
		$this->assertSame( array( 7, '40.00' ), array( $data['items'][1]['variation_id'], $data['items'][1]['total'] ) );
		$this->assertSame( array( 'pending', 'processing', 'processing' ), array( $events[1]['data']['previous_status'], $events[1]['data']['status'], $events[1]['data']['current_status'] ) );
	}

	public function test_an_order_links_to_itself() {
		$id   = standin_wc_admin_order();
		$data = $this->sent( 'order.created' );
		$this->assertSame( array( admin_url( "admin.php?page=wc-orders&action=edit&id=$id" ), home_url( "/my-account/view-order/$id/" ) ), array( $data['edit_url'], $data['view_url'] ) );
		$this->assertArrayNotHasKey( 'total_refunded', $data );
	}

	public function test_names_and_addresses_are_sent_as_given() {
		$order = wc_create_order();
		standin_wc_fill( $order );
		$order->set_billing_first_name( 'Anna Maria' );
		$order->set_billing_last_name( 'von der Heide' );
		$order->set_billing_company( 'Heide & Söhne' );
		$order->set_shipping_first_name( 'Otto' );
		$order->set_shipping_city( 'Bonn' );
		$order->save();
		$customer = $this->sent( 'order.created' )['customer'];
		$this->assertSame( array( 'Anna Maria', 'von der Heide', 'Heide & Söhne' ), array( $customer['first_name'], $customer['last_name'], $customer['company'] ) );
		$this->assertSame( array( 'first_name' => 'Otto', 'city' => 'Bonn' ), $customer['shipping'] );
	}

	/** Names of products, and how they are sent. */
	public function names() {
		return array( array( 'Cable 3<5V>1', 'Cable 3<5V>1' ), array( 'Hoodie &#8211; blue', 'Hoodie – blue' ), array( 'Caf&eacute; 5&nbsp;kg', "Café 5\u{a0}kg" ) );
	}

	/** @dataProvider names */
	public function test_names_of_products_are_text( $stored, $sent ) {
		$order = wc_create_order();
		$order->set_lines( array( array( 'name' => $stored, 'product_id' => 1, 'quantity' => 1, 'total' => '1' ) ) );
		$order->save();
		$this->assertSame( $sent, $this->sent( 'order.created' )['items'][0]['name'] );
	}

	public function test_a_note_that_the_database_encoded_is_text() {
		$order = wc_create_order();
		standin_wc_fill( $order );
		$order->set_customer_note( "Ring &amp; wait\n3 &lt; 5" );
		$order->save();
		$this->assertSame( "Ring & wait\n3 < 5", $this->sent( 'order.created' )['customer_note'] );
	}

	public function test_a_change_keeps_its_two_statuses_however_late_it_is_sent() {
		$id = standin_wc_classic_checkout();
		$this->send_all();
		wc_get_order( $id )->update_status( 'processing' );
		$this->end_request();
		wc_get_order( $id )->update_status( 'completed' );
		$changes = array();
		foreach ( $this->send_all() as $event ) {
			$changes[] = $event['data']['previous_status'] . '>' . $event['data']['status'];
		}
		$this->assertSame( array( 'on-hold>processing', 'processing>completed' ), $changes );
	}

	public function test_a_draft_is_never_recorded() {
		$order = new WC_Order();
		$order->set_status( 'checkout-draft' );
		$order->save();
		standin_wc_fill( $order );
		$order->save();
		$this->end_request();
		$this->assertSame( array(), $this->rows() );
	}

	public function test_an_order_trashed_in_the_same_request_leaves_no_row() {
		wc_create_order()->update_status( 'trash' );
		$this->assertCount( 1, $this->rows() );
		$this->end_request();
		$this->assertSame( array(), $this->rows() );
	}

	public function test_an_order_trashed_before_it_is_sent_is_withdrawn() {
		$order = wc_create_order();
		$this->end_request();
		$order->update_status( 'trash' );
		$this->assertSame( array(), $this->send_all() );
		$this->assertSame( array( 'withdrawn' ), wp_list_pluck( $this->rows(), 'state' ) );
	}

	public function test_nothing_is_sent_again_when_the_rows_are_purged() {
		global $wpdb;
		$id = standin_wc_classic_checkout();
		$this->send_all();
		$wpdb->query( "DELETE FROM {$wpdb->relay_connector_outbox}" );
		$order = wc_get_order( $id );
		do_action( 'woocommerce_checkout_order_processed', $id, array(), $order );
		$order->update_status( 'pending' );
		$order->update_status( 'on-hold' );
		$sent = array();
		foreach ( $this->send_all() as $event ) {
			$sent[] = $event['event'] . ' ' . $event['data']['previous_status'];
		}
		$this->assertSame( array( 'order.status_changed on-hold', 'order.status_changed pending' ), $sent, 'only what is new' );
	}

	public function test_recording_a_sent_order_does_not_fire_order_updated() {
		standin_wc_admin_order();
		$this->end_request();
		$before = did_action( 'woocommerce_update_order' );
		$this->assertCount( 1, $this->send_all() );
		$this->assertSame( $before, did_action( 'woocommerce_update_order' ) );
		$this->assertFalse( has_filter( 'woocommerce_orders_table_datastore_should_save_after_meta_change' ) );
	}

	public function test_an_order_restored_from_the_trash_is_sent_if_it_was_new() {
		global $wpdb;
		$order = wc_get_order( standin_wc_admin_order() );
		$this->end_request();
		$order->update_status( 'trash' );
		$this->assertSame( array(), $this->send_all() );
		$order->update_status( 'processing' );
		$this->assertSame( $order->get_id(), $this->sent( 'order.created' )['id'] );
		$wpdb->query( "DELETE FROM {$wpdb->relay_connector_outbox}" );
		$order->update_status( 'trash' );
		$order->update_status( 'processing' );
		$this->end_request();
		$this->assertSame( array(), $this->rows(), 'an old order is not made again' );
	}

	public function test_metadata_copied_to_another_order_does_not_stop_it() {
		$first = wc_get_order( standin_wc_classic_checkout() );
		$this->send_all();
		$copy = wc_create_order();
		$copy->update_meta_data( '_relay_connector_sent', wc_get_order( $first->get_id() )->get_meta( '_relay_connector_sent' ) );
		$copy->save_meta_data();
		$this->assertSame( $copy->get_id(), $this->sent( 'order.created' )['id'] );
	}

	public function test_a_partial_refund_is_a_separate_event() {
		$id = standin_wc_classic_checkout();
		$this->send_all();
		$refund = wc_create_refund(
			array(
				'order_id' => $id,
				'amount'   => '29.9',
				'reason'   => 'Lid broken',
				'lines'    => array( array( 'name' => 'Blue teapot', 'product_id' => 5, 'quantity' => -1, 'total' => '-29.9' ) ),
				'fee_lines' => array( array( 'name' => 'Gift wrap', 'total' => '-2.5', 'total_tax' => '-0.475' ) ),
			)
		);
		$data   = $this->sent( 'x.order.refunded' );
		$this->assertSame( array( $refund->get_id(), $id, '29.90', '129.90', '29.90', false ), array( $data['id'], $data['order_id'], $data['amount'], $data['order_total'], $data['total_refunded'], $data['is_full'] ) );
		$this->assertSame( array( 1, '29.90' ), array( $data['items'][0]['quantity'], $data['items'][0]['total'] ) );
		$this->assertSame( array( array( 'name' => 'Gift wrap', 'total' => '2.50', 'total_tax' => '0.475' ) ), $data['fee_lines'] );
		$this->assertSame( 'Lid broken', $data['reason'] );
		$this->assertSame( array( wc_get_order( $id )->get_order_number(), 'EUR', '100.00' ), array( $data['order_number'], $data['currency'], $data['remaining_total'] ) );
		$this->assertMatchesRegularExpression( '/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/', $data['order_created_at'] );
		$this->assertStringContainsString( "id=$id", $data['edit_url'] );
		$this->assertStringContainsString( "/$id/", $data['view_url'] );
	}

	public function test_a_full_refund_changes_the_status_too() {
		$id = standin_wc_classic_checkout();
		$this->send_all();
		wc_create_refund( array( 'order_id' => $id, 'amount' => '129.9', 'reason' => '' ) );
		$events = $this->send_all();
		$this->assertSame( array( 'order.status_changed', 'x.order.refunded' ), wp_list_pluck( $events, 'event' ) );
		$this->assertSame( 'refunded', $events[0]['data']['status'] );
		$this->assertTrue( $events[1]['data']['is_full'] );
		$this->assertSame( array( '0.00', '129.90', '0.00' ), array( $events[1]['data']['remaining_total'], $events[0]['data']['total_refunded'], $events[0]['data']['remaining_total'] ) );
	}

	public function test_a_refund_is_not_an_order() {
		$id = standin_wc_classic_checkout();
		$this->send_all();
		$refund = wc_create_refund( array( 'order_id' => $id, 'amount' => '1', 'reason' => '' ) );
		do_action( 'woocommerce_new_order', $refund->get_id(), $refund );
		$this->assertSame( array( 'x.order.refunded' ), wp_list_pluck( $this->send_all(), 'event' ) );
	}

	public function test_fields_can_be_excluded() {
		$this->choose( array( 'fields' => array( 'orders.name' => 0, 'orders.email' => 0, 'orders.phone' => 0, 'orders.addresses' => 0, 'orders.note' => 0, 'orders.items' => 0 ) ) );
		standin_wc_admin_order();
		$data = $this->sent( 'order.created' );
		$this->assertSame( array( array(), array() ), array( $data['customer'], $data['items'] ) );
		$this->assertStringNotContainsString( 'Jane', wp_json_encode( $data ) );
		$this->assertStringContainsString( '"customer":{}', $this->requests[0]['body'], 'an empty customer is still an object' );
	}

	public function test_many_items_and_long_names_stay_below_the_gateways_limit() {
		$order = wc_create_order();
		$order->set_lines( array_fill( 0, 500, array( 'name' => str_repeat( 'ß', 1000 ), 'product_id' => 1, 'quantity' => 1, 'total' => '1' ) ) );
		$order->save();
		$data = $this->sent( 'order.created' );
		$this->assertSame( 500, count( $data['items'] ) + $data['items_left_out'] );
		$this->assertGreaterThan( 100, count( $data['items'] ) );
		$this->assertLessThan( 262144, strlen( $this->requests[0]['body'] ) );
	}

	/** Amounts as shops store them, and as the gateway expects them. */
	public function amounts() {
		return array( array( '129.9', '129.90' ), array( 0.1 + 0.2, '0.30' ), array( '10', '10.00' ), array( '1.2345', '1.2345' ), array( '', '0.00' ), array( '-5.5', '-5.50' ), array( '1000000', '1000000.00' ) );
	}

	/** @dataProvider amounts */
	public function test_amounts_are_decimal_text( $kept, $sent ) {
		$order = wc_create_order();
		$order->set_total( $kept );
		$order->save();
		$this->assertSame( $sent, $this->sent( 'order.created' )['total'] );
	}
}
