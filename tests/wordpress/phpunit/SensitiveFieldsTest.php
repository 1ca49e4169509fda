<?php

use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Lead_Fields;
use Relay_Connector\Events\Sensitive_Fields;

/** Text fields with names that ask for a secret. */
final class SensitiveFieldsTest extends RelayTestCase {

	private function fields() {
		return array( new Form_Field( 'your-name', 'Name', 'text', 'Jane' ), new Form_Field( 'f2', 'Your IBAN', 'text', 'DE89370400440532013000' ), new Form_Field( 'password', 'Choose one', 'text', '' ) );
	}

	public function test_they_are_left_out_with_a_warning_until_an_admin_selects_them() {
		$choices = new Event_Choices();
		$sent    = new Lead_Fields( $this->fields(), $choices, 'wpforms:7' );
		$this->assertSame( array( 'Name' => 'Jane' ), $sent->values );
		$this->assertSame( array( 'wpforms:7' => array( 'Your IBAN' ) ), Sensitive_Fields::all(), 'an empty field needs no decision' );
		$choices->confirm_fields( 'wpforms:7', array( 'f2' ) );
		$sent = new Lead_Fields( $this->fields(), $choices, 'wpforms:7' );
		$this->assertSame( array( 'Name', 'Your IBAN' ), array_keys( $sent->values ) );
		$this->assertSame( array(), Sensitive_Fields::all() );
		$other = new Lead_Fields( $this->fields(), $choices, 'wpforms:8' );
		$this->assertSame( array( 'Name' ), array_keys( $other->values ), 'each form has its own choice' );
	}

	/** @dataProvider names */
	public function test_names( $label, $type, $expected ) {
		$this->assertSame( $expected, Sensitive_Fields::is_sensitive( new Form_Field( 'f1', $label, $type ) ) );
	}

	public function names() {
		return array(
			array( 'Password', 'text', true ),
			array( 'Kartennummer', 'text', true ),
			array( 'Card number', 'tel', true ),
			array( 'IBAN / BIC', 'text', true ),
			array( 'Mot de passe', 'text', true ),
			array( 'Contraseña', 'text', true ),
			array( 'CVC', 'number', true ),
			array( 'pwd', 'text', true ),
			array( 'your-pw', 'text', true ),
			array( 'psw', 'text', true ),
			array( 'PIN', 'number', true ),
			array( 'mdp', 'text', true ),
			array( 'mot_de_passe', 'text', true ),
			array( 'ccnum', 'text', true ),
			array( 'Konto', 'text', true ),
			array( 'Sort code', 'text', true ),
			array( 'Hasło', 'text', true ),
			array( 'Pinterest', 'text', false ),
			array( 'Shipping', 'text', false ),
			array( 'Konto-Name', 'text', false ),
			array( 'Kontakt', 'text', false ),
			array( 'Day pass for', 'text', false ),
			array( 'Text for the greeting card', 'textarea', false ),
			array( 'Business card', 'text', false ),
			array( 'Iban Milić', 'checkbox', false ),
			array( 'Urbanization', 'text', false ),
			array( 'Account manager', 'text', false ),
			array( 'PIN code', 'text', false ),
			array( 'I forgot my password', 'radio', false ),
		);
	}
}
