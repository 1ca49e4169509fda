<?php

final class ContactForm7Test extends RelayTestCase {

	const POST = array(
		'_wpcf7'       => '5',
		'your-name'    => "Jane O\\'Neill",
		'your-email'   => 'jane@example.org',
		'topics'       => array( 'Tea', 'Pots' ),
		'your-message' => 'Größe \\"L\\"?',
		'terms'        => '1',
		'your-file'    => 'hash-of-a-file',
		'tel-123'      => '+49 221 1',
		'firm'         => 'R&D <Ltd> &amp; 3<5V>1',
		'size'         => array( 'Large' ),
		'colours'      => array( 'red' ),
		'g-recaptcha'  => 'a-stranger',
		'send'         => 'Send',
	);

	private function form( array $settings = array(), array $terms_options = array() ) {
		update_option(
			'standin_cf7',
			array(
				5 => array(
					'title'    => 'Contact us',
					'settings' => $settings,
					'tags'     => array(
						array( 'text*', 'your-name' ),
						array( 'email*', 'your-email' ),
						array( 'checkbox', 'topics' ),
						array( 'textarea', 'your-message' ),
						array( 'file', 'your-file' ),
						array( 'tel', 'tel-123' ),
						array( 'text', 'firm', array( 'autocomplete:section-a|organization' ) ),
						array( 'select', 'size' ),
						array( 'select', 'colours', array( 'multiple' ) ),
						array( 'acceptance', 'terms', $terms_options, 'I agree' ),
						array( 'submit' ),
					),
				),
			)
		);
	}

	public function test_an_entry() {
		$this->form();
		standin_cf7_submit( 5, self::POST, 'mail_sent', 'http://127.0.0.1/contact/?utm_source=ad' );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'contact-form-7', 'id' => 5, 'title' => 'Contact us' ), $data['form'] );
		$this->assertSame( array( 'your-name' => "Jane O'Neill", 'your-email' => 'jane@example.org', 'topics' => array( 'Tea', 'Pots' ), 'your-message' => 'Größe "L"?', 'tel-123' => '+49 221 1', 'firm' => 'R&D <Ltd> &amp; 3<5V>1', 'size' => 'Large', 'colours' => array( 'red' ), 'terms' => 'yes' ), $data['fields'] );
		$this->assertSame( array( 'your-name' => 'name', 'your-email' => 'email', 'topics' => 'choices', 'your-message' => 'textarea', 'tel-123' => 'tel', 'firm' => 'company', 'size' => 'choice', 'colours' => 'choices', 'terms' => 'consent' ), $data['types'] );
		$this->assertSame( array( true, array( 'source' => 'ad' ), 'http://127.0.0.1/contact/?utm_source=ad' ), array( $data['consent'], $data['utm'], $data['page_url'] ) );
		$this->assertArrayNotHasKey( 'entry_id', $data );
	}

	/** Every outcome of the plugin. */
	public function outcomes() {
		return array( array( 'mail_sent', 1 ), array( 'mail_failed', 1 ), array( 'validation_failed', 0 ), array( 'acceptance_missing', 0 ), array( 'spam', 0 ), array( 'aborted', 0 ), array( 'init', 0 ) );
	}

	/** @dataProvider outcomes */
	public function test_an_entry_counts_when_the_form_was_accepted_even_if_its_mail_fails( $status, $count ) {
		$this->form();
		$result = standin_cf7_submit( 5, self::POST, $status );
		$this->assertCount( $count, $this->rows() );
		$this->assertSame( $status, $result['status'], 'the form\'s own result is not touched' );
	}

	public function test_choices_are_text_and_what_a_visitor_typed_stays() {
		update_option(
			'standin_cf7',
			array(
				5 => array(
					'title' => 'Contact "us" &amp; more',
					'tags'  => array(
						array( 'checkbox', 'drinks', array(), '', array( 'Tea', 'Coffee, black', 'R&amp;D <5V>' ) ),
						array( 'checkbox', 'other', array( 'free_text' ), '', array( 'R&amp;D' ) ),
						array( 'radio', 'department', array(), '', array( 'Sales &amp; co|sales@example.com' ) ),
						array( 'text', 'typed' ),
					),
				),
			)
		);
		standin_cf7_submit( 5, array( 'drinks' => array( 'Coffee, black', 'R&D <5V>' ), 'other' => array( 'R&D' ), '_wpcf7_free_text_other' => 'my &amp; own', 'department' => 'Sales & co', 'typed' => '&amp; <b>x</b> ' ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( 'Contact "us" & more', $data['form']['title'] );
		$this->assertSame( array( 'drinks' => array( 'Coffee, black', 'R&D <5V>' ), 'other' => array( 'R&D my &amp; own' ), 'department' => 'sales@example.com', 'typed' => '&amp; <b>x</b>' ), $data['fields'] );
	}

	public function test_do_not_store_is_honoured() {
		$this->form( array( 'do_not_store' => true ) );
		standin_cf7_submit( 5, self::POST );
		$this->form( array(), array( 'consent_for:storage' ) );
		standin_cf7_submit( 5, array( 'terms' => '' ) + self::POST );
		$this->assertSame( array(), $this->rows() );
	}

	public function test_an_inverted_checkbox_means_yes_when_unchecked() {
		$this->form( array(), array( 'invert' ) );
		standin_cf7_submit( 5, array( 'terms' => '' ) + self::POST );
		$this->assertTrue( $this->sent( 'lead.created' )['consent'] );
	}
}
