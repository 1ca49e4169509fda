<?php

use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Field_Types;

/** What an order contains beyond its items. */
final class OrderFieldsTest extends RelayTestCase {

	const OFF = array( 'transaction_id', 'attribution', 'checkout_fields' );

	private function gift( $how = 'standin_wc_store_api' ) {
		$order = wc_create_order();
		standin_wc_gift( $order, $how );
		$order->save();
		return $this->sent( 'order.created' );
	}

	/** Both checkouts: the one of blocks encodes texts, the other one does not. */
	public function checkouts() {
		return array( 'blocks' => array( 'standin_wc_store_api' ), 'classic' => array( 'sanitize_text_field' ) );
	}

	/** @dataProvider checkouts */
	public function test_names_and_addresses_are_text_from_either_checkout( $how ) {
		$customer = $this->gift( $how )['customer'];
		$this->assertSame( array( "O'Neill & Söhne", 'R&D <3 GmbH', 'R&D <3 GmbH' ), array( $customer['last_name'], $customer['company'], $customer['billing']['company'] ) );
		$this->assertSame( array( 'first_name' => 'Maria Anna', 'last_name' => 'de Souza & Co', 'city' => 'Berlin', 'phone' => '+49 30 2' ), $customer['shipping'] );
	}

	public function test_the_lines_of_an_order() {
		$data = $this->gift();
		$this->assertSame(
			array(
				'name'         => 'Hoodie – "blue" & 3<5V>1 - L & XL',
				'sku'          => 'HOOD-L',
				'product_id'   => 23,
				'variation_id' => 24,
				'quantity'     => 2,
				'total'        => '37.98',
				'subtotal'     => '39.98',
				'total_tax'    => '7.2162',
				'options'      => array( 'Size' => 'L & XL', 'Engraving' => 'For "Jane" & Joe <3', 'Greeting card' => 'To Joe' ),
			),
			$data['items'][0]
		);
		$this->assertSame( array( array( 'name' => 'Post & parcel', 'method_id' => 'flat_rate', 'total' => '4.90', 'total_tax' => '0.931' ) ), $data['shipping_lines'] );
		$this->assertSame( array( array( 'name' => 'Gift wrap & "bow"', 'total' => '2.50', 'total_tax' => '0.475' ) ), $data['fee_lines'] );
		$this->assertSame( array( array( 'code' => 'spring&5', 'discount' => '2.00', 'discount_tax' => '0.38' ) ), $data['coupon_lines'] );
		$this->assertSame( array( array( 'name' => 'VAT & co', 'rate_percent' => '19', 'total' => '8.62' ) ), $data['tax_lines'] );
		$this->assertSame( array( 'Post & parcel', array( 'spring&5' ), '39.98' ), array( $data['shipping_method'], $data['coupon_codes'], $data['subtotal'] ) );
		$this->assertSame( array( 'Cash & carry', 'cod', '2026-01-01T00:00:00Z' ), array( $data['payment_method'], $data['payment_method_id'], $data['paid_at'] ) );
		$this->assertStringNotContainsString( 's3cret', $this->requests[0]['body'] );
	}

	public function test_personal_data_that_few_shops_need_is_off_until_it_is_selected() {
		$this->assertSame( array(), array_intersect( self::OFF, array_keys( $this->gift() ) ) );
		$this->choose( array( 'fields' => array( 'orders.transaction' => 1, 'orders.attribution' => 1, 'orders.checkout_fields' => 1 ) ) );
		$data = $this->gift();
		$this->assertSame( 'ch_123', $data['transaction_id'] );
		$this->assertSame( array( 'source_type' => 'utm', 'utm_source' => 'google', 'utm_campaign' => 'früh & spät', 'session_entry' => 'https://shop.example/?a=1&b=2', 'device_type' => 'Desktop' ), $data['attribution'] );
		$this->assertSame( array( 'billing_vat' => 'DE123 & co', 'order_floor' => '3rd & up', 'lab/gift' => 'Happy B-Day & 3<5', 'lab/gate (billing)' => 'n' ), $data['checkout_fields'] );
		$this->assertStringNotContainsString( 's3cret', $this->requests[0]['body'] );
	}

	/** What each choice controls. */
	public function choices() {
		return array(
			array( 'item_options', array( 'options' ) ),
			array( 'coupons', array( 'coupon_codes', 'coupon_lines' ) ),
			array( 'fees', array( 'fee_lines' ) ),
			array( 'shipping', array( 'shipping_method', 'shipping_lines' ) ),
			array( 'taxes', array( 'subtotal', 'tax_lines' ) ),
			array( 'payment', array( 'payment_method_id', 'paid_at' ) ),
		);
	}

	/** @dataProvider choices */
	public function test_each_of_them_can_be_excluded( $choice, array $names ) {
		$this->gift();
		foreach ( $names as $name ) {
			$this->assertStringContainsString( '"' . $name . '":', $this->requests[0]['body'] );
		}
		$this->choose( array( 'fields' => array( "orders.$choice" => 0 ) ) );
		$this->gift();
		foreach ( $names as $name ) {
			$this->assertStringNotContainsString( '"' . $name . '":', $this->requests[0]['body'] );
		}
	}

	/** Names of metadata, and whether it is sent. */
	public function names() {
		foreach ( array( 'password', 'billing_passcode', 'Credit card', 'card number', 'card_no', 'cvc', 'iban', '_billing_iban', 'IBAN (account)', 'Account number' ) as $name ) {
			yield $name => array( $name, true );
		}
		foreach ( array( 'Greeting card', 'Business cards', 'Urban style', 'Caliban', 'Passenger', 'Note', 'accounting' ) as $name ) {
			yield $name => array( $name, false );
		}
	}

	/** @dataProvider names */
	public function test_metadata_with_cards_and_accounts_is_never_sent( $name, $is_secret ) {
		$this->assertSame( $is_secret, Field_Types::is_secret_name( $name ) );
	}

	public function test_the_phone_number_of_the_recipient_follows_the_choice_for_phone_numbers() {
		$this->choose( array( 'fields' => array( 'orders.phone' => 0 ) ) );
		$this->gift();
		$this->assertStringNotContainsString( '+49', $this->requests[0]['body'] );
	}

	public function test_the_largest_order_stays_below_the_gateways_limit() {
		$this->choose( array( 'fields' => array_fill_keys( array( 'orders.transaction', 'orders.attribution', 'orders.checkout_fields' ), 1 ) ) );
		$order = wc_create_order();
		standin_wc_gift( $order );
		$long = str_repeat( '😀', 600 );
		$meta = array();
		for ( $i = 0; $i < 25; $i++ ) {
			$meta[ "option $i" ] = $long;
			$order->update_meta_data( "field_$i", $long );
		}
		$line = array( 'name' => $long, 'product_id' => 1, 'quantity' => 1, 'total' => '1', 'total_tax' => '1', 'meta' => $meta );
		$order->set_lines( array_fill( 0, 30, $line ) );
		$order->set_customer_note( str_repeat( '😀', 5000 ) );
		foreach ( array( 'shipping', 'fee', 'coupon' ) as $kind ) {
			$order->{"set_{$kind}_lines"}( array_fill( 0, 100, array( 'name' => $long, 'method_id' => $long, 'total' => '1', 'total_tax' => '1', 'discount' => '1', 'discount_tax' => '1' ) ) );
		}
		$order->save();
		$data = $this->sent( 'order.created' );
		$this->assertLessThan( 262144, strlen( $this->requests[0]['body'] ) );
		$this->assertSame( 30, count( $data['items'] ) + $data['items_left_out'] );
		$this->assertNotEmpty( $data['items'] );
	}

	public function test_the_fields_that_are_off_by_default_can_be_chosen() {
		$off = preg_filter( '/^orders\./', '', Event_Choices::FIELDS_OFF );
		$this->assertCount( 3, $off );
		$this->assertSame( array(), array_diff( $off, array_keys( \Relay_Connector\Events\Order_Fields::optional() ) ) );
	}
}
