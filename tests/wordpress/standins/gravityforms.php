<?php
/**
 * Plugin Name: Stand-in for Gravity Forms
 *
 * For tests only. Fields are objects that can also be read like arrays, as in the real plugin. As seen on 2.10.2:
 *
 * - Texts are stored as they were typed: GF_Field::sanitize_entry_value() in includes/fields/class-gf-field.php. Choices may
 *   contain HTML and lose what looks like a tag: GF_Field_Checkbox::sanitize_entry_value() and GF_Field_Radio's.
 * - An entry has the inputs with a value: a field with several inputs by "1.3", a box that is not checked not at all.
 * - Several choices are JSON, or one input each. Lists are serialized; for a CSV file they are arrays, otherwise text or JSON:
 *   GF_Field_List::get_value_export() in includes/fields/class-gf-field-list.php.
 */

class GF_Field implements ArrayAccess {
	public $id;
	public $type       = 'text';
	public $inputType  = '';
	public $label      = '';
	public $adminLabel = '';
	public $inputs     = null;

	public function __construct( array $properties ) {
		foreach ( $properties as $name => $value ) {
			$this->$name = $value;
		}
	}

	public function get_value_export( $entry, $input_id = '', $use_text = false, $is_csv = false ) {
		$value = isset( $entry[ $input_id ] ) ? $entry[ $input_id ] : '';
		if ( 'list' !== $this->type || '' === $value ) {
			return $value;
		}
		$value = unserialize( $value, array( 'allowed_classes' => false ) );
		if ( $is_csv ) {
			return $value;
		}
		return is_array( reset( $value ) ) ? json_encode( $value ) : implode( ', ', array_filter( $value ) );
	}

	#[\ReturnTypeWillChange]
	public function offsetExists( $offset ) {
		return isset( $this->$offset );
	}

	#[\ReturnTypeWillChange]
	public function offsetGet( $offset ) {
		return isset( $this->$offset ) ? $this->$offset : '';
	}

	#[\ReturnTypeWillChange]
	public function offsetSet( $offset, $value ) {
		$this->$offset = $value;
	}

	#[\ReturnTypeWillChange]
	public function offsetUnset( $offset ) {
		unset( $this->$offset );
	}
}

class GFAPI {
	public static function get_form( $form_id ) {
		$forms = get_option( 'standin_gf', array() );
		if ( ! isset( $forms[ (int) $form_id ] ) ) {
			return false;
		}
		$form           = $forms[ (int) $form_id ];
		$form['id']     = (int) $form_id;
		$form['fields'] = array_map(
			static function ( $field ) {
				return new GF_Field( $field );
			},
			$form['fields']
		);
		return $form;
	}

	public static function get_forms( $active = true, $trash = false ) {
		return array_map( array( __CLASS__, 'get_form' ), array_keys( get_option( 'standin_gf', array() ) ) );
	}
}

/**
 * Sends a form in; spam is kept and told about as well.
 */
function standin_gf_submit( $form_id, array $values, $entry_id = 1, $status = 'active' ) {
	$form  = GFAPI::get_form( $form_id );
	foreach ( $form['fields'] as $field ) {
		foreach ( in_array( $field->type, array( 'checkbox', 'radio' ), true ) ? array_keys( $values ) : array() as $key ) {
			if ( (int) $key === (int) $field->id ) {
				$values[ $key ] = strip_tags( wp_kses_post( $values[ $key ] ) );
			}
		}
	}
	$entry = array_filter( $values, 'strlen' ) + array(
		'id'             => (string) $entry_id,
		'form_id'        => (string) $form_id,
		'post_id'        => null,
		'date_created'   => gmdate( 'Y-m-d H:i:s' ),
		'is_starred'     => 0,
		'is_read'        => 0,
		'ip'             => '127.0.0.1',
		'source_url'     => 'http://127.0.0.1/quote/?utm_source=letter&utm_campaign=spring',
		'user_agent'     => 'Browser',
		'payment_status' => null,
		'created_by'     => null,
		'status'         => $status,
	);
	do_action( 'gform_after_submission', $entry, $form );
	do_action( "gform_after_submission_{$form_id}", $entry, $form );
}
