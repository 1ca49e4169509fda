<?php
/**
 * Plugin Name: Stand-in for WPForms
 *
 * For tests only. Forms are posts of the type wpforms, their text is JSON, as in the real plugin.
 */

add_action(
	'init',
	static function () {
		register_post_type( 'wpforms' );
	}
);

function wpforms() {
	return new stdClass();
}

/**
 * Makes a form; fields as id => type, label, and whether several choices can be made.
 */
function standin_wpforms_make( $title, array $fields ) {
	$json = array(
		'settings' => array( 'form_title' => $title ),
		'fields'   => array(),
	);
	foreach ( $fields as $id => $field ) {
		$json['fields'][ $id ] = array(
			'id'    => (string) $id,
			'type'  => $field[0],
			'label' => $field[1],
		) + ( isset( $field[2] ) ? array( 'multiple' => '1' ) : array() );
	}
	// Forms are made by administrators, whose HTML is not filtered.
	kses_remove_filters();
	$id = wp_insert_post(
		array(
			'post_type'    => 'wpforms',
			'post_status'  => 'publish',
			'post_title'   => $title,
			'post_content' => wp_slash( wp_json_encode( $json ) ),
		)
	);
	kses_init();
	return $id;
}

/**
 * What the real plugin makes of a value (format() in includes/fields/class-name.php, class-text.php, class-textarea.php,
 * class-checkbox.php and class-select.php, 2.0.0): sanitized, several choices in lines, a name with its parts.
 */
function standin_wpforms_format( array $field, $value ) {
	$lines = array_map( 'sanitize_text_field', (array) $value );
	$parts = array();
	if ( 'name' === $field['type'] ) {
		foreach ( array( 'first', 'middle', 'last' ) as $part ) {
			$parts[ $part ] = is_array( $value ) && isset( $value[ $part ] ) ? sanitize_text_field( $value[ $part ] ) : '';
		}
		$lines = is_array( $value ) ? array( implode( ' ', array_filter( $parts ) ) ) : $lines;
	}
	return $parts + array(
		'value' => 'textarea' === $field['type'] ? sanitize_textarea_field( $value ) : implode( "\n", $lines ),
	);
}

/**
 * Sends a form in. The free edition keeps no entry: its number is 0. An entry kept as spam does not reach the usual hook.
 */
function standin_wpforms_submit( $form_id, array $values, $entry_id = 0, $is_spam = false ) {
	$form_data       = json_decode( get_post( $form_id )->post_content, true );
	$form_data['id'] = (string) $form_id;
	$fields          = array();
	foreach ( $form_data['fields'] as $id => $field ) {
		$fields[ $id ] = array(
			'name' => sanitize_text_field( $field['label'] ),
			'id'   => (int) $id,
			'type' => $field['type'],
		) + standin_wpforms_format( $field, isset( $values[ $id ] ) ? $values[ $id ] : '' );
	}
	$entry = array(
		'id'     => (string) $form_id,
		'fields' => $values,
	);
	if ( $is_spam ) {
		do_action( 'wpforms_process_anti_spam_entry_marked_as_spam', $entry_id, $form_id );
		return;
	}
	do_action( 'wpforms_process_entry_saved', $fields, $entry, $form_data, $entry_id );
	do_action( 'wpforms_process_complete', $fields, $entry, $form_data, $entry_id );
	do_action( "wpforms_process_complete_{$form_id}", $fields, $entry, $form_data, $entry_id );
}
