<?php

final class MoreFormsTest extends RelayTestCase {

	const TYPED = "3 < 5 & \"x\" O'Neill";

	protected function setUp(): void {
		parent::setUp();
		$this->choose( array( 'plugins' => array_fill_keys( array( 'jetpack', 'forminator', 'sureforms', 'ws-form', 'everest-forms', 'metform', 'mailpoet', 'kadence-blocks', 'divi', 'bricks' ), 1 ) ) );
	}

	private function page() {
		return wp_insert_post( array( 'post_type' => 'page', 'post_title' => 'Contact &amp; more', 'post_status' => 'publish' ) );
	}

	public function test_no_entry_is_sent_until_an_admin_selects_the_plugin() {
		$this->choose( array() );
		standin_divi_submit( $this->page(), array( 'name' => array( 'Name', 'Jane' ) ) );
		standin_jetpack_submit( $this->page(), array( 'g1' => array( 'text', 'Name', 'Jane' ) ) );
		$this->assertSame( array(), $this->rows() );
		$this->choose( array( 'plugins' => array( 'divi' => 1 ) ) );
		standin_divi_submit( $this->page(), array( 'name' => array( 'Name', 'Jane' ) ) );
		$this->choose( array( 'plugins' => array( 'divi' => 0 ) ) );
		$this->assertSame( array(), $this->send_all(), 'also entries that wait' );
	}

	public function test_jetpack_forms() {
		$page   = $this->page();
		$fields = array(
			'g1' => array( 'name', 'Name', "Jane O'Neill" ),
			'g2' => array( 'checkbox-multiple', 'Topics', array( 'Tea, black', 'Pots' ) ),
			'g3' => array( 'textarea', 'Message', self::TYPED ),
			'g4' => array( 'consent', 'Terms', '' ),
			'g5' => array( 'checkbox', 'Call me', 'Yes' ),
			'g6' => array( 'image-select', 'Colour', array( '{"selected":"A","label":"Red & blue"}' ) ),
			'g7' => array( 'file', 'CV', array( '{"file_id":1}' ) ),
		);
		$entry = standin_jetpack_submit( $page, $fields );
		$data  = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'jetpack', 'id' => $page, 'title' => 'Contact & more' ), $data['form'] );
		$this->assertSame( array( 'Name' => "Jane O'Neill", 'Topics' => array( 'Tea, black', 'Pots' ), 'Message' => self::TYPED, 'Terms' => 'no', 'Call me' => 'Yes', 'Colour' => array( 'Red & blue' ) ), $data['fields'] );
		$this->assertSame( array( 'Name' => 'name', 'Topics' => 'choices', 'Message' => 'textarea', 'Terms' => 'consent', 'Call me' => 'choice', 'Colour' => 'choices' ), $data['types'] );
		$this->assertSame( array( $entry, false, array( 'source' => 'ad' ) ), array( $data['entry_id'], $data['consent'], $data['utm'] ) );
		standin_jetpack_submit( $page, $fields, 'spam', true );
		standin_jetpack_submit( $page, $fields, 'trash' );
		standin_jetpack_submit( $page, $fields, 'jp-temp-feedback' );
		standin_jetpack_submit( $page, $fields, 'publish', false, true );
		$this->assertSame( array(), $this->send_all() );
	}

	public function test_forminator() {
		update_option(
			'standin_forminator',
			array(
				7 => array(
					'title'  => 'Ask us',
					'fields' => array(
						'name-1'         => array( 'type' => 'name', 'field_label' => 'Name', 'fname_label' => 'Given', 'lname_label' => '' ),
						'textarea-1'     => array( 'type' => 'textarea', 'field_label' => 'Message' ),
						'checkbox-1'     => array( 'type' => 'checkbox', 'field_label' => 'Topics', 'options' => array( array( 'label' => 'Tea & more', 'value' => 'tea' ), array( 'label' => 'Pots', 'value' => 'pots' ) ) ),
						'select-1'       => array( 'type' => 'select', 'field_label' => 'Size', 'options' => array( array( 'label' => 'Small', 'value' => 's' ) ) ),
						'date-1'         => array( 'type' => 'date', 'field_label' => 'Day' ),
						'upload-1'       => array( 'type' => 'upload', 'field_label' => 'CV' ),
						'password-1'     => array( 'type' => 'password', 'field_label' => 'Password' ),
						'gdprcheckbox-1' => array( 'type' => 'gdprcheckbox', 'field_label' => 'Privacy' ),
					),
				),
			)
		);
		$values = array( 'name-1' => array( 'first-name' => 'Anna Maria', 'last-name' => 'Heide' ), 'textarea-1' => self::TYPED, 'checkbox-1' => array( 'tea', 'pots' ), 'select-1' => 's', 'date-1' => array( 'day' => '3', 'month' => '2', 'year' => '2026' ), 'upload-1' => array( 'file' => array( 'success' => true, 'file_url' => 'https://x/cv.pdf', 'file_path' => '/srv/cv.pdf' ) ), 'password-1' => 's3cret' );
		standin_forminator_submit( 7, $values );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'forminator', 'id' => 7, 'title' => 'Ask us' ), $data['form'] );
		$this->assertSame( array( 'Name' => 'Anna Maria Heide', 'Name (Given)' => 'Anna Maria', 'Name (Last name)' => 'Heide', 'Message' => self::TYPED, 'Topics' => array( 'Tea & more', 'Pots' ), 'Size' => 'Small', 'Day' => '2026-02-03', 'CV' => 'https://x/cv.pdf', 'Privacy' => 'no' ), $data['fields'] );
		$this->assertSame( array( 'name', 'first_name', 'last_name', 'textarea', 'choices', 'choice', 'date', 'file', 'consent' ), array_values( $data['types'] ) );
		$this->assertSame( array( 61, false ), array( $data['entry_id'], $data['consent'] ) );
		foreach ( array( 'spam', 'draft', 'abandoned', null ) as $status ) {
			standin_forminator_submit( 7, $values, 62, $status );
		}
		standin_forminator_submit( 7, $values, null );
		$this->assertSame( array(), $this->send_all(), 'spam, drafts, previews, and forms that store nothing' );
	}

	public function test_sureforms() {
		$form   = standin_sureforms_make( 'Ask &amp; us', array( 'a1' => array( 'input', 'Your name', 'your-name' ), 'b1' => array( 'email', 'E-mail', 'email' ), 'c1' => array( 'textarea', 'Message', 'message' ), 'd1' => array( 'multi-choice', 'Topics', 'topics' ), 'e1' => array( 'gdpr', 'I agree', 'agree' ) ) );
		$values = array( 'a1' => "O'Neill & Söhne", 'b1' => 'jane@example.org', 'c1' => "Q&A\n" . self::TYPED, 'd1' => 'Tea, black | Pots' );
		standin_sureforms_submit( $form, $values );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( 'Ask & us', $data['form']['title'] );
		$this->assertSame( array( 'Your name' => "O'Neill & Söhne", 'E-mail' => 'jane@example.org', 'Message' => "Q&A\n" . self::TYPED, 'Topics' => array( 'Tea, black', 'Pots' ), 'I agree' => 'no' ), $data['fields'] );
		$this->assertSame( array( 'name', 'email', 'textarea', 'choices', 'consent' ), array_values( $data['types'] ) );
		standin_sureforms_submit( $form, $values, 72, false );
		$this->assertSame( array(), $this->send_all(), 'a form that stores nothing' );
	}

	public function test_ws_form() {
		update_option( 'standin_wsf', array( 4 => array( 'label' => 'Contact', 'fields' => array( 11 => array( 'text', 'Given', array( 'autocomplete' => 'given-name' ) ), 12 => array( 'email', 'E-mail' ), 13 => array( 'checkbox', 'Topics' ), 14 => array( 'password', 'Password' ), 15 => array( 'textarea', 'Message' ) ) ) ) );
		$values = array( 11 => 'Jane', 12 => 'jane@example.org', 13 => array( 'Tea', 'Pots' ), 14 => 's3cret', 15 => self::TYPED );
		standin_wsf_submit( 4, $values );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'Given' => 'Jane', 'E-mail' => 'jane@example.org', 'Topics' => array( 'Tea', 'Pots' ), 'Message' => self::TYPED ), $data['fields'] );
		$this->assertSame( array( 'first_name', 'email', 'choices', 'textarea' ), array_values( $data['types'] ) );
		foreach ( array( array( 'post_mode' => 'save' ), array( 'preview' => 1 ), array( 'spam_level' => 80 ), array( 'error_validation_actions' => array( 'x' ) ), array( 'actions_stopped' => true ), array( 'status' => 'spam' ) ) as $outcome ) {
			standin_wsf_submit( 4, $values, 82, $outcome );
		}
		$this->assertSame( array(), $this->send_all() );
	}

	public function test_everest_forms() {
		$form   = standin_evf_make( 'Ask us', array( 'f1' => array( 'first-name', 'Given &amp; name' ), 'c1' => array( 'checkbox', 'Topics' ), 's1' => array( 'select', 'Size' ), 'm1' => array( 'textarea', 'Message' ), 'p1' => array( 'privacy-policy', 'Privacy' ), 'x1' => array( 'password', 'Password' ), 'n1' => array( 'private-note', 'Note' ) ) );
		$values = array( 'f1' => 'Jane', 'c1' => array( 'Tea & more', 'Pots, big' ), 's1' => array( 'M' => 'M' ), 'm1' => self::TYPED, 'x1' => 's3cret', 'n1' => 'for us only' );
		standin_evf_submit( $form, $values );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'Given & name' => 'Jane', 'Topics' => array( 'Tea & more', 'Pots, big' ), 'Size' => 'M', 'Message' => self::TYPED, 'Privacy' => 'no' ), $data['fields'] );
		$this->assertSame( array( 'first_name', 'choices', 'choice', 'textarea', 'consent' ), array_values( $data['types'] ) );
		standin_evf_submit( $form, $values, 92, true );
		$this->assertSame( array(), $this->send_all() );
	}

	public function test_metform() {
		$form = wp_insert_post( array( 'post_type' => 'page', 'post_title' => 'Ask us', 'post_status' => 'publish' ) );
		$list = static function ( ...$values ) {
			return array( 'mf_input_list' => array_map( static function ( $value ) {
				return (object) array( 'mf_input_option_text' => ucfirst( $value ), 'mf_input_option_value' => $value );
			}, $values ) );
		};
		update_option( 'standin_metform', array( $form => array( 'mf-listing-fname' => array( 'mf-listing-fname', 'Given' ), 'mf-email' => array( 'mf-email', 'E-mail' ), 'mf-checkbox' => array( 'mf-checkbox', 'Topics', $list( 'tea', 'pots' ) ), 'more' => array( 'mf-checkbox', 'More', $list( 'one, two', 'x' ) ), 'mf-password' => array( 'mf-password', 'Password' ), 'mf-file-upload' => array( 'mf-file-upload', 'CV' ), 'mf-gdpr-consent' => array( 'mf-gdpr-consent', 'I agree' ) ) ) );
		standin_metform_submit( $form, array( 'mf-listing-fname' => self::TYPED, 'mf-email' => 'jane@example.org', 'mf-checkbox' => 'tea,pots', 'more' => 'one, two', 'mf-password' => 's3cret', 'not-a-field' => 'x' ), array( 'mf-file-upload' => array( array( 'url' => 'https://x/cv.pdf', 'file' => '/srv/cv.pdf' ) ) ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'Given' => self::TYPED, 'E-mail' => 'jane@example.org', 'Topics' => array( 'tea', 'pots' ), 'More' => array( 'one, two' ), 'CV' => 'https://x/cv.pdf', 'I agree' => 'no' ), $data['fields'] );
		$this->assertSame( array( 'first_name', 'email', 'choices', 'choices', 'file', 'consent' ), array_values( $data['types'] ) );
	}

	public function test_mailpoet() {
		$form = standin_mailpoet_make(
			'Newsletter',
			array(
				array( 'type' => 'columns', 'body' => array( array( 'type' => 'column', 'body' => array( array( 'type' => 'text', 'id' => 'email', 'name' => 'Email', 'params' => array( 'label' => 'Your e-mail' ) ), array( 'type' => 'text', 'id' => 'first_name', 'name' => 'First name' ) ) ) ) ),
				array( 'type' => 'date', 'id' => '2', 'name' => 'Birthday' ),
				array( 'type' => 'submit', 'id' => 'submit', 'name' => 'Go' ),
			)
		);
		standin_mailpoet_subscribe( $form, array( 'email' => 'jane@example.org', 'first_name' => "O'Neill", 'cf_2' => array( 'year' => '1990', 'month' => '4', 'day' => '' ), 'time_zone' => 'Europe/Berlin' ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'mailpoet', 'id' => $form, 'title' => 'Newsletter' ), $data['form'] );
		$this->assertSame( array( 'Your e-mail' => 'jane@example.org', 'First name' => "O'Neill", 'Birthday' => '1990-04' ), $data['fields'] );
		$this->assertSame( array( 'email', 'first_name', 'date' ), array_values( $data['types'] ) );
	}

	public function test_both_forms_of_kadence_blocks() {
		$fields = array( 't1' => array( 'text', 'Name' ), 'e1' => array( 'email', 'E-mail' ), 'c1' => array( 'accept', 'Terms' ) );
		standin_kadence_advanced( $this->page(), $fields, array( 't1' => self::TYPED, 'e1' => 'jane@example.org', 'c1' => 'on' ) );
		standin_kadence_form( '55_ab', $this->page(), array_values( $fields ), array( 0 => self::TYPED ) );
		$events = $this->send_all();
		$this->assertSame( array( 'Name' => self::TYPED, 'E-mail' => 'jane@example.org', 'Terms' => 'yes' ), $events[0]['data']['fields'] );
		$this->assertSame( array( 'Name' => self::TYPED, 'Terms' => 'no' ), $events[1]['data']['fields'] );
		$this->assertSame( array( true, false, '55_ab', 'Contact & more' ), array( $events[0]['data']['consent'], $events[1]['data']['consent'], $events[1]['data']['form']['id'], $events[1]['data']['form']['title'] ) );
	}

	public function test_divi_and_bricks() {
		standin_divi_submit( $this->page(), array( 'name' => array( 'Your name', "O'Neill" ), 'email' => array( 'E-mail', 'jane@example.org' ), 'message' => array( 'Message', self::TYPED ) ) );
		standin_divi_submit( $this->page(), array( 'name' => array( 'Your name', 'x' ) ), true );
		standin_bricks_submit( 'abcdef', $this->page(), array( 'f1' => array( 'text', 'Name', 'Jane' ), 'f2' => array( 'email', 'E-mail', 'jane@example.org' ), 'f3' => array( 'checkbox', 'Topics', array( 'Tea', 'Pots' ) ), 'f4' => array( 'password', 'Password', 's3cret' ) ) );
		$events = $this->send_all();
		$this->assertCount( 2, $events );
		$this->assertSame( array( 'Your name' => "O'Neill", 'E-mail' => 'jane@example.org', 'Message' => self::TYPED ), $events[0]['data']['fields'] );
		$this->assertSame( array( 'name', 'email', 'textarea' ), array_values( $events[0]['data']['types'] ) );
		$this->assertSame( array( 'Name' => 'Jane', 'E-mail' => 'jane@example.org', 'Topics' => array( 'Tea', 'Pots' ) ), $events[1]['data']['fields'] );
		$this->assertSame( 'abcdef', $events[1]['data']['form']['id'] );
	}
}
