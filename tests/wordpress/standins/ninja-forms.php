<?php
/**
 * Plugin Name: Stand-in for Ninja Forms
 *
 * For tests only. Forms are kept in an option: id => title, fields (id => type, label, key).
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
			$fields[ $id ] = new Standin_NF_Model( $id, array_combine( array( 'type', 'label', 'key' ), $field ) );
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

/**
 * Sends a form in, or tries it out in the editor. $nested puts the fields' settings where newer versions keep them.
 */
function standin_nf_submit( $form_id, array $values, $sub_id = 0, $is_preview = false, $nested = false ) {
	$form   = get_option( 'standin_nf' )[ $form_id ];
	$fields = array();
	foreach ( $form['fields'] as $id => $field ) {
		$settings      = array_combine( array( 'type', 'label', 'key' ), $field );
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
