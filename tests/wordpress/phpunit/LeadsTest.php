<?php

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Schema;
use Relay_Connector\Settings;
use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Status\Lost_Events;

/** Tests for every form plugin; OtherFormsTest and ContactForm7Test cover what is special about each. */
final class LeadsTest extends RelayTestCase {

	private function submit( array $fields, array $meta = array() ) {
		standin_elementor_submit( '7e10123', 'Contact', $fields, $meta );
	}

	/** Types from the form plugins and their add-ons, and what the gateway is told. */
	public function kinds() {
		$kinds = array(
			'email'      => array( 'email', 'email*', 'input_email' ),
			'tel'        => array( 'tel', 'tel*', 'phone', 'phonetext' ),
			'name'       => array( 'name', 'input_name' ),
			'first_name' => array( 'firstname' ),
			'last_name'  => array( 'lastname' ),
			'text'       => array( 'text*', 'textbox', 'input_text', 'hidden', 'address', 'city', 'total' ),
			'textarea'   => array( 'textarea*', 'richtext', 'rte', 'rich_text_input', 'post_content' ),
			'choice'     => array( 'select', 'radio', 'listselect', 'listradio', 'input_radio', 'select_country', 'payment-select' ),
			'choices'    => array( 'checkbox*', 'listcheckbox', 'listmultiselect', 'multiselect', 'input_checkbox', 'multi_choice' ),
			'number'     => array( 'number*', 'input_number', 'number-slider', 'range', 'starrating' ),
			'date'       => array( 'date*', 'input_date', 'date-time' ),
			'consent'    => array( 'acceptance', 'gdpr-checkbox', 'consent', 'gdpr_agreement', 'terms_and_condition', 'gdpr' ),
			'url'        => array( 'url*', 'input_url', 'website' ),
			'file'       => array( 'file*', 'mfile', 'file-upload', 'fileupload', 'file_upload', 'upload', 'input_file', 'input_image', 'post_image', 'featured_image' ),
		);
		foreach ( $kinds as $kind => $types ) {
			foreach ( $types as $type ) {
				yield $type => array( $type, $kind );
			}
		}
	}

	/** @dataProvider kinds */
	public function test_each_type_has_a_kind( $type, $kind ) {
		$this->assertSame( $kind, Field_Types::kind( $type ) );
	}

	public function test_an_id_that_people_choose_says_what_a_text_is() {
		$this->submit( array( 'name' => array( 'text', 'Wie heißen Sie?', 'Jane' ), 'company_2' => array( 'text', 'Firma', 'Söhne' ), 'your-phone' => array( 'number', 'Telefon', '0221' ), 'field_1' => array( 'text', 'Name', 'no' ) ) );
		$this->assertSame( array( 'Wie heißen Sie?' => 'name', 'Firma' => 'company', 'Telefon' => 'number', 'Name' => 'text' ), $this->sent( 'lead.created' )['types'] );
	}

	/** Values of file fields as form plugins store them, and what is sent. */
	public function files() {
		return array(
			'one address'       => array( 'https://x.example/cv.pdf?a=1&b=2', 'https://x.example/cv.pdf?a=1&b=2' ),
			'lines'             => array( "https://x.example/1.pdf\nhttps://x.example/2.pdf", array( 'https://x.example/1.pdf', 'https://x.example/2.pdf' ) ),
			'commas'            => array( 'https://x.example/1.pdf , https://x.example/2,b.pdf', array( 'https://x.example/1.pdf', 'https://x.example/2,b.pdf' ) ),
			'JSON'              => array( '["https://x.example/1.pdf","https:\/\/x.example/2.pdf"]', array( 'https://x.example/1.pdf', 'https://x.example/2.pdf' ) ),
			'image with title'  => array( 'https://x.example/1.png|:|s3cret title|:||:|', 'https://x.example/1.png' ),
			'a path'            => array( '/var/www/uploads/s3cret.pdf', null ),
			'the content'       => array( 's3cret', null ),
			'another protocol'  => array( 'file:///s3cret javascript:s3cret', null ),
		);
	}

	/** @dataProvider files */
	public function test_of_a_file_only_its_addresses_are_sent( $stored, $sent ) {
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ), 'b' => array( 'upload', 'CV', $stored ) ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( $sent, null === $sent ? null : 'file' ), array( isset( $data['fields']['CV'] ) ? $data['fields']['CV'] : null, isset( $data['types']['CV'] ) ? $data['types']['CV'] : null ) );
		$this->assertStringNotContainsString( 's3cret', $this->requests[0]['body'] );
	}

	public function test_addresses_of_files_can_be_excluded() {
		$this->choose( array( 'fields' => array( 'leads.files' => 0 ) ) );
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ), 'b' => array( 'upload', 'CV', 'https://x.example/cv.pdf' ) ) );
		$this->assertSame( array( 'Name' => 'Jane' ), $this->sent( 'lead.created' )['fields'] );
	}

	public function test_a_site_that_was_promised_no_files_sends_none_after_an_update() {
		update_option( Settings::CONNECTED_AT, time() );
		update_option( Schema::OPTION, 4 );
		Schema::install();
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ), 'b' => array( 'upload', 'CV', 'https://x.example/cv.pdf' ) ) );
		$this->assertSame( array( 'Name' => 'Jane' ), $this->sent( 'lead.created' )['fields'] );
	}

	public function test_a_long_list_loses_its_last_choices() {
		$this->submit( array( 'a' => array( 'checkbox', 'Topics', array_fill( 0, 30, str_repeat( 'ß', 999 ) ) ) ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 10, array( 'Topics' ) ), array( count( $data['fields']['Topics'] ), $data['shortened'] ) );
	}

	public function test_a_list_without_a_choice_is_an_empty_list() {
		$this->submit( array( 'a' => array( 'checkbox', 'Topics', array() ) ) );
		$this->assertSame( array( 'Topics' => array() ), $this->sent( 'lead.created' )['fields'] );
	}

	/** Types from the form plugins and their add-ons. */
	public function secret_types() {
		return array_map(
			static function ( $type ) {
				return array( $type );
			},
			array( 'password', 'passwordconfirm', 'input_password', 'confirm_password', 'creditcard', 'credit-card', 'stripe-credit-card', 'stripe_creditcard', 'creditcardcvc', 'square', 'payment_method', 'signature', 'captcha', 'recaptcha', 'iban' )
		);
	}

	/** @dataProvider secret_types */
	public function test_secret_field_types_are_never_sent( $type ) {
		$this->assertTrue( Field_Types::is_secret( $type ) );
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ), 'b' => array( $type, 'Harmless', 's3cret' ) ) );
		$this->assertSame( array( 'Name' => 'Jane' ), $this->sent( 'lead.created' )['fields'] );
		$this->assertStringNotContainsString( 's3cret', $this->requests[0]['body'] );
	}

	/** Ordinary types. */
	public function test_usual_types_are_sent() {
		foreach ( array( 'text', 'text*', 'email', 'textarea', 'tel', 'url', 'number', 'date', 'select', 'checkbox', 'radio', 'hidden', 'input_text', 'listselect', 'multi_choice', 'image_choice', 'rte', 'phone', 'name', 'address', 'acceptance', 'payment-single', 'range' ) as $type ) {
			$this->assertTrue( Field_Types::is_sendable( $type ), $type );
		}
		foreach ( array( 'html', 'submit', 'section', 'recaptcha', 'step', 'divider', '' ) as $type ) {
			$this->assertFalse( Field_Types::is_sendable( $type ), $type );
		}
	}

	public function test_duplicate_labels_are_numbered() {
		$this->submit(
			array(
				'a' => array( 'text', ' <b>Name</b> &amp; title ', 'Jane' ),
				'b' => array( 'text', 'Name & title', 'Dr' ),
				'c' => array( 'checkbox', 'Topics', array( 'Tea', 'Pots' ) ),
				'd' => array( 'text', '', 'no label' ),
				'e' => array( 'textarea', '2', "two\r\nlines\x00" ),
			)
		);
		$this->assertSame( array( 'Name & title' => 'Jane', 'Name & title (2)' => 'Dr', 'Topics' => array( 'Tea', 'Pots' ), 'd' => 'no label', 2 => "two\nlines" ), $this->sent( 'lead.created' )['fields'] );
	}

	public function test_labels_that_are_numbers_stay_a_map() {
		$this->submit( array( 'a' => array( 'text', '0', 'x' ), 'b' => array( 'text', '1', 'y' ) ) );
		$this->sent( 'lead.created' );
		$this->assertStringContainsString( '"fields":{"0":"x","1":"y"},"types":{"0":"text","1":"text"}', $this->requests[0]['body'] );
	}

	public function test_the_page_and_its_utm_parameters() {
		$url = 'https://shop.example/tea/?utm_source=letter&utm_medium=email&utm_campaign=' . rawurlencode( 'Früh <b>2026</b>' ) . '&utm_term[]=x&other=1';
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ) ), array( 'page_url' => array( 'title' => 'Page URL', 'value' => $url ) ) );
		$data = $this->sent( 'lead.created' );
		$this->assertStringStartsWith( 'https://shop.example/tea/?utm_source=letter', $data['page_url'] );
		$this->assertSame( array( 'source' => 'letter', 'medium' => 'email', 'campaign' => 'Früh 2026' ), $data['utm'] );
	}

	public function test_without_a_page_the_referer_is_used() {
		$_SERVER['HTTP_REFERER'] = 'https://shop.example/contact/?utm_source=ad';
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ) ) );
		unset( $_SERVER['HTTP_REFERER'] );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'https://shop.example/contact/?utm_source=ad', array( 'source' => 'ad' ) ), array( $data['page_url'], $data['utm'] ) );
	}

	public function test_a_page_that_is_no_web_address_is_not_sent() {
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ) ), array( 'page_url' => array( 'value' => 'javascript:alert(1)' ) ) );
		$this->assertArrayNotHasKey( 'page_url', $this->sent( 'lead.created' ) );
	}

	/** Checkboxes, and what is sent. */
	public function consents() {
		return array(
			'none asked'     => array( array(), null ),
			'checked'        => array( array( 'on' ), true ),
			'not checked'    => array( array( '' ), false ),
			'one of the two' => array( array( 'on', '' ), false ),
			'first missing'  => array( array( '', 'on' ), false ),
		);
	}

	/** @dataProvider consents */
	public function test_consent_requires_every_checkbox( array $boxes, $expected ) {
		$fields = array( 'a' => array( 'text', 'Name', 'Jane' ) );
		foreach ( $boxes as $i => $value ) {
			$fields[ "box$i" ] = array( 'acceptance', "Box $i", $value );
		}
		$this->submit( $fields );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( $expected, isset( $data['consent'] ) ? $data['consent'] : null );
		foreach ( $boxes as $i => $value ) {
			$this->assertSame( $value ? 'yes' : 'no', $data['fields'][ "Box $i" ] );
		}
	}

	public function test_long_values_are_cut_and_listed() {
		$this->submit( array( 'a' => array( 'textarea', 'Essay', str_repeat( '😀', 30000 ) ), 'b' => array( 'text', 'Name', 'Jane' ) ) );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'Essay' ), $data['shortened'] );
		$this->assertSame( 'Jane', $data['fields']['Name'] );
		$this->assertLessThanOrEqual( 10000, mb_strlen( $data['fields']['Essay'] ) );
		$this->assertGreaterThan( 4000, mb_strlen( $data['fields']['Essay'] ) );
	}

	public function test_a_form_of_any_size_stays_below_the_gateways_limit() {
		$fields = array();
		for ( $i = 0; $i < 400; $i++ ) {
			$fields[ "f$i" ] = array( 'text', str_repeat( 'ß', 150 ) . $i, str_repeat( '日', 2000 ) );
		}
		$this->submit( $fields );
		$data = $this->sent( 'lead.created' );
		$this->assertLessThan( 262144, strlen( $this->requests[0]['body'] ) );
		$this->assertSame( 400, count( $data['fields'] ) + $data['left_out'] );
	}

	public function test_an_entry_without_fields_is_sent() {
		$this->submit( array( 'a' => array( 'password', 'Password', 'x' ) ) );
		$this->sent( 'lead.created' );
		$this->assertStringContainsString( '"fields":{}', $this->requests[0]['body'] );
	}

	public function test_forms_and_fields_can_be_excluded() {
		$this->choose( array( 'left_out' => array( 'elementor-pro:7e10123' => array( 'b' ) ), 'forms' => array( 'elementor-pro:aaaaaaa' => 0 ) ) );
		standin_elementor_submit( 'aaaaaaa', 'Not wanted', array( 'a' => array( 'text', 'Name', 'Jane' ) ) );
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ), 'b' => array( 'text', 'Phone', '0221' ) ) );
		$this->assertSame( array( 'Name' => 'Jane' ), $this->sent( 'lead.created' )['fields'] );
	}

	public function test_new_forms_can_be_excluded() {
		$this->choose( array( 'new_forms' => 0, 'forms' => array( 'elementor-pro:bbbbbbb' => 1 ) ) );
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ) ) );
		standin_elementor_submit( 'bbbbbbb', 'Wanted', array( 'a' => array( 'text', 'Name', 'Jane' ) ) );
		$this->assertSame( 'Wanted', $this->sent( 'lead.created' )['form']['title'] );
	}

	public function test_waiting_entries_are_withdrawn_when_the_form_is_switched_off() {
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ) ) );
		$this->choose( array( 'forms' => array( 'elementor-pro:7e10123' => 0 ) ) );
		$this->assertSame( array(), $this->send_all() );
		$this->assertSame( 'withdrawn', $this->rows()[0]->state );
		$this->assertNull( $this->rows()[0]->body );
	}

	public function test_identical_entries_are_two_events() {
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ) ) );
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ) ) );
		$this->assertCount( 2, $this->send_all() );
	}

	public function test_bad_hook_arguments_do_not_break_the_form_and_errors_are_recorded() {
		$hooks = array( 'wpcf7_submit', 'wpforms_process_complete', 'gform_after_submission', 'fluentform/submission_inserted', 'frm_after_create_entry', 'ninja_forms_after_submission', 'elementor_pro/forms/new_record', 'woocommerce_new_order', 'woocommerce_order_status_changed', 'woocommerce_order_refunded', 'user_register', 'wp_insert_comment', 'transition_comment_status',
			'woocommerce_update_order', 'woocommerce_before_trash_order', 'woocommerce_before_delete_order', 'woocommerce_untrash_order', 'wp_trash_post', 'before_delete_post', 'untrashed_post', 'transition_post_status', 'woocommerce_update_product', 'woocommerce_low_stock', 'woocommerce_no_stock', 'woocommerce_created_customer', 'profile_update', 'woocommerce_update_coupon', 'woocommerce_new_subscription', 'woocommerce_subscription_status_updated', 'woocommerce_subscription_renewal_payment_complete', 'woocommerce_subscription_renewal_payment_failed', 'wp_after_insert_post',
			'grunion_after_feedback_post_inserted', 'forminator_custom_form_submit_before_set_fields', 'srfm_form_submit', 'wsf_submit_post_complete', 'everest_forms_complete_entry_save', 'metform_after_store_form_data', 'mailpoet_subscription_after_subscribe', 'kadence_blocks_advanced_form_submission', 'kadence_blocks_form_submission', 'et_pb_contact_form_submit', 'bricks/form/custom_action', 'relay_connector_send_lead' );
		$this->choose( array( 'sources' => array_fill_keys( Event_Choices::SOURCES_OFF, 1 ), 'plugins' => array_fill_keys( array( 'jetpack', 'forminator', 'sureforms', 'ws-form', 'everest-forms', 'metform', 'mailpoet', 'kadence-blocks', 'divi', 'bricks' ), 1 ) ) );
		foreach ( $hooks as $hook ) {
			foreach ( array( null, array(), 'text', 0, new stdClass(), array( 'id' => array() ) ) as $argument ) {
				$this->call_ours( $hook, array( $argument, $argument, $argument, $argument ) );
			}
			$this->call_ours( $hook, array() );
		}
		$this->end_request();
		$this->assertSame( array(), $this->send_all() );
		Lost_Events::clear();
	}

	/** Calls only the plugin's own callbacks of a hook; WordPress's do not accept all arguments. */
	private function call_ours( $hook, array $arguments ) {
		global $wp_filter;
		$count = 0;
		foreach ( $wp_filter[ $hook ]->callbacks as $callbacks ) {
			foreach ( $callbacks as $one ) {
				if ( is_array( $one['function'] ) && is_object( $one['function'][0] ) && 0 === strpos( get_class( $one['function'][0] ), 'Relay_Connector\\Events' ) ) {
					call_user_func_array( $one['function'], array_slice( $arguments, 0, $one['accepted_args'] ) );
					++$count;
				}
			}
		}
		$this->assertGreaterThan( 0, $count, $hook );
	}

	public function test_another_plugin_can_change_the_fields_but_not_break_the_form() {
		$filter = static function ( $data, $type ) {
			if ( 'lead.created' !== $type ) {
				return $data;
			}
			if ( 'boom' === $data['fields']['Name'] ) {
				throw new Error( 'broken add-on' );
			}
			$data['fields']['Added'] = 'here';
			return $data;
		};
		add_filter( 'relay_connector_event_data', $filter, 10, 2 );
		$this->submit( array( 'a' => array( 'text', 'Name', 'boom' ) ) );
		$this->submit( array( 'a' => array( 'text', 'Name', 'Jane' ) ) );
		remove_filter( 'relay_connector_event_data', $filter );
		$this->assertStringContainsString( 'broken add-on', Lost_Events::read()['detail'] );
		Lost_Events::clear();
		$this->assertSame( array( 'Name' => 'Jane', 'Added' => 'here' ), $this->sent( 'lead.created' )['fields'] );
	}
}
