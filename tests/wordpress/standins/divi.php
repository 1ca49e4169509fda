<?php
/**
 * Plugin Name: Stand-in for Divi
 *
 * For tests only. The hook exists since Divi 4.13.1 (includes/builder/module/ContactForm.php); values are those of $_POST,
 * with WordPress's slashes, and it fires after a mistake in the form too. The real theme is not public: the arguments are
 * those that many public plugins read.
 */

define( 'ET_BUILDER_VERSION', '4.27.4' );

function standin_divi_submit( $page_id, array $fields, $has_error = false ) {
	$values = array();
	foreach ( $fields as $id => $field ) {
		$values[ $id ] = array( 'value' => wp_slash( $field[1] ), 'label' => $field[0] );
	}
	do_action(
		'et_pb_contact_form_submit',
		$has_error ? array() : $values,
		$has_error,
		array(
			'contact_form_id'        => 'et_pb_contact_form_0',
			'contact_form_number'    => 0,
			'contact_form_unique_id' => 'c0ffee12-3456-7890-abcd-ef0123456789',
			'module_slug'            => 'et_pb_contact_form',
			'post_id'                => $page_id,
		)
	);
}
