<?php

use Relay_Connector\Keys\Signer;

final class SignerTest extends RelayTestCase {

	/** The gateway's tests read the same file. */
	public function vectors() {
		$vectors = array();
		foreach ( json_decode( file_get_contents( dirname( __DIR__, 2 ) . '/support/signatures.json' ), true ) as $vector ) {
			$vectors[ $vector['name'] ] = array( $vector );
		}
		return $vectors;
	}

	/** @dataProvider vectors */
	public function test_a_signature_matches_the_gateways( array $vector ) {
		$this->assertSame( $vector['signature'], Signer::sign( $vector['secret'], $vector['timestamp'], base64_decode( $vector['body_base64'] ) ) );
	}

	public function test_the_signed_bytes_are_the_sent_bytes() {
		relay_connector_send_event( 'x.signed', array( 'text' => "Größe 日本 😀 \\ / \" ' <b> \u{2028}" ) );
		$this->send_all();
		list( $request ) = $this->requests;
		$headers         = $request['headers'];
		$this->assertSame( base64_encode( hash_hmac( 'sha256', $headers['X-WP-Timestamp'] . '.' . $request['body'], self::SECRET, true ) ), $headers['X-WP-Signature'] );
		$this->assertMatchesRegularExpression( '/^[0-9]{10}$/', $headers['X-WP-Timestamp'] );
		$this->assertSame( 'key_unit', $headers['X-WP-Key-Id'] );
		$this->assertSame( json_decode( $request['body'] )->event_id, $headers['X-Event-Id'] );
		$this->assertMatchesRegularExpression( '/^[\x20-\x7e]+$/', $request['body'] );
	}
}
