<?php
/**
 * Plugin Name: Stand-in for Ninja Forms
 *
 * For tests only. Forms are kept in an option: id => title, fields (id => type, label, key, further settings). As seen on 3.14.3
 * (NF_AJAX_Controllers_Submission::process() in includes/AJAX/Controllers/Submission.php):
 *
 * - Values are as typed. Every field of the form is in the data, with a value or without. Choices are the values that the
 *   editor makes of their labels, such as "coffee-black".
 * - A date with a time is an array (includes/Fields/Date.php). A repeater has a value for each field and row, by keys such as
 *   "9.1_0" (includes/Fields/Repeater.php). The confirmation of an e-mail address is a field with the same value.
 * - The settings of a field are beside its value, and once more under "settings".
 */

class Standin_NF_Model {
	private $id;
	private $settings;

	public function __construct( $id, array $settings ) {
		$this->id       = $id;
		$this->settings = $settings;
	}

	public function get_id() {
		return $this->id;
	}

	public function get_setting( $name ) {
		return isset( $this->settings[ $name ] ) ? $this->settings[ $name ] : null;
	}
}

class Standin_NF_Factory {
	private $id;

	public function __construct( $id ) {
		$this->id = $id;
	}

	public function get_forms() {
		$forms = array();
		foreach ( get_option( 'standin_nf', array() ) as $id => $form ) {
			$forms[] = new Standin_NF_Model( $id, array( 'title' => $form['title'] ) );
		}
		return $forms;
	}

	public function get_fields() {
		$fields = array();
		$forms  = get_option( 'standin_nf', array() );
		foreach ( isset( $forms[ $this->id ] ) ? $forms[ $this->id ]['fields'] : array() as $id => $field ) {
			$fields[ $id ] = new Standin_NF_Model( $id, standin_nf_settings( $field ) );
		}
		return $fields;
	}
}

class Standin_NF {
	public function form( $id = '' ) {
		return new Standin_NF_Factory( (int) $id );
	}
}

function Ninja_Forms() {
	static $one = null;
	$one        = $one ? $one : new Standin_NF();
	return $one;
}

function standin_nf_settings( array $field ) {
	return array_combine( array( 'type', 'label', 'key' ), array_slice( $field, 0, 3 ) ) + ( isset( $field[3] ) ? $field[3] : array() );
}

/**
 * Sends a form in, or tries it out in the editor. $nested puts the fields' settings where newer versions keep them.
 */
function standin_nf_submit( $form_id, array $values, $sub_id = 0, $is_preview = false, $nested = false ) {
	$form   = get_option( 'standin_nf' )[ $form_id ];
	$fields = array();
	foreach ( $form['fields'] as $id => $field ) {
		$settings      = standin_nf_settings( $field );
		$fields[ $id ] = array(
			'id'    => $id,
			'value' => isset( $values[ $id ] ) ? $values[ $id ] : '',
		) + ( $nested ? array( 'settings' => $settings ) : $settings );
	}
	$data = array(
		'form_id'  => (string) $form_id,
		'settings' => array(
			'title'      => $form['title'],
			'is_preview' => $is_preview,
		),
		'fields'   => $fields,
		'actions'  => $sub_id ? array( 'save' => array( 'sub_id' => $sub_id ) ) : array(),
	);
	do_action( 'ninja_forms_after_submission', $data );
}
