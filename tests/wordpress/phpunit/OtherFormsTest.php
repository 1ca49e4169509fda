<?php

use Relay_Connector\Status\Lost_Events;

final class OtherFormsTest extends RelayTestCase {

	// -- WPForms

	private function wpform() {
		return standin_wpforms_make(
			'Ask us',
			array(
				1 => array( 'name', 'Name' ),
				2 => array( 'email', 'E-mail' ),
				3 => array( 'checkbox', 'Topics', array( 'choices' => array( 1 => array( 'label' => 'Tea' ), 2 => array( 'label' => 'R&D, pots' ), 3 => array( 'label' => 'Coffee' ) ) ) ),
				4 => array( 'password', 'Password' ),
				5 => array( 'file-upload', 'CV' ),
				6 => array( 'gdpr-checkbox', 'Privacy', array( 'choices' => array( 1 => array( 'label' => 'I consent to the <a href="/terms">terms</a>' ) ) ) ),
				7 => array( 'select', 'Size' ),
				8 => array( 'select', 'Colours', 'multiple' ),
				9 => array( 'textarea', 'Cable 3<5V>1 &ndash; why?' ),
				10 => array( 'payment-single', 'Price', array( 'price' => '5.00' ) ),
				11 => array( 'payment-checkbox', 'Extras', array( 'choices' => array( 1 => array( 'label' => 'Small, round', 'value' => '5' ), 2 => array( 'label' => 'R&D', 'value' => '1200.5' ) ) ) ),
				12 => array( 'address', 'Address' ),
			)
		);
	}

	public function test_an_entry_of_wpforms_lite_which_stores_none() {
		$form   = $this->wpform();
		$values = array( 1 => array( 'first' => 'Anna Maria', 'last' => 'von der Heide' ), 2 => 'jane@example.org', 3 => array( 'Tea', 'R&D, pots', 'no choice of the form' ), 4 => 's3cret', 5 => 'https://x/cv.pdf', 6 => array( 'I consent' ), 7 => 'Large', 8 => array( 'red' ), 9 => "R&D\n3 < 5 & more", 11 => array( '1', '2' ), 12 => array( 'address1' => 'Main St 1, rear', 'city' => 'Köln', 'postal' => '50667' ) );
		standin_wpforms_submit( $form, $values );
		standin_wpforms_submit( $form, $values );
		$events = $this->send_all();
		$this->assertCount( 2, $events, 'an entry without an id is never treated as another one' );
		$data = $events[0]['data'];
		$this->assertSame( array( 'plugin' => 'wpforms', 'id' => $form, 'title' => 'Ask us' ), $data['form'] );
		$this->assertSame( array( 'Name' => 'Anna Maria von der Heide', 'Name (First name)' => 'Anna Maria', 'Name (Last name)' => 'von der Heide', 'E-mail' => 'jane@example.org', 'Topics' => array( 'Tea', 'R&D, pots' ), 'CV' => 'https://x/cv.pdf', 'Privacy' => 'yes', 'Size' => 'Large', 'Colours' => array( 'red' ), 'Cable 3<5V>1 – why?' => "R&D\n3 < 5 & more", 'Price' => '$5.00', 'Extras' => array( 'Small, round - $5.00', 'R&D - $1,200.50' ), 'Address' => "Main St 1, rear\nKöln\n50667" ), $data['fields'] );
		$this->assertSame( array( 'Name' => 'name', 'Name (First name)' => 'first_name', 'Name (Last name)' => 'last_name', 'E-mail' => 'email', 'Topics' => 'choices', 'CV' => 'file', 'Privacy' => 'consent', 'Size' => 'choice', 'Colours' => 'choices', 'Cable 3<5V>1 – why?' => 'textarea', 'Price' => 'text', 'Extras' => 'choices', 'Address' => 'text' ), $data['types'] );
		$this->assertSame( array( 'Name' => array( 'first_name' => 'Anna Maria', 'last_name' => 'von der Heide' ), 'Address' => array( 'address_1' => 'Main St 1, rear', 'city' => 'Köln', 'postcode' => '50667' ) ), $data['parts'] );
		$this->assertTrue( $data['consent'] );
	}

	/** What the browser posts for a box that is not checked: nothing, or an empty value. */
	public function unchecked() {
		return array( array( array() ), array( array( 6 => '' ) ), array( array( 6 => array( '' ) ) ) );
	}

	/** @dataProvider unchecked */
	public function test_a_box_of_wpforms_counts_only_if_it_was_posted( array $posted ) {
		standin_wpforms_submit( $this->wpform(), $posted + array( 1 => 'Jane' ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( false, 'no' ), array( $data['consent'], $data['fields']['Privacy'] ) );
	}

	public function test_an_entry_of_wpforms_with_an_id_is_sent_once_and_spam_never() {
		$form = $this->wpform();
		standin_wpforms_submit( $form, array( 1 => 'Bot' ), 30, true );
		standin_wpforms_submit( $form, array( 1 => 'Jane' ), 31 );
		standin_wpforms_submit( $form, array( 1 => 'Jane' ), 31 );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 31, 'Jane', false ), array( $data['entry_id'], $data['fields']['Name'], $data['consent'] ) );
	}

	public function test_an_id_used_again_after_a_day_is_another_entry() {
		global $wpdb;
		$form = $this->wpform();
		standin_wpforms_submit( $form, array( 1 => 'Jane' ), 1 );
		$this->send_all();
		standin_wpforms_submit( $form, array( 1 => 'Jane' ), 1 );
		$this->assertCount( 0, $this->send_all(), 'within a day it is the same entry' );
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET created_at = created_at - 90000, finished_at = finished_at - 90000" );
		standin_wpforms_submit( $form, array( 1 => 'Bob' ), 1 );
		standin_wpforms_submit( $form, array( 1 => 'Bob' ), 1 );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 1, 'Bob', $form ), array( $data['entry_id'], $data['fields']['Name'], $data['form']['id'] ) );
		$this->assertCount( 2, $this->rows() );
	}

	public function test_an_entry_that_cannot_be_recorded_under_any_key_is_reported() {
		global $wpdb;
		$form = $this->wpform();
		standin_wpforms_submit( $form, array( 1 => 'Jane' ), 1 );
		$wpdb->query( "UPDATE {$wpdb->relay_connector_outbox} SET created_at = created_at - 90000" );
		// Cuts each key to the old one, like a table whose column is too short.
		$cut = static function ( $query ) {
			return preg_replace( "/'(lead.created:wpforms:[0-9]+:1):wp-[^']+'/", "'$1'", $query );
		};
		add_filter( 'query', $cut );
		standin_wpforms_submit( $form, array( 1 => 'Bob' ), 1 );
		remove_filter( 'query', $cut );
		$this->assertStringContainsString( 'lead.created 1', Lost_Events::read()['detail'] );
		Lost_Events::clear();
	}

	// -- Gravity Forms

	private function gravity() {
		update_option(
			'standin_gf',
			array(
				3 => array(
					'title'  => 'Quote',
					'fields' => array(
						array( 'id' => 1, 'type' => 'name', 'label' => 'Name', 'inputs' => array( array( 'id' => '1.3', 'label' => 'First' ), array( 'id' => '1.6', 'label' => 'Last' ) ) ),
						array( 'id' => 2, 'type' => 'email', 'label' => 'E-mail' ),
						array( 'id' => 4, 'type' => 'checkbox', 'label' => 'Topics', 'inputs' => array( array( 'id' => '4.1' ), array( 'id' => '4.2' ) ) ),
						array( 'id' => 5, 'type' => 'creditcard', 'label' => 'Card', 'inputs' => array( array( 'id' => '5.1' ), array( 'id' => '5.5' ) ) ),
						array( 'id' => 6, 'type' => 'post_custom_field', 'inputType' => 'fileupload', 'label' => 'Plan' ),
						array( 'id' => 7, 'type' => 'consent', 'label' => 'Consent', 'inputs' => array( array( 'id' => '7.1' ), array( 'id' => '7.2' ), array( 'id' => '7.3' ) ) ),
						array( 'id' => 8, 'type' => 'multiselect', 'label' => 'Colours' ),
						array( 'id' => 9, 'type' => 'section', 'label' => 'A heading' ),
						array( 'id' => 10, 'type' => 'list', 'label' => 'Guests' ),
						array( 'id' => 11, 'type' => 'text', 'label' => 'Serialized' ),
						array( 'id' => 12, 'type' => 'list', 'label' => 'Children', 'enableColumns' => true ),
						array( 'id' => 13, 'type' => 'address', 'label' => 'Address', 'inputs' => array( array( 'id' => '13.1' ), array( 'id' => '13.3' ), array( 'id' => '13.5' ) ) ),
						array( 'id' => 14, 'type' => 'textarea', 'label' => 'Message' ),
					),
				),
			)
		);
		return array( '1.3' => 'Jane', '1.6' => 'Doe', '2' => 'jane@example.org', '4.1' => 'Tea', '4.2' => 'R&D &amp; pots', '5.1' => 'XXXX1111', '5.5' => 'Jane', '6' => 'https://x/plan.pdf', '7.1' => '1', '7.2' => 'I agree', '7.3' => '12', '8' => '["red","blue"]', '10' => serialize( array( 'Ann', 'Bob' ) ), '11' => 'O:8:"stdClass":0:{}', '12' => serialize( array( array( 'Name' => 'Ann, Dr', 'Age' => '7' ), array( 'Name' => 'Bob', 'Age' => '' ) ) ), '13.1' => 'Main St 1, rear', '13.3' => 'Köln', '13.5' => '50667', '14' => "3 < 5 <b>x</b> &amp;\ntwo" );
	}

	public function test_an_entry_of_gravity_forms() {
		standin_gf_submit( 3, $this->gravity(), 44 );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'gravityforms', 'id' => 3, 'title' => 'Quote' ), $data['form'] );
		$this->assertSame( array( 'Name' => 'Jane Doe', 'Name (First)' => 'Jane', 'Name (Last)' => 'Doe', 'E-mail' => 'jane@example.org', 'Topics' => array( 'Tea', 'R&D & pots' ), 'Plan' => 'https://x/plan.pdf', 'Consent' => 'yes', 'Colours' => array( 'red', 'blue' ), 'Guests' => array( 'Ann', 'Bob' ), 'Serialized' => 'O:8:"stdClass":0:{}', 'Children' => array( 'Name: Ann, Dr, Age: 7', 'Name: Bob' ), 'Address' => 'Main St 1, rear, Köln, 50667', 'Message' => "3 < 5 <b>x</b> &amp;\ntwo" ), $data['fields'] );
		$this->assertSame( array( 'Name' => 'name', 'Name (First)' => 'first_name', 'Name (Last)' => 'last_name', 'E-mail' => 'email', 'Topics' => 'choices', 'Plan' => 'file', 'Consent' => 'consent', 'Colours' => 'choices', 'Guests' => 'choices', 'Serialized' => 'text', 'Children' => 'choices', 'Address' => 'text', 'Message' => 'textarea' ), $data['types'] );
		$this->assertSame( array( 'Name' => array( 'first_name' => 'Jane', 'last_name' => 'Doe' ), 'Address' => array( 'address_1' => 'Main St 1, rear', 'city' => 'Köln', 'postcode' => '50667' ) ), $data['parts'] );
		$this->assertSame( array( true, 44, array( 'source' => 'letter', 'campaign' => 'spring' ) ), array( $data['consent'], $data['entry_id'], $data['utm'] ) );
	}

	public function test_spam_and_trash_of_gravity_forms_are_not_sent() {
		standin_gf_submit( 3, $this->gravity(), 45, 'spam' );
		standin_gf_submit( 3, $this->gravity(), 46, 'trash' );
		$this->assertSame( array(), $this->rows() );
	}

	// -- Ninja Forms

	private function ninja() {
		update_option(
			'standin_nf',
			array(
				2 => array(
					'title'  => 'Callback',
					'fields' => array(
						11 => array( 'textbox', 'Name', 'name' ),
						12 => array( 'listcheckbox', 'Topics', 'topics', array( 'options' => array( array( 'label' => 'Tea', 'value' => 'tea' ), array( 'label' => 'Coffee, black &amp; hot', 'value' => 'coffee-black' ) ) ) ),
						13 => array( 'password', 'Password', 'password' ),
						14 => array( 'submit', 'Send', 'submit' ),
						15 => array( 'textbox', '', 'city' ),
						16 => array( 'lastname', 'Surname', 'lastname_1' ),
						17 => array( 'checkbox', 'Call me', 'checkbox_1', array( 'checked_value' => 'Yes, please &amp; soon', 'unchecked_value' => 'No' ) ),
						18 => array( 'phone', 'Number', 'phone_1' ),
						19 => array( 'file_upload', 'CV', 'file_1' ),
						20 => array( 'date', 'When', 'date_1', array( 'date_mode' => 'date_and_time' ) ),
						21 => array( 'repeater', 'Guests', 'repeater_1', array( 'fields' => array( array( 'id' => '21.1', 'type' => 'textbox', 'label' => 'Name' ), array( 'id' => '21.2', 'type' => 'number', 'label' => 'Age' ), array( 'id' => '21.3', 'type' => 'password', 'label' => 'PIN' ) ) ) ),
						22 => array( 'confirm', 'E-mail again', 'confirm_1' ),
					),
				),
			)
		);
		$guests = array();
		foreach ( array( '21.1_0' => 'Ann, Dr', '21.2_0' => '7', '21.3_0' => 's3cret', '21.1_1' => 'Bob', '21.2_1' => '' ) as $key => $value ) {
			$guests[ $key ] = array(
				'value' => $value,
				'id'    => $key,
			);
		}
		return array( 11 => 'Jane <3 &amp;', 12 => array( 'tea', 'coffee-black' ), 13 => 's3cret', 15 => 'Köln', 16 => 'Doe', 17 => 1, 18 => '0221', 19 => array( '7' => 'https://x/cv.pdf' ), 20 => array( 'date' => '2026-04-03', 'hour' => '3', 'minute' => '05', 'ampm' => 'pm' ), 21 => $guests, 22 => 'again@example.org' );
	}

	/** Both places of a field's settings. */
	public function nested() {
		return array( array( false ), array( true ) );
	}

	/** @dataProvider nested */
	public function test_an_entry_of_ninja_forms( $nested ) {
		standin_nf_submit( 2, $this->ninja(), 77, false, $nested );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'ninja-forms', 'id' => 2, 'title' => 'Callback' ), $data['form'] );
		$this->assertSame( array( 'Name' => 'Jane <3 &amp;', 'Topics' => array( 'Tea', 'Coffee, black & hot' ), 'city' => 'Köln', 'Surname' => 'Doe', 'Call me' => 'Yes, please & soon', 'Number' => '0221', 'CV' => 'https://x/cv.pdf', 'When' => '2026-04-03 03:05 pm', 'Guests' => array( 'Name: Ann, Dr, Age: 7', 'Name: Bob' ) ), $data['fields'] );
		$this->assertSame( array( 'Name' => 'name', 'Topics' => 'choices', 'city' => 'text', 'Surname' => 'last_name', 'Call me' => 'choice', 'Number' => 'tel', 'CV' => 'file', 'When' => 'date', 'Guests' => 'choices' ), $data['types'] );
		$this->assertSame( 77, $data['entry_id'] );
	}

	public function test_a_box_of_ninja_forms_says_what_it_means() {
		$values = $this->ninja();
		foreach ( array( 1 => 'Yes, please & soon', 'on' => 'Yes, please & soon', 0 => 'No', '' => 'No' ) as $value => $text ) {
			standin_nf_submit( 2, array( 11 => 'Jane', 17 => $value ) );
			$this->assertSame( $text, $this->sent( 'lead.created' )['fields']['Call me'] );
		}
		$form = get_option( 'standin_nf' );
		unset( $form[2]['fields'][17][3] );
		update_option( 'standin_nf', $form );
		standin_nf_submit( 2, $values );
		$this->assertSame( 'Checked', $this->sent( 'lead.created' )['fields']['Call me'] );
	}

	public function test_a_preview_of_ninja_forms_is_not_sent() {
		standin_nf_submit( 2, $this->ninja(), 78, true );
		$this->assertSame( array(), $this->rows() );
	}

	// -- Fluent Forms

	private function fluent() {
		return standin_fluent_make(
			'Kontakt',
			array(
				array( 'element' => 'input_name', 'attributes' => array( 'name' => 'names' ), 'settings' => array( 'label' => '', 'admin_field_label' => 'Name' ), 'fields' => array( 'first_name' => array( 'element' => 'input_text', 'attributes' => array( 'name' => 'first_name' ), 'settings' => array( 'label' => 'Vorname' ) ) ) ),
				array( 'element' => 'container', 'columns' => array( array( 'fields' => array( array( 'element' => 'input_email', 'attributes' => array( 'name' => 'email', 'type' => 'email' ), 'settings' => array( 'label' => 'E-mail' ) ) ) ), array( 'fields' => array( array( 'element' => 'input_text', 'attributes' => array( 'name' => 'pin', 'type' => 'password' ), 'settings' => array( 'label' => 'PIN' ) ) ) ) ) ),
				array( 'element' => 'input_file', 'attributes' => array( 'name' => 'cv', 'type' => 'file' ), 'settings' => array( 'label' => 'CV' ) ),
				array( 'element' => 'input_checkbox', 'attributes' => array( 'name' => 'topics' ), 'settings' => array( 'label' => 'Topics' ) ),
				array( 'element' => 'gdpr_agreement', 'attributes' => array( 'name' => 'gdpr' ), 'settings' => array( 'label' => 'GDPR' ) ),
				array( 'element' => 'address', 'attributes' => array( 'name' => 'address_1' ), 'settings' => array( 'label' => 'Address' ) ),
				array( 'element' => 'tabular_grid', 'attributes' => array( 'name' => 'grid' ), 'settings' => array( 'label' => 'Days', 'grid_rows' => array( 'r1' => 'Monday' ), 'grid_columns' => array( 'c1' => 'Morning', 'c2' => 'Noon, late' ) ) ),
				array( 'element' => 'custom_html', 'attributes' => array(), 'settings' => array() ),
			)
		);
	}

	const FLUENT = array(
		'names'     => array( 'first_name' => 'Jane', 'last_name' => 'Doe' ),
		'email'     => 'Jane@Example.org',
		'pin'       => '1234',
		'cv'        => array( 'https://x/cv.pdf' ),
		'topics'    => array( '', 'Tea', 'Coffee, black' ),
		'gdpr'      => 'on',
		'address_1' => array( 'address_line_1' => 'Main St 1, rear', 'city' => 'Köln', 'zip' => '50667' ),
		'grid'      => array( 'r1' => array( 'c1', 'c2' ) ),
		'extra'     => 'no field of the form',
	);

	public function test_an_entry_of_fluent_forms_though_two_hooks_fire() {
		$form = $this->fluent();
		$id   = standin_fluent_submit( $form, self::FLUENT );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'fluentform', 'id' => $form, 'title' => 'Kontakt' ), $data['form'] );
		$this->assertSame( array( 'Name' => 'Jane Doe', 'Name (Vorname)' => 'Jane', 'Name (Last name)' => 'Doe', 'E-mail' => 'jane@example.org', 'CV' => 'https://x/cv.pdf', 'Topics' => array( 'Tea', 'Coffee, black' ), 'GDPR' => 'yes', 'Address' => 'Main St 1, rear, Köln, 50667', 'Days' => array( 'Monday: Morning, Noon, late' ) ), $data['fields'] );
		$this->assertSame( array( 'Name' => 'name', 'Name (Vorname)' => 'first_name', 'Name (Last name)' => 'last_name', 'E-mail' => 'email', 'CV' => 'file', 'Topics' => 'choices', 'GDPR' => 'consent', 'Address' => 'text', 'Days' => 'choices' ), $data['types'] );
		$this->assertSame( array( 'Name' => array( 'first_name' => 'Jane', 'last_name' => 'Doe' ), 'Address' => array( 'address_1' => 'Main St 1, rear', 'city' => 'Köln', 'postcode' => '50667' ) ), $data['parts'] );
		$this->assertSame( array( true, $id, array( 'source' => 'ad', 'medium' => 'cpc' ) ), array( $data['consent'], $data['entry_id'], $data['utm'] ) );
		$this->assertStringEndsWith( '/kontakt/?utm_source=ad&utm_medium=cpc', $data['page_url'] );
		$this->assertStringStartsWith( 'http://127.0.0.1:', $data['page_url'] );
		$this->assertStringNotContainsString( 'nonce', $this->requests[0]['body'] );
	}

	public function test_choices_of_fluent_forms_have_their_labels() {
		$options = array( array( 'label' => 'Tea &amp; more', 'value' => 't' ), array( 'label' => 'Coffee', 'value' => 'c <5V>' ) );
		$form    = standin_fluent_make(
			'Order',
			array(
				array( 'element' => 'select', 'attributes' => array( 'name' => 'one' ), 'settings' => array( 'label' => 'One', 'advanced_options' => $options ) ),
				array( 'element' => 'select', 'attributes' => array( 'name' => 'some', 'multiple' => true ), 'settings' => array( 'label' => 'Some', 'advanced_options' => $options ) ),
				array( 'element' => 'input_radio', 'attributes' => array( 'name' => 'old' ), 'settings' => array( 'label' => 'Old' ), 'options' => array( 'y' => 'Yes' ) ),
				array( 'element' => 'select_country', 'attributes' => array( 'name' => 'country' ), 'settings' => array( 'label' => 'Country' ) ),
				array( 'element' => 'ratings', 'attributes' => array( 'name' => 'stars' ), 'settings' => array( 'label' => 'Stars' ), 'options' => array( 5 => 'Amazing' ) ),
			)
		);
		standin_fluent_submit( $form, array( 'one' => 't', 'some' => array( 'c <5V>', 'unknown' ), 'old' => 'y', 'country' => 'CI', 'stars' => '5' ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'One' => 'Tea & more', 'Some' => array( 'Coffee', 'unknown' ), 'Old' => 'Yes', 'Country' => "Côte d'Ivoire", 'Stars' => '5' ), $data['fields'] );
		$this->assertSame( array( 'One' => 'choice', 'Some' => 'choices', 'Old' => 'choice', 'Country' => 'choice', 'Stars' => 'number' ), $data['types'] );
	}

	public function test_an_unchecked_box_of_fluent_forms_is_no_consent() {
		standin_fluent_submit( $this->fluent(), array_diff_key( self::FLUENT, array( 'gdpr' => 1 ) ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( false, 'no' ), array( $data['consent'], $data['fields']['GDPR'] ) );
	}

	public function test_an_entry_that_fluent_forms_marks_as_spam_is_not_sent() {
		standin_fluent_submit( $this->fluent(), self::FLUENT, 'spam' );
		$this->assertSame( array(), $this->rows() );
	}

	// -- Formidable Forms

	private function formidable() {
		update_option(
			'standin_frm',
			array(
				9 => array(
					'name'   => 'Booking',
					'fields' => array(
						21 => array( 'name', 'Name' ),
						22 => array( 'email', 'E-mail' ),
						23 => array( 'checkbox', 'Days' ),
						24 => array( 'password', 'Password' ),
						25 => array( 'file', 'Photo' ),
						26 => array( 'divider', 'Guests' ),
						27 => array( 'gdpr', 'Privacy' ),
						28 => array( 'text', 'Empty' ),
						29 => array( 'textarea', 'Message' ),
						30 => array( 'address', 'Address' ),
						31 => array( 'select', 'Colours', array( 'multiple' => 1 ) ),
					),
				),
			)
		);
		return array( 21 => array( 'first' => 'Jane', 'last' => 'Doe' ), 22 => 'jane@example.org', 23 => array( 'Mon', 'Tue' ), 24 => 's3cret', 25 => '17', 26 => array( 601, 602 ), 27 => '1', 29 => 'R&D <b>now</b>, 3 < 5, a<5 &amp; &eacute;', 30 => array( 'line1' => 'Main St 1, rear', 'city' => 'Köln', 'zip' => '50667' ), 31 => array( 'red' ) );
	}

	public function test_an_entry_of_formidable_without_the_rows_of_its_repeater() {
		$metas     = $this->formidable();
		$metas[25] = (string) wp_insert_attachment( array( 'post_mime_type' => 'image/jpeg' ), 'photo.jpg' );
		standin_frm_create( 9, array( 21 => 'Guest' ), 0, true );
		standin_frm_create( 9, array( 21 => 'Guest' ), 0, false, 501 );
		$id   = standin_frm_create( 9, $metas );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'formidable', 'id' => 9, 'title' => 'Booking' ), $data['form'] );
		$this->assertSame( array( 'Name' => 'Jane Doe', 'Name (First name)' => 'Jane', 'Name (Last name)' => 'Doe', 'E-mail' => 'jane@example.org', 'Days' => array( 'Mon', 'Tue' ), 'Photo' => home_url( '/wp-content/uploads/photo.jpg' ), 'Privacy' => 'yes', 'Empty' => '', 'Message' => 'R&D <b>now</b>, 3 < 5, a<5 &amp; &eacute;', 'Address' => 'Main St 1, rear, Köln, 50667', 'Colours' => array( 'red' ) ), $data['fields'] );
		$this->assertSame( array( 'Name' => 'name', 'Name (First name)' => 'first_name', 'Name (Last name)' => 'last_name', 'E-mail' => 'email', 'Days' => 'choices', 'Photo' => 'file', 'Privacy' => 'consent', 'Empty' => 'text', 'Message' => 'textarea', 'Address' => 'text', 'Colours' => 'choices' ), $data['types'] );
		$this->assertSame( array( 'Name' => array( 'first_name' => 'Jane', 'last_name' => 'Doe' ), 'Address' => array( 'address_1' => 'Main St 1, rear', 'city' => 'Köln', 'postcode' => '50667' ) ), $data['parts'] );
		$this->assertSame( array( true, $id ), array( $data['consent'], $data['entry_id'] ) );
	}

	public function test_separate_values_of_formidable_have_their_labels() {
		$this->formidable();
		$options = array( array( 'label' => 'Tea &amp; more', 'value' => 't' ), array( 'label' => 'Coffee', 'value' => 'c' ) );
		$form    = get_option( 'standin_frm' );
		$form[9]['fields'] = array( 41 => array( 'radio', 'One', array( 'separate_value' => '1' ), $options ), 42 => array( 'checkbox', 'Some', array( 'separate_value' => '1' ), $options ), 43 => array( 'radio', 'Plain', array( 'separate_value' => '0' ), array( 't', 'c' ) ) );
		update_option( 'standin_frm', $form );
		standin_frm_create( 9, array( 41 => 't', 42 => array( 'c', 'other text' ), 43 => 't' ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'One' => 'Tea & more', 'Some' => array( 'Coffee', 'other text' ), 'Plain' => 't' ), $data['fields'] );
		$this->assertSame( array( 'One' => 'choice', 'Some' => 'choices', 'Plain' => 'choice' ), $data['types'] );
	}

	public function test_a_draft_of_formidable_is_sent_once_it_is_finished() {
		$id = standin_frm_create( 9, $this->formidable(), 1 );
		$this->assertSame( array(), $this->rows() );
		standin_frm_publish( $id );
		standin_frm_publish( $id );
		$this->assertSame( $id, $this->sent( 'lead.created' )['entry_id'] );
	}

	// -- Elementor Pro

	public function test_an_entry_of_elementor_pro() {
		standin_elementor_submit( '7e10123', 'Landing page', array( 'name' => array( 'text', 'Name', 'Jane' ), 'topics' => array( 'checkbox', 'Topics', array( 'Tea', 'Coffee, black', 'R&D <5V>' ) ), 'attached' => array( 'upload', 'Attached', 'attached' ), 'age' => array( 'number', 'Age', '7.5' ), 'cv' => array( 'upload', 'CV', 'https://x/cv.pdf' ), 'ok' => array( 'acceptance', 'Privacy', 'on' ), 'message' => array( 'textarea', 'Message', "R&D\n3 < 5 & more" ) ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'elementor-pro', 'id' => '7e10123', 'title' => 'Landing page' ), $data['form'] );
		$this->assertSame( array( 'Name' => 'Jane', 'Topics' => array( 'Tea', 'Coffee, black', 'R&D <5V>' ), 'Age' => '7', 'CV' => 'https://x/cv.pdf', 'Privacy' => 'yes', 'Message' => "R&D\n3 < 5 & more" ), $data['fields'] );
		$this->assertSame( array( 'Name' => 'name', 'Topics' => 'choices', 'Age' => 'number', 'CV' => 'file', 'Privacy' => 'consent', 'Message' => 'textarea' ), $data['types'] );
		$this->assertStringNotContainsString( 's3cret', $this->requests[0]['body'] );
		$this->assertTrue( $data['consent'] );
	}

	public function test_a_box_of_elementor_pro_that_was_not_posted_is_no_consent() {
		standin_elementor_submit( '7e10123', 'Landing page', array( 'name' => array( 'text', 'Name', 'Jane' ), 'ok' => array( 'acceptance', 'Privacy' ) ) );
		$this->assertFalse( $this->sent( 'lead.created' )['consent'] );
	}

	public function test_other_data_fired_on_elementors_hook_is_not_an_entry() {
		do_action( 'elementor_pro/forms/new_record', array( 'post_id' => 1, 'fields' => array( 'name' => 'Jane' ) ) );
		$this->assertSame( array(), $this->rows() );
	}
}
