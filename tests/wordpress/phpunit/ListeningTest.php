<?php

use Relay_Connector\Events\Forms\Other_Forms;
use Relay_Connector\Listening\Form_Sources;
use Relay_Connector\Listening\Place;
use Relay_Connector\Listening\Recorder;
use Relay_Connector\Listening\Secret_Values;

final class ListeningTest extends RelayTestCase {

	protected function setUp(): void {
		parent::setUp();
		update_option( Form_Sources::OPTION, array() );
	}

	/** What is found while a piece of code handles what was submitted. */
	private function found( array $submitted, callable $code ) {
		$recorder = new Recorder( $submitted );
		$recorder->start();
		$code();
		$recorder->stop();
		return $recorder->found();
	}

	/** Names and samples of what a hook passed. */
	private function samples( array $one ) {
		return array_column( $one['fields'], 'sample', 'name' );
	}

	public function test_the_hook_with_the_most_values_comes_first() {
		$submitted = array( 'your-name' => "Jane O'Neill", 'your-email' => 'jane@example.org', 'topics' => array( 'Tea', 'Pots' ), 'ok' => 'on' );
		$found     = $this->found(
			$submitted,
			static function () use ( $submitted ) {
				do_action( 'book_validate', 'jane@example.org' );
				apply_filters( 'book_data', $submitted );
				do_action( 'book_before_save', $submitted );
				do_action( 'book_saved', 77, array( 'form_id' => 12, 'values' => array_map( 'wp_slash', $submitted ) ), new stdClass() );
				update_option( 'x', 'jane@example.org' );
				do_action( 'book_mail_template', $submitted );
			}
		);
		$this->assertSame( array( 'book_saved', 'book_before_save', 'book_mail_template', 'book_validate' ), array_column( $found, 'hook' ), 'no filters and nothing of WordPress' );
		$this->assertSame( array( 'your-name' => "Jane O'Neill", 'your-email' => 'jane@example.org', 'topics' => 'Tea, Pots', 'ok' => 'on' ), $this->samples( $found[0] ) );
		$this->assertSame( array( array( 1, 'values', 'topics' ), 'choices' ), array( $found[0]['fields'][2]['place'], $found[0]['fields'][2]['kind'] ) );
		$this->assertSame( array( '77', '12' ), array_column( $found[0]['marks'], 'value' ) );
		$this->assertSame( array( 3, true ), array( $found[0]['args'], $found[0]['is_slashed'] ) );
	}

	public function test_a_form_that_is_only_shown_again_is_no_entry() {
		$show = static function () {
			do_action( 'book_display_field', array( 'value' => 'Jane' ) );
		};
		$this->assertSame( array(), $this->found( array( 'name' => 'Jane' ), $show ) );
	}

	public function test_a_value_is_found_once_and_has_the_label_beside_it() {
		$found = $this->found(
			array( 'f1' => 'Jane', 'f2' => 'Max', 'f3' => 'x-secret' ),
			static function () {
				do_action( 'saved', array( array( 'label' => 'Your <b>name</b>', 'value' => 'Jane' ), array( 'label' => 'Password', 'value' => 'x-secret' ) ), array( 'f1' => 'Jane', 'f2' => 'Max' ) );
			}
		);
		$this->assertSame( array( 'Your name' => 'Jane', 'f2' => 'Max' ), $this->samples( $found[0] ) );
		$this->assertStringNotContainsString( 'x-secret', wp_json_encode( $found ) );
	}

	public function test_values_in_objects_are_found_and_a_common_value_alone_is_not() {
		$entry        = new stdClass();
		$entry->given = 'Jane';
		$found        = $this->found(
			array( 'name' => 'Jane', 'ok' => 'yes' ),
			static function () use ( $entry ) {
				do_action( 'one', array( 'x' => 'yes' ) );
				do_action( 'two', $entry );
				do_action( 'three', function () {} );
			}
		);
		$this->assertSame( array( 'two' ), array_column( $found, 'hook' ) );
		$this->assertSame( 'Jane', Place::value( $found[0]['fields'][0]['place'], array( $entry ) ) );
	}

	public function test_secrets_are_never_recorded_wherever_a_hook_passes_them() {
		$submitted = array( 'name' => 'Jane', 'shown_again' => 'hunter22', 'user_pass' => 'hunter22', 'card_number' => '4111 1111 1111 1111', 'account' => 'DE89 3704 0044 0532 0130 00', 'other' => '5500000000000004', '_wpnonce' => 'abcdef0123', 'form' => array( 'cvc' => '123', 'iban' => 'x-iban' ), 'g-recaptcha-response' => 'long-token' );
		$found     = $this->found(
			$submitted,
			static function () use ( $submitted ) {
				do_action( 'saved', $submitted, array( 'a' => 'hunter22', 'b' => '5500000000000004', 'c' => 'DE89 3704 0044 0532 0130 00', 'd' => '123' ) );
			}
		);
		$this->assertSame( array( 'name' => 'Jane' ), $this->samples( $found[0] ) );
		$this->assertDoesNotMatchRegularExpression( '/hunter22|4111|5500|DE89|abcdef0123|x-iban|long-token|123/', wp_json_encode( $found ) );
	}

	public function test_a_password_is_not_recorded_under_a_short_name_either() {
		$submitted = array( 'tf' => array( 'name' => 'Jane', 'pw' => 's3cretpw', 'motDePasse' => 'secret-fr' ) );
		$found     = $this->found(
			$submitted,
			static function () use ( $submitted ) {
				do_action( 'saved', $submitted['tf'] );
			}
		);
		$this->assertSame( array( 'name' => 'Jane' ), $this->samples( $found[0] ) );
		$this->assertStringNotContainsString( 'secret', str_replace( '3', 'e', wp_json_encode( $found ) ) );
	}

	public function test_secrets_by_name_and_by_check_digit() {
		foreach ( array( 'password', 'pass1', 'user_pass', 'Passwort', 'cc_cvc', 'iban', 'card-number', '_wpnonce', 'csrf_token', 'pin', 'pw', 'psw', 'user_pwd', 'userPwd', 'mdp', 'motdepasse', 'mot_de_passe', 'contraseña', 'wachtwoord', 'senha', 'haslo', 'ccnum', 'cc-number', 'konto', 'sort_code' ) as $name ) {
			$this->assertTrue( Secret_Values::is_secret_name( $name ), $name );
		}
		foreach ( array( 'name', 'e-mail', 'passenger_name', 'compass', 'topic', 'shopping', 'company', 'description', 'pinterest', 'shipping', 'konto-name', 'kontakt', 'pwa', 'opinion' ) as $name ) {
			$this->assertFalse( Secret_Values::is_secret_name( $name ), $name );
		}
		$this->assertTrue( Secret_Values::is_secret_value( '4111-1111-1111-1111' ) );
		$this->assertFalse( Secret_Values::is_secret_value( '4111111111111112' ) );
		$this->assertFalse( Secret_Values::is_secret_value( '+49 221 123456789' ) );
	}

	public function test_only_what_was_submitted_is_recorded_and_long_values_are_cut() {
		$long  = str_repeat( 'long text ', 50 );
		$found = $this->found(
			array( 'message' => $long ),
			static function () use ( $long ) {
				do_action( 'saved', array( 'message' => $long, 'ip' => '192.0.2.7', 'user' => array( 'email' => 'admin@example.org' ) ) );
			}
		);
		$this->assertCount( 1, $found[0]['fields'] );
		$this->assertLessThanOrEqual( 60, mb_strlen( $found[0]['fields'][0]['sample'] ) );
		$this->assertStringNotContainsString( '192.0.2.7', wp_json_encode( $found ) );
	}

	public function test_an_added_form_is_a_source_from_then_on_and_can_be_removed() {
		$id = Form_Sources::add(
			array(
				'hook'       => 'listening_test_saved',
				'args'       => 2,
				'title'      => 'Booking',
				'form_id'    => array( 'place' => array( 1, 'form_id' ), 'name' => 'form_id', 'value' => '12' ),
				'is_slashed' => true,
				'fields'     => array(
					array( 'place' => array( 1, 'values', 'your-name' ), 'label' => 'Name', 'kind' => 'name' ),
					array( 'place' => array( 1, 'values', 'mail' ), 'label' => 'E-mail', 'kind' => 'email' ),
					array( 'place' => array( 1, 'values', 'more' ), 'label' => 'More', 'kind' => 'text' ),
					array( 'place' => array( 1, 'values', 'ok' ), 'label' => 'Terms', 'kind' => 'consent' ),
				),
			)
		);
		$forms = new Other_Forms( $this->leads() );
		$forms->add_hooks();
		do_action( 'listening_test_saved', 7, array( 'form_id' => 12, 'values' => array( 'your-name' => "Jane O\\'Neill", 'mail' => 'jane@example.org', 'more' => '4111 1111 1111 1111', 'pass' => 'x' ) ) );
		do_action( 'listening_test_saved', 7, array( 'form_id' => 12, 'values' => array( 'your-name' => "Jane O\\'Neill", 'mail' => 'jane@example.org' ) ) );
		do_action( 'listening_test_saved', 8, array( 'form_id' => 13, 'values' => array( 'your-name' => 'Of another form' ) ) );
		do_action( 'listening_test_saved', 9, 'no array' );
		$data = $this->sent( 'lead.created' );
		$this->assertSame( array( 'plugin' => 'other', 'id' => $id, 'title' => 'Booking' ), $data['form'] );
		$this->assertSame( array( 'Name' => "Jane O'Neill", 'E-mail' => 'jane@example.org', 'Terms' => 'no' ), $data['fields'] );
		$this->assertSame( array( 'Name' => 'name', 'E-mail' => 'email', 'Terms' => 'consent' ), $data['types'] );
		Form_Sources::remove( $id );
		$this->assertSame( array(), Form_Sources::all() );
	}

	/** @return \Relay_Connector\Events\Leads */
	private function leads() {
		foreach ( $this->sources( new \Relay_Connector\Sending\Outbox() ) as $source ) {
			if ( 'leads' === $source->slug() ) {
				return $source;
			}
		}
	}

	public function test_listening_is_for_one_browser_and_ends() {
		$this->assertSame( array( 0, false ), array( Form_Sources::listens_until(), Form_Sources::listens_to( 'a' ) ) );
		Form_Sources::listen( 'a' );
		$this->assertSame( array( true, false ), array( Form_Sources::listens_to( 'a' ), Form_Sources::listens_to( 'b' ) ) );
		Form_Sources::listen( 'b' );
		$this->assertFalse( Form_Sources::listens_to( 'a' ), 'one session' );
		$state = get_option( Form_Sources::OPTION );
		$this->assertLessThanOrEqual( time() + 600, $state['listening']['until'] );
		$state['listening']['until'] = time() - 1;
		update_option( Form_Sources::OPTION, $state );
		$this->assertFalse( Form_Sources::listens_to( 'b' ) );
	}

	public function test_a_developer_passes_an_entry() {
		do_action( 'relay_connector_send_lead', array( 'Name' => 'Jane', 'E-mail' => 'jane@example.org', 'Topics' => array( 'Tea', 'Pots' ), 'Password' => 's3cret', 'Account' => 'DE89 3704 0044 0532 0130 00', 'Notes' => '3 &lt; 5' ), array( 'title' => 'Booking form', 'entry_id' => 5, 'types' => array( 'Notes' => 'textarea', 'Name' => 'nonsense' ) ) );
		relay_connector_send_lead( array( 'Name' => 'Jane' ), 'Other' );
		$events = $this->send_all();
		$data   = $events[0]['data'];
		$this->assertSame( array( 'plugin' => 'other', 'id' => 'booking-form', 'title' => 'Booking form' ), $data['form'] );
		$this->assertSame( array( 'Name' => 'Jane', 'E-mail' => 'jane@example.org', 'Topics' => array( 'Tea', 'Pots' ), 'Notes' => '3 &lt; 5' ), $data['fields'], 'as it was passed' );
		$this->assertSame( array( 'name', 'email', 'choices', 'textarea', 5 ), array_merge( array_values( $data['types'] ), array( $data['entry_id'] ) ) );
		$this->assertSame( 'Other', $events[1]['data']['form']['title'] );
	}
}
