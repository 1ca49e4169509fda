<?php

use Relay_Connector\Events\Amount;

/** Amounts of money as decimal text. */
final class AmountTest extends RelayTestCase {

	/** Amounts as shops store them, and as they are sent. */
	public function amounts() {
		return array(
			array( '129.9', '129.90' ),
			array( '999999999999999.99', '999999999999999.99' ),
			array( '0.00001000', '0.00001' ),
			array( '4.99000000', '4.99' ),
			array( '-5.5', '-5.50' ),
			array( '-0.00', '0.00' ),
			array( '.5', '0.50' ),
			array( '007', '7.00' ),
			array( '0.123456789', '0.12345679' ),
			array( '1.0E-5', '0.00001' ),
			array( 0.1 + 0.2, '0.30' ),
			array( 1e-5, '0.00001' ),
			array( 12, '12.00' ),
			array( '', '0.00' ),
			array( null, '0.00' ),
			array( 'free', '0.00' ),
		);
	}

	/** @dataProvider amounts */
	public function test_text_keeps_every_digit( $stored, $sent ) {
		$this->assertSame( $sent, Amount::text( $stored ) );
	}

	/** An amount, what is subtracted, and the rest. */
	public function differences() {
		return array(
			array( '129.90', 29.9, '100.00' ),
			array( '999999999999999.99', '0.01', '999999999999999.98' ),
			array( '0.3', 0.1 + 0.2, '0.00' ),
			array( '10', '10.5', '-0.50' ),
			array( '10.25', '12', '-1.75' ),
			array( '-1', '-0.75', '-0.25' ),
			array( '1', '-0.25', '1.25' ),
			array( '0.00002', '0.00001', '0.00001' ),
		);
	}

	/** @dataProvider differences */
	public function test_a_difference_is_exact( $amount, $less, $rest ) {
		$this->assertSame( $rest, Amount::difference( $amount, $less ) );
	}
}
