<?php
/**
 * Plugin Name: Stand-in for Bricks
 *
 * For tests only. As academy.bricksbuilder.io documents bricks/form/custom_action: get_fields() has the posted values as
 * form-field-ID with formId and postId, get_settings() the settings of the element. The real theme is not public.
 */

define( 'BRICKS_VERSION', '1.12' );

class Standin_Bricks_Form {
	private $fields;
	private $settings;

	public function __construct( array $fields, array $settings ) {
		$this->fields   = $fields;
		$this->settings = $settings;
	}

	public function get_fields() {
		return $this->fields;
	}

	public function get_settings() {
		return $this->settings;
	}
}

function standin_bricks_submit( $form_id, $page_id, array $fields ) {
	$values   = array( 'formId' => $form_id, 'postId' => (string) $page_id, 'referrer' => home_url( '/' ), 'nonce' => 'abcdef0123' );
	$settings = array( 'actions' => array( 'custom' ), 'fields' => array() );
	foreach ( $fields as $id => $field ) {
		$settings['fields'][]            = array( 'id' => $id, 'type' => $field[0], 'label' => $field[1] );
		$values[ 'form-field-' . $id ] = $field[2];
	}
	do_action( 'bricks/form/custom_action', new Standin_Bricks_Form( $values, $settings ) );
}
